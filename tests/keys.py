"""Keys for workers and starts in tests."""

from pathlib import Path
from typing import Final

from pydantic import SecretStr
from temporalio.client import Client

from resolute.temporal.trust.seals import PlanKeys
from resolute.temporal.values.ciphers import PayloadKeys
from resolute.temporal.values.converting import data_converter
from resolute.temporal.values.stores import store_of

KEY: Final = "a-key-of-the-tests-and-of-nothing-else"
KEYS: Final = PlanKeys((SecretStr(KEY),))
PAYLOAD_KEY: Final = "tests:" + 32 * "5a"


def encrypting(client: Client, *keys: str, store: Path | str | None = None) -> Client:
    """A client on the same connection that encrypts what it writes, and stores what is large."""
    config = client.config()
    config["data_converter"] = data_converter(
        PayloadKeys.of([SecretStr(key) for key in keys]), None if store is None else store_of(str(store))
    )
    return Client(**config)
