"""Keys for workers and starts in tests."""

from typing import Final

from pydantic import SecretStr

from resolute.temporal.seals import PlanKeys

KEY: Final = "a-key-of-the-tests-and-of-nothing-else"
KEYS: Final = PlanKeys((SecretStr(KEY),))
