r"""Regular expressions over texts of strangers, matched in time that grows with the text and no faster.

RE2 reads them. It knows what Python knows but for looking around and back-references, which no such engine can have;
`\d`, `\w`, `\s` and `\b` mean ASCII, and `$` is the end of the text.

Source: https://github.com/google/re2/wiki/Syntax
"""

from __future__ import annotations

import importlib
from functools import lru_cache
from typing import Any

from resolute.plan.errors import ExpressionError


def check_pattern(pattern: str) -> None:
    """Sees that a pattern can be used.

    Raises:
        ExpressionError: it cannot.
    """
    _compiled(pattern)


def is_found(pattern: str, text: str) -> bool:
    """Whether a text has a match of a pattern anywhere in it.

    >>> is_found("db-[0-9]", "db-7 is down")
    True

    Raises:
        ExpressionError: the pattern cannot be used.
    """
    # Halves of characters are no text to RE2; a question mark stands for each.
    return _compiled(pattern).search(text.encode(errors="replace")) is not None


@lru_cache(maxsize=128)
def _compiled(pattern: str) -> Any:
    re2: Any = importlib.import_module("re2")  # without types, and loaded only where there is a pattern
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern.encode(), options)
    except (re2.error, UnicodeEncodeError) as error:
        raise ExpressionError(_said(error)) from None


def _said(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)
