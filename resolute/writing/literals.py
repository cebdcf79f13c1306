"""What an author writes as a value, looked through before anything else walks over it.

Python allows more than JSON: lists that hold themselves, keys that are numbers, NaN. None of it may reach a plan, be
changed without a word, or end the check of a flow with Python's own error.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from enum import Enum
from typing import Final, cast

from resolute.plan.errors import NotJsonError
from resolute.plan.expressions import Expression, InputModel, fields_of, operator_and_operands
from resolute.plan.values import DEEPEST, check_leaf, jsonable, place_of

_PATHS: Final = frozenset({"$output", "$previous", "$last", "$item", "$input", "$failure"})

Path = tuple[str | int, ...]


def check_literal(value: object) -> None:
    """Refuses a value that a plan cannot hold as it is; what stands in expressions included.

    Raises:
        NotJsonError: a part of the value is not JSON; says where, and what to write instead.
    """
    _look(value, (), ())


def _look(value: object, path: Path, around: tuple[int, ...]) -> None:
    if isinstance(value, Expression):
        _look_at_expression(value, path, around)
        return
    parts = _parts_of(value, path)
    if parts is None:
        check_leaf(path, value.value if isinstance(value, Enum) else value)
        return
    if id(value) in around:
        raise NotJsonError(place_of(path), "the value contains itself", "remove the circular reference")
    if len(path) >= DEEPEST:
        raise NotJsonError(
            place_of(path), f"lists and objects are nested more than {DEEPEST} deep", "give the parts as a flat list"
        )
    for key, item in parts:
        _look(item, (*path, key), (*around, id(value)))


def _parts_of(value: object, path: Path) -> list[tuple[str | int, object]] | None:
    """What is inside a value, by key; None where it is no list, no object and no model."""
    if isinstance(value, Mapping):
        return _items_of(cast("Mapping[object, object]", value), path)
    if isinstance(value, (list, tuple, Set)) and not isinstance(value, str):
        return list(enumerate(cast("list[object]", value)))
    fields = fields_of(value)
    return cast("list[tuple[str | int, object]]", fields) if fields else None


def _items_of(value: Mapping[object, object], path: Path) -> list[tuple[str | int, object]]:
    written: dict[str, object] = {}
    for key, item in value.items():
        text = _key(key, path)
        if text in written:
            raise NotJsonError(place_of(path), f"two keys are both written {text!r} in JSON", "rename one of them")
        written[text] = item
    return cast("list[tuple[str | int, object]]", list(written.items()))


def _key(key: object, path: Path) -> str:
    if isinstance(key, Expression):
        raise NotJsonError(
            place_of(path), f"{key!r} cannot be a key", "put it into a list of pairs, or build it in a node"
        )
    if key is None or isinstance(key, (bool, float, tuple)):
        raise NotJsonError(place_of(path), f"{key!r} cannot be a key of a JSON object", "write the key as text")
    try:
        text = key if isinstance(key, str) else jsonable(key)
    except ValueError:
        text = None
    if isinstance(text, bool) or not isinstance(text, (str, int)):
        raise NotJsonError(
            place_of(path), f"a {type(key).__name__} cannot be a key of a JSON object", "write the key as text"
        )
    check_leaf((*path, str(text)), text)
    return str(text)


def _look_at_expression(value: Expression, path: Path, around: tuple[int, ...]) -> None:
    if len(around) >= DEEPEST or id(value) in around:
        raise NotJsonError(place_of(path), f"expressions are nested more than {DEEPEST} deep", "decide in a node")
    operator, operands = operator_and_operands(value)
    if operator in _PATHS:
        # The first of an output's is its step, of an item's what it is an item of.
        for key in operands if operator in {"$input", "$failure"} else operands[1:]:
            if not isinstance(key, InputModel):
                _check_index(key, path)
        return
    if operator == "$at":
        for key in operands[1:]:
            _check_index(key, path)
        operands = operands[:1]
    for operand in operands:
        _look(operand, path, (*around, id(value)))


def _check_index(key: object, path: Path) -> None:
    shown = key
    if isinstance(key, slice):
        start, stop = cast("tuple[object, object]", (key.start, key.stop))  # pyright: ignore[reportUnknownMemberType]  # of any slice
        shown = f"{'' if start is None else start}:{'' if stop is None else stop}"
    if isinstance(key, str):
        check_leaf(path, key)
    elif isinstance(key, bool) or not isinstance(key, int) or key < 0:
        raise NotJsonError(
            place_of(path),
            f"a reference is followed by names and by positions from 0 on, not by [{shown}]",
            "let a node pick it and read the node's output",
        )
