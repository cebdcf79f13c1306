"""Untrusted text for a terminal: titles and notes whose control characters are shown instead of obeyed."""

from __future__ import annotations

import re
from typing import Final

_CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
r"""All that moves a cursor, colours, or turns the direction of writing; `\t` and `\n` do no harm."""


def harmless(text: str) -> str:
    r"""The text with control characters as they are written in JSON, so that JSON stays what it is.

    >>> print(harmless("Checkout \x1b[2Jis fine"))
    Checkout \u001b[2Jis fine
    """
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
