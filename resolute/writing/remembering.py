"""What a flow reads of its earlier runs: which steps, which parts of their outputs, and of which type those are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from resolute.plan.cursors import schema_of
from resolute.plan.described import dotted
from resolute.plan.errors import Problem
from resolute.plan.fitting import standalone
from resolute.plan.language import expressions_in
from resolute.plan.plan import Followed, Remembered
from resolute.plan.shapes import Shape, shape_of_type
from resolute.plan.step import Step, walk
from resolute.plan.triggers import Schedule, Trigger
from resolute.plan.values import Json

Path = tuple[str | int, ...]


def reads_of_earlier_runs(steps: tuple[Step, ...], returns: Json) -> list[tuple[str, Path]]:
    """Every `previous(...)` of a flow, as a step and a path into its output, in the order of the plan."""
    values = [value for step in walk(steps) for value in step.values()]
    return list(
        dict.fromkeys(
            (str(inner[0]), cast("Path", tuple(inner[1:])))
            for value in [*values, returns]
            for operator, inner in expressions_in(value)
            if operator == "$previous"
        )
    )


def followed(steps: tuple[Step, ...], returns: Json) -> tuple[Followed, ...]:
    """The cursors that a flow reads, with the types that it reads them as, in the order of the plan."""
    types: dict[str, list[dict[str, Any]]] = {}
    for value in [*(value for step in walk(steps) for value in step.values()), returns]:
        for operator, inner in expressions_in(value):
            if operator == "$cursor":
                known = types.setdefault(str(inner[0]), [])
                if len(inner) > 1 and (schema := schema_of(inner[1])) not in known:
                    known.append(schema)
    return tuple(Followed(name=name, types=tuple(known)) for name, known in types.items())


def problems_of_cursors(cursors: Iterable[Followed]) -> list[Problem]:
    """Cursors that a flow reads as values of two types."""
    return [
        Problem(
            f"cursor {cursor.name!r}",
            "it is read as two types, and its value cannot fit both",
            f"say the same everywhere: define where = cursor({cursor.name!r}, ...) once and use that",
        )
        for cursor in cursors
        if len(cursor.types) > 1
    ]


def decides(steps: tuple[Step, ...]) -> bool:
    """Whether a function given to `when` looks at the state, and so at every named step of the run before."""
    return any("$state" in {op for op, _ in expressions_in(value)} for step in walk(steps) for value in step.values())


def remembered(reads: Iterable[tuple[str, Path]], types: Mapping[str, Any]) -> tuple[Remembered, ...]:
    """The reads with the types that the values have to fit; `types` are those of the outputs, by step."""
    return tuple(
        Remembered(step=step, path=path, types=types_at(types[step], path)) for step, path in reads if step in types
    )


def problems_of_memory(
    reads: Iterable[tuple[str, Path]],
    triggers: Iterable[Trigger],
    *,
    named: Iterable[str],
    unnamed: Iterable[str],
) -> list[Problem]:
    """Why a flow that reads earlier runs could not rely on what it reads."""
    found: list[Problem] = []
    reads, named = list(reads), set(named)
    for step, path in reads:
        if step in unnamed and step not in named:
            found.append(
                Problem(
                    f"step {step!r}",
                    f"previous({dotted([step, *path])}) reads it, but the step has no name",
                    f"name it with .as_({step!r}): a name that is made up changes when the flow is edited",
                )
            )
    triggers = list(triggers)
    if not reads or not any(isinstance(trigger, Schedule) and trigger.keeps_previous for trigger in triggers):
        return found
    for index, trigger in enumerate(triggers):
        if isinstance(trigger, Schedule) and trigger.overlap == "terminate_other":
            found.append(
                Problem(
                    f"trigger[{index}]",
                    "previous(...) needs runs that can hand on what they know, and terminate_other cuts them off",
                    'use overlap="cancel_other", which lets the run before undo its work and hand on its memory',
                )
            )
    return found


def types_at(annotation: Any, path: Path) -> tuple[dict[str, Any], ...]:
    """The type at a path, as it is written and as it is read: values of both kinds are kept."""
    found: list[dict[str, Any]] = []
    for mode in ("serialization", "validation"):
        shape: Shape | None = shape_of_type(annotation, mode)
        for key in path:
            shape = shape.at(key) if shape else None
        schema = dict(standalone(shape)) if shape else None
        if schema is not None and schema not in found:
            found.append(schema)
    return tuple(found) or ({},)
