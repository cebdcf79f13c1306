"""Texts as Slack takes them: escaped, and no longer than it accepts.

Source: https://docs.slack.dev/messaging/formatting-message-text, https://docs.slack.dev/reference/block-kit/blocks
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from resolute_slack.errors import InvalidRequestError

LONGEST_TEXT: Final = 40_000
"""Characters of a message. Slack cuts a longer one off without a word."""

LONGEST_SECTION: Final = 3_000
"""Characters of the text in one block."""

MOST_BLOCKS: Final = 50
LONGEST_VALUE: Final = 2_000
"""Characters that a button carries."""

_NOTE: Final = 60
"""Characters for saying how much is left out."""


def escaped(text: str) -> str:
    """Text that Slack shows as it is: nobody is mentioned, and nothing is a link that does not look like one.

    >>> escaped("<!channel> 1 < 2 & 3")
    '&lt;!channel&gt; 1 &lt; 2 &amp; 3'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def fitted(text: str, limit: int = LONGEST_TEXT) -> tuple[str, int]:
    r"""A text that Slack accepts, and how many of its characters are left out, which the text says.

    >>> fitted("all is well", 100)
    ('all is well', 0)
    >>> text, left_out = fitted("x" * 200, 100)
    >>> len(text) <= 100, left_out, text[-32:]
    (True, 160, '\\n… (160 characters are left out)')
    """
    if len(text) <= limit:
        return text, 0
    kept = _whole(text[: limit - _NOTE])
    left_out = len(text) - len(kept)
    return f"{kept}\n… ({left_out:,} characters are left out)", left_out


def _whole(text: str) -> str:
    """The text without the beginning of something escaped that was cut in two."""
    start = text.rfind("&", len(text) - 4)
    return text if start < 0 or ";" in text[start:] else text[:start]


def section(text: str) -> dict[str, Any]:
    """A block with a text, which has been escaped."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": fitted(text, LONGEST_SECTION)[0]}}


def checked_blocks(blocks: Sequence[Mapping[str, Any]] | None) -> list[dict[str, Any]] | None:
    """The blocks that an author gives.

    Raises:
        InvalidRequestError: they are more or longer than Slack accepts.
    """
    if blocks is None:
        return None
    if len(blocks) > MOST_BLOCKS:
        raise InvalidRequestError("blocks", f"{len(blocks)} blocks, Slack accepts {MOST_BLOCKS} in a message")
    for number, block in enumerate(blocks):
        for length in _lengths(block):
            if length > LONGEST_SECTION:
                raise InvalidRequestError(
                    f"blocks[{number}]",
                    f"a text of {length:,} characters, Slack accepts {LONGEST_SECTION:,} in a block",
                )
    return [dict(block) for block in blocks]


def _lengths(value: object) -> list[int]:
    """The lengths of all texts in a block."""
    found: list[int] = []
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            found.append(len(each))
        elif isinstance(each, Mapping):
            waiting += cast("Mapping[str, object]", each).values()
        elif isinstance(each, (list, tuple)):
            waiting += cast("Sequence[object]", each)
    return found
