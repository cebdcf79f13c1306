"""Texts of bounded length, as they can be recorded."""

from __future__ import annotations

from typing import Final, cast

TEXT_LIMIT: Final = 4096
"""Characters of an error's text that are kept; of a longer one, its beginning and its end."""

NAME_LIMIT: Final = 200
"""Characters of a name that are kept, such as the class of an error."""

_NOTE: Final = 40
"""Characters for saying how much is left out."""

_MOST: Final = 5
"""Errors of a group that its text tells."""


def shortened(text: str, limit: int = TEXT_LIMIT) -> str:
    """A text of bounded length that can be recorded: a longer one keeps its beginning and its end.

    >>> shortened("the beginning, then much that nobody reads, and the end", 50)
    'the begi [45 characters left out] nd'
    """
    # Half of a pair that stands for one letter has no UTF-8 form, and Temporal's messages are written in it.
    text = text.encode("utf-8", "backslashreplace").decode()
    if len(text) <= limit:
        return text
    kept = limit - _NOTE
    tail = kept // 4
    return f"{text[: kept - tail]} [{len(text) - kept:,} characters left out] {text[-tail:]}"


def said_by(error: BaseException) -> str:
    """What an error says, however long: the name of its class where it says nothing, or cannot.

    A group says what its members say, and a `KeyError`, whose own text is the bare key, that the key is not there.

    >>> said_by(KeyError("incident"))
    "there is no key 'incident'"
    """
    name = type(error).__name__
    try:
        if isinstance(error, BaseExceptionGroup):
            return _said_by_group(cast("BaseExceptionGroup[BaseException]", error))
        if variable := missing_variable(error):
            return f"the environment variable {variable!r} is not set"
        if type(error) is KeyError and len(error.args) == 1:
            return f"there is no key {error.args[0]!r}"
        return str(cast("BaseException", error)) or name
    except Exception as broken:
        return f"{name}, whose text cannot be read: {type(broken).__name__}"


def missing_variable(error: BaseException) -> str:
    """The variable that `os.environ[...]` was asked for and did not have; empty for every other error."""
    trace = error.__traceback__ if type(error) is KeyError else None
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    is_of_os = trace is not None and trace.tb_frame.f_globals.get("__name__") == "os"
    return str(error.args[0]) if is_of_os and error.args else ""


def _said_by_group(group: BaseExceptionGroup[BaseException]) -> str:
    """What a group says and what its members do, members of members included, as many as anybody reads."""
    found: list[BaseException] = []
    waiting: list[BaseException] = [*group.exceptions]
    while waiting and len(found) <= _MOST:
        error = waiting.pop(0)
        if isinstance(error, BaseExceptionGroup):
            waiting = [*cast("BaseExceptionGroup[BaseException]", error).exceptions, *waiting]
        else:
            found.append(error)
    said = [f"{type(error).__name__}: {said_by(error)}" for error in found[:_MOST]]
    return "; ".join([f"{group.message}: {said[0]}", *said[1:], *(["and more"] if len(found) > _MOST else [])])


def text_of(error: BaseException) -> str:
    """What an error says, shortened."""
    return shortened(said_by(error))


def name_of(error: BaseException) -> str:
    """The class of an error, as failures tell it."""
    return shortened(type(error).__name__, NAME_LIMIT)
