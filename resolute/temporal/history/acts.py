"""The writes of two runs, compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, cast

from resolute.plan.values import Json, JsonObject, digest

_CLOSE: Final = timedelta(minutes=1)
"""Times that differ by no more are the same question: an edit moves by moments when a step is reached."""

_MOST: Final = 1_000
"""Writes of two runs that are compared one by one, where they are not simply equal."""


@dataclass(frozen=True)
class Act:
    """A write of a run, with its arguments as they are recorded."""

    step: str
    node: str
    arguments: JsonObject


def alike(one: Json, other: Json) -> bool:
    """Whether two values are the same but for times that are close together."""
    if one == other:
        return True
    match one, other:
        case str(), str():
            return _close(one, other)
        case Mapping(), Mapping():
            return one.keys() == other.keys() and all(alike(value, other[key]) for key, value in one.items())
        case [*first], [*second]:
            return len(first) == len(second) and all(alike(a, b) for a, b in zip(first, second, strict=True))
        case _:
            return False


def _close(one: str, other: str) -> bool:
    try:
        return abs(datetime.fromisoformat(one) - datetime.fromisoformat(other)) <= _CLOSE
    except (ValueError, TypeError):
        return False


def differences(was: Sequence[Act], would: Sequence[Act]) -> tuple[list[Act], list[Act]]:
    """The writes of the one that the other has not, and the other way round; wherever they stand."""
    left: dict[str, list[Act]] = defaultdict(list)
    for act in was:
        left[_key(act)].append(act)
    new = [act for act in would if not (left[_key(act)] and left[_key(act)].pop(0))]
    no_longer = [act for acts in left.values() for act in acts]
    if len(new) <= _MOST and len(no_longer) <= _MOST:
        for act in tuple(new):
            same = (each for each in no_longer if each.node == act.node and alike(each.arguments, act.arguments))
            if (found := next(same, None)) is not None:
                no_longer.remove(found)
                new.remove(act)
    return no_longer, new


def _key(act: Act) -> str:
    return digest([act.node, cast("Json", act.arguments)])
