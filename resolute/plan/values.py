"""JSON values: what plans, arguments and outputs are made of."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from pydantic_core import to_json, to_jsonable_python
from typing_extensions import TypeAliasType

from resolute.plan.errors import NotJsonError

if TYPE_CHECKING:
    Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
else:
    # A named alias, so that annotations with it can be resolved in any module, and by pydantic.
    Json = TypeAliasType("Json", bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"] | None)
"""A JSON value. Read-only by type: nobody writes into a plan or a recorded output."""

JsonObject: TypeAlias = Mapping[str, Json]

DEEPEST: Final = 100
"""Levels of lists and objects in one value. Parsers of JSON give up somewhere beyond; ours say so here."""

_MOST_BITS: Final = 14_000
"""Bits of an integer, about 4,200 digits: Python refuses to read or write more."""


def jsonable(value: object) -> Json:
    """The JSON form of a Python value: models and dataclasses as objects by field name, times as ISO 8601 text.

    Raises:
        ValueError: the value has no JSON form (`NotJsonError` and `pydantic_core.PydanticSerializationError` are some).
    """
    return plain(cast("Json", to_jsonable_python(value, by_alias=False, inf_nan_mode="constants")))


def plain(value: Json) -> Json:
    """The value, where every reader of JSON gets the same: finite numbers, whole Unicode, at most `DEEPEST` levels.

    Raises:
        NotJsonError: a part of it is not so; names the first one.
    """
    waiting: list[tuple[tuple[str | int, ...], Json]] = [((), value)]
    while waiting:
        path, item = waiting.pop()
        if isinstance(item, Mapping):
            _check_depth(path)
            for key, inner in item.items():
                check_leaf((*path, key), key)
                waiting.append(((*path, key), inner))
        elif isinstance(item, (list, tuple)):
            _check_depth(path)
            waiting.extend(((*path, index), inner) for index, inner in enumerate(item))
        else:
            check_leaf(path, item)
    return value


def check_leaf(path: tuple[str | int, ...], value: object) -> None:
    """Refuses a number or a text that JSON cannot hold.

    Raises:
        NotJsonError: it is one.
    """
    match value:
        case float() if not math.isfinite(value):
            raise NotJsonError(place_of(path), f"{value} is no JSON number", "give null where a number is not known")
        case int() if value.bit_length() > _MOST_BITS:
            raise NotJsonError(place_of(path), "the number has more than 4,000 digits", "give it as text")
        case str() if not value.isascii() and _is_broken(value):
            message = "the text holds half of a character (a lone surrogate)"
            raise NotJsonError(place_of(path), message, "decode it with errors='replace'")
        case _:
            return


def place_of(path: tuple[str | int, ...]) -> str:
    """The way to a part of a value, as a person writes it; long ways are cut.

    >>> place_of(("items", 0, "load"))
    'items[0].load'
    """
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path[:12])
    whole = text.removeprefix(".").encode(errors="replace").decode()
    return whole if len(path) <= 12 and len(whole) <= 120 else f"{whole[:120]}..."


def size_of(value: Json) -> int:
    """The size of a value in bytes, as JSON in UTF-8 without white space; what Temporal counts is `recorded_size`."""
    return len(to_json(value))


def digest(value: Json) -> str:
    """A short name for a value that is the same in every process: 16 hexadecimal digits of its SHA-256."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _check_depth(path: tuple[str | int, ...]) -> None:
    if len(path) >= DEEPEST:
        raise NotJsonError(
            place_of(path), f"lists and objects are nested more than {DEEPEST} deep", "give the parts as a flat list"
        )


def _is_broken(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
