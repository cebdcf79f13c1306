"""The templates of `text(...)`: `str.format` with positional fields, held to what cannot do harm.

A template comes from a plan and its values from strangers, so neither may ask for an attribute of a value, or for more
text than a run can carry.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Final

from resolute.plan.errors import TextError
from resolute.plan.limits import PAYLOAD_LIMIT
from resolute.plan.texts import shortened, text_of

WIDEST: Final = 10_000
"""The largest width or precision of a field."""

_NUMBER: Final = re.compile(r"\d+")
_CONVERSIONS: Final = {"s": str, "r": repr, "a": ascii}


def template_problem(template: str, values: int) -> str:
    """What is wrong with a template for that many values; empty where it is right."""
    try:
        parsed = list(string.Formatter().parse(template))
    except ValueError as error:
        return f": {error}; write '{{{{' and '}}}}' for braces"
    fields = [name for _, name, _, _ in parsed if name is not None]
    positional = all(name == "" for name in fields) or all(name.isdecimal() and len(name) < 6 for name in fields)
    if not positional or any("{" in (spec or "") for _, _, spec, _ in parsed):
        return ": fields are positional, all '{}' or all '{0}'; give the values in that order"
    if any(conversion and conversion not in _CONVERSIONS for _, _, _, conversion in parsed):
        return ": a conversion is one of !s, !r and !a"
    if any(len(size) > 5 or int(size) > WIDEST for _, _, spec, _ in parsed for size in _NUMBER.findall(spec or "")):
        return f": a width or precision is at most {WIDEST:,}"
    wanted = max((int(name) + 1 for name in fields if name), default=0) or len(fields)
    if wanted != values:
        return f" has {wanted} field(s) and was given {values} value(s)"
    return ""


def filled(template: str, values: Sequence[object]) -> str:
    """The template with the values in it.

    Raises:
        TextError: a value does not fit its field, or the text would be larger than a run can carry.
    """
    problem = template_problem(template, len(values))
    if problem:
        raise TextError(f"text({shortened(template, 200)!r}){problem}")
    parts: list[str] = []
    size = 0
    try:
        for part in _parts(template, values):
            size += len(part)
            if size > PAYLOAD_LIMIT:
                raise TextError(f"text({shortened(template, 200)!r}) would be longer than {PAYLOAD_LIMIT:,} characters")
            parts.append(part)
        text = "".join(parts)
        text.encode()
    except (ValueError, TypeError, ArithmeticError) as error:
        raise TextError(
            f"text({shortened(template, 200)!r}) cannot be filled with the given values: {text_of(error)}"
        ) from None
    return text


def _parts(template: str, values: Sequence[object]) -> Iterator[str]:
    unnumbered = count()
    for literal, name, spec, conversion in string.Formatter().parse(template):
        yield literal
        if name is None:
            continue
        value = values[int(name) if name else next(unnumbered)]
        yield format(_CONVERSIONS[conversion](value) if conversion else value, spec or "")
