"""What an error says, in a text that tells its reader something."""

import os
from collections.abc import Callable

import pytest

from resolute.plan.texts import said_by

TOO_MANY = [ValueError(str(number)) for number in range(9)]


def raised(call: Callable[[], object]) -> BaseException:
    """What a call raises, with its traceback."""
    try:
        call()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


ERRORS: list[tuple[BaseException, str]] = [
    (ValueError("no such metric"), "no such metric"),
    (ValueError(), "ValueError"),
    (raised(lambda: {"a": 1}["incident"]), "there is no key 'incident'"),
    (raised(lambda: os.environ["NOWHERE_SET"]), "the environment variable 'NOWHERE_SET' is not set"),
    (ExceptionGroup("unhandled errors in a TaskGroup", [KeyError("id"), TimeoutError("no answer")]),
     "unhandled errors in a TaskGroup: KeyError: there is no key 'id'; TimeoutError: no answer"),
    (ExceptionGroup("outer", [ExceptionGroup("inner", [OSError("refused")]), ValueError("bad")]),
     "outer: OSError: refused; ValueError: bad"),
    (ExceptionGroup("many", TOO_MANY),
     "many: ValueError: 0; ValueError: 1; ValueError: 2; ValueError: 3; ValueError: 4; and more"),
]  # fmt: skip


@pytest.mark.parametrize(("error", "said"), ERRORS)
def test_an_error_says_what_happened(error: BaseException, said: str) -> None:
    """A bare key, a group and an error without words are told so that one can act on them; a group is bounded."""
    assert said == said_by(error)
