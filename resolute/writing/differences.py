"""What differs between two plans, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final, Literal, TypeAlias, TypeGuard, cast

from resolute.plan.language import operator_of
from resolute.plan.plan import Plan
from resolute.plan.step import Step, walk
from resolute.plan.values import JsonObject

Kind: TypeAlias = Literal["added", "removed", "changed", "moved"]

_SIGNS: Final[Mapping[Kind, str]] = {"added": "+", "removed": "-", "changed": "~", "moved": ">"}

_NO_MATTER: Final = frozenset({"steps", "on_failure", "places", "outputs"})
"""What a plan says of its steps, which is compared step by step, and where they were written."""


@dataclass(frozen=True)
class Difference:
    """One thing that differs. `step` is empty where it is about the flow itself; `fields` are what has changed."""

    kind: Kind
    step: str
    title: str
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        changed = f": {', '.join(self.fields)}" if self.fields else ""
        return f"{_SIGNS[self.kind]} {self.title}{changed}"


def differences(before: Plan, after: Plan) -> list[Difference]:
    """What has to be done to the first plan to make it the second; nothing where they do the same.

    A step is known by its id. One that has another place is moved: inside another step, or in another order.
    """
    old, new = _steps(before), _steps(after)
    found: list[Difference] = []
    if fields := _changed(_settings(before), _settings(after)):
        found.append(Difference("changed", "", f"flow {after.name}", fields))
    found += [Difference("removed", key, step.title) for key, (step, _) in old.items() if key not in new]
    kept = [key for key in old if key in new]
    still = SequenceMatcher(None, kept, [key for key in new if key in old], autojunk=False).get_matching_blocks()
    in_order = {key for block in still for key in kept[block.a : block.a + block.size]}
    for key, (step, parent) in new.items():
        if key not in old:
            found.append(Difference("added", key, step.title))
        elif fields := _changed(_own(old[key][0]), _own(step)):
            found.append(Difference("changed", key, step.title, fields))
        elif old[key][1] != parent or key not in in_order:
            found.append(Difference("moved", key, step.title))
    return found


def _steps(plan: Plan) -> dict[str, tuple[Step, str]]:
    """Every step by its id, with where it is: the step and the block that it is in."""
    found: dict[str, tuple[Step, str]] = {}
    inside = {step.id: "on failure" for step in plan.on_failure}
    for step in walk((*plan.steps, *plan.on_failure)):
        found[step.id] = (step, inside.get(step.id, ""))
        for number, block in enumerate(step.blocks()):
            inside |= {inner.id: f"{step.id} {number}" for inner in block.steps}
    return found


def _own(step: Step) -> Mapping[str, Any]:
    """What a step says itself, without the steps that are in it."""
    held = {id(inner) for block in step.blocks() for inner in block.steps}
    return {
        name: value
        for name, value in step.model_dump(mode="json").items()
        if not _holds(getattr(step, name, None), held)
    }


def _holds(value: object, steps: set[int]) -> bool:
    if id(value) in steps:
        return True
    if isinstance(value, (list, tuple)):
        return any(_holds(each, steps) for each in cast("tuple[object, ...]", value))
    fields = getattr(value, "__dict__", {}) if not isinstance(value, Step) else {}
    return any(_holds(each, steps) for each in fields.values())


def _settings(plan: Plan) -> Mapping[str, Any]:
    return {name: value for name, value in plan.model_dump(mode="json").items() if name not in _NO_MATTER}


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """The fields that differ; of an object, those in it."""
    found: list[str] = []
    for name in sorted({*before, *after}):
        one, other = before.get(name), after.get(name)
        if one == other:
            continue
        if _is_object(one) and _is_object(other):
            found += [f"{name}.{each}" for each in _changed(one, other)]
        else:
            found.append(name)
    return tuple(found)


def _is_object(value: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether a value has fields of its own; an expression is compared as a whole."""
    return isinstance(value, Mapping) and operator_of(cast("JsonObject", value)) is None
