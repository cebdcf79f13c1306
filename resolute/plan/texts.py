"""Texts of bounded length, as they can be recorded."""

from __future__ import annotations

from typing import Final

TEXT_LIMIT: Final = 4096
"""Characters of an error's text that are kept; of a longer one, its beginning and its end."""

NAME_LIMIT: Final = 200
"""Characters of a name that are kept, such as the class of an error."""

_NOTE: Final = 40
"""Characters for saying how much is left out."""


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
    """What an error says, however long: the name of its class where it says nothing, or cannot."""
    try:
        return str(error) or type(error).__name__
    except Exception as broken:
        return f"{type(error).__name__}, whose text cannot be read: {type(broken).__name__}"


def text_of(error: BaseException) -> str:
    """What an error says, shortened."""
    return shortened(said_by(error))


def name_of(error: BaseException) -> str:
    """The class of an error, as failures tell it."""
    return shortened(type(error).__name__, NAME_LIMIT)
