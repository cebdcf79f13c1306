"""Parses docstrings: purpose, arguments, errors and example (Google style)."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

_SECTION: Final = re.compile(r"(Args|Returns|Raises|Example|Attributes|Source):\s*(.*)")
_ENTRY: Final = re.compile(r"(\w+): (.*)")


@dataclass(frozen=True)
class Docstring:
    """A docstring in parts. `entries` are the named lines of the sections Args, Raises and Attributes."""

    summary: str = ""
    body: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict[str, str])
    raises: Mapping[str, str] = field(default_factory=dict[str, str])
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])
    example: str = ""
    source: str = ""


def docstring_of(thing: object) -> Docstring:
    """The own docstring of a function or class; an empty one if it has none."""
    return parsed(inspect.cleandoc(getattr(thing, "__doc__", None) or ""))


def parsed(text: str) -> Docstring:
    r"""A docstring without the indentation of its code.

    >>> parsed("Adds.\n\nArgs:\n    one: the first,\n        a number.").arguments
    {'one': 'the first, a number.'}
    """
    summary, _, rest = text.partition("\n")
    sections = dict(_sections(rest))
    return Docstring(
        summary=summary.strip(),
        body=sections[""].strip(),
        arguments=_entries(sections.get("Args", "")),
        raises=_entries(sections.get("Raises", "")),
        attributes=_entries(sections.get("Attributes", "")),
        example=inspect.cleandoc(sections.get("Example", "")),
        source=sections.get("Source", "").strip(),
    )


def _sections(text: str) -> Iterator[tuple[str, str]]:
    name, lines = "", list[str]()
    for line in text.splitlines():
        begin = _SECTION.fullmatch(line)
        if begin:
            yield name, "\n".join(lines)
            name, lines = begin[1], [begin[2]]
        else:
            lines.append(line)
    yield name, "\n".join(lines)


def _entries(text: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    name = ""
    for line in inspect.cleandoc(text).splitlines():
        entry = _ENTRY.fullmatch(line)
        if entry:
            name = entry[1]
            found[name] = entry[2].strip()
        elif name and line.strip():
            found[name] += f" {line.strip()}"
    return found
