"""What a run knows of earlier runs, and what it hands on to the next.

A run hands its memory on however it ends: in its result, or in the details of its failure. Temporal passes the last
result and the last failure to the next run of a schedule; the one with the higher number counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, cast

from resolute.plan.fitting import fits
from resolute.plan.limits import recorded_size
from resolute.plan.plan import Plan, Remembered
from resolute.plan.shapes import Schema, Shape
from resolute.plan.values import Json, JsonObject
from resolute.running.result import OUTPUTS, RUN, holds_both

MEMORY_LIMIT: Final = 256 * 1024
"""Bytes of what one run hands on. It travels twice to the next run: as a result and as a failure."""

MEMORY: Final = "$memory"
KEPT: Final = "$kept"
SHADOW: Final = "$shadow"

NAMES_STEPS: Final = 2
"""The first interpreter whose plans name the steps that are remembered."""


@dataclass(frozen=True)
class Memory:
    """The last value of each remembered step. `run` counts the runs that have handed memory on, and orders them.

    `kept` is what steps have written down themselves, by name (see `notebook`), and `shadow` the memory of runs that
    write nothing (see `modes`).
    """

    values: JsonObject
    run: int = 0
    kept: JsonObject = field(default_factory=dict[str, Json])
    shadow: Memory | None = None

    def as_detail(self) -> JsonObject:
        """As it stands in the details of a run's failure."""
        return {MEMORY: self.values, RUN: self.run, **self.beside}

    @property
    def beside(self) -> JsonObject:
        """What stands beside the values and the number, in a result as in a failure."""
        kept: JsonObject = {KEPT: self.kept} if self.kept else {}
        return {**kept, SHADOW: self.shadow.as_detail()} if self.shadow else kept


def memory_in_result(recorded: Json) -> Memory | None:
    """What a run that completed handed on. Earlier releases recorded plain outputs, or no number.

    Raises:
        ValueError: it is not what any release records.
    """
    if not isinstance(recorded, Mapping):
        return None
    if holds_both(recorded):
        return _memory(recorded[OUTPUTS], recorded)
    return Memory(recorded)


def memory_in_failure(details: Iterable[object]) -> Memory | None:
    """What a run that failed handed on; earlier releases handed nothing on.

    Raises:
        ValueError: it is not what any release records.
    """
    for detail in details:
        if isinstance(detail, Mapping) and MEMORY in detail:
            held = cast("JsonObject", detail)
            return _memory(held[MEMORY], held)
    return None


def newest(completed: Memory | None, failed: Memory | None) -> Memory | None:
    """The memory that was handed on last. Temporal forgets a failure as soon as a run completes."""
    if completed is None or failed is None:
        return completed or failed
    return completed if completed.run > failed.run else failed


def recalled(plan: Plan, memory: Memory | None) -> tuple[Memory | None, tuple[str, ...]]:
    """What of the memory the plan can read, and a warning for each value that no longer fits its type."""
    if memory is None or not (plan.remembers or memory.kept):
        return None, ()
    if plan.interpreter < NAMES_STEPS:
        return memory, ()
    values = {step: memory.values[step] for step in _steps_of(plan) if step in memory.values}
    warnings: list[str] = []
    for read in plan.memory:
        if read.step in values and not _fits(_at(values[read.step], read.path), read):
            warnings.append(
                f"previous({'.'.join(map(str, (read.step, *read.path)))}) is null: what an earlier run handed on no "
                "longer fits the type of the step's output"
            )
            values[read.step] = _without(values[read.step], read.path)
    return Memory(values, memory.run, memory.kept), tuple(warnings)


def handed_on(
    plan: Plan, memory: Memory | None, completed: JsonObject, kept: JsonObject | None = None
) -> tuple[Memory | None, tuple[str, ...]]:
    """What the next run may read: the outputs of the steps that completed, else what was known of them before.

    `kept` is what steps have written down, which is small and always handed on. Where the rest is too large, the
    largest values are left out, each with a warning: null in the next run, not stale.
    """
    if not plan.remembers and not kept:
        return None, ()
    known = memory or Memory({})
    values: dict[str, Json] = {}
    for step in _steps_of(plan):
        if step in completed:
            values[step] = completed[step]
        elif step in known.values:
            values[step] = known.values[step]
    warnings: list[str] = []
    sizes = {step: recorded_size(value) for step, value in values.items()}
    room = MEMORY_LIMIT - recorded_size(kept or {})
    while recorded_size(values) > room:
        step = max(values, key=lambda name: (sizes[name], name))
        del values[step]
        warnings.append(
            f"the next run will not know the output of step {step!r}: it has {sizes[step]:,} bytes, and all that a run "
            f"hands on {MEMORY_LIMIT:,}; give previous(...) a step that returns what is needed and no more"
        )
    return Memory(values, known.run + 1, kept or {}), tuple(warnings)


def _steps_of(plan: Plan) -> tuple[str, ...]:
    if not plan.remembers:
        return ()  # what steps have written down, which the flow had, is handed on all the same
    return plan.outputs if plan.interpreter < NAMES_STEPS else tuple(dict.fromkeys(read.step for read in plan.memory))


def _memory(values: Json, beside: JsonObject) -> Memory:
    run, kept = beside.get(RUN, 0), beside.get(KEPT, {})
    if not isinstance(values, Mapping) or not isinstance(run, int) or not isinstance(kept, Mapping):
        raise ValueError("it is damaged")
    shadow = beside.get(SHADOW)
    return Memory(values, run, kept, shadow=None if shadow is None else memory_in_failure([shadow]))


def _fits(value: Json, read: Remembered) -> bool:
    return value is None or any(
        fits(value, Shape(schema, cast("Schema", schema.get("$defs", {})))) for schema in read.types
    )


def _at(value: Json, path: tuple[str | int, ...]) -> Json:
    for key in path:
        if isinstance(key, str) and isinstance(value, Mapping):
            value = value.get(key)
        elif isinstance(key, int) and isinstance(value, (list, tuple)) and -len(value) <= key < len(value):
            value = value[key]
        else:
            return None
    return value


def _without(value: Json, path: tuple[str | int, ...]) -> Json:
    """The value with null at a place that it has."""
    if not path:
        return None
    key, rest = path[0], path[1:]
    if isinstance(value, Mapping):
        return {name: _without(item, rest) if name == key else item for name, item in value.items()}
    items = list(cast("list[Json]", value))
    items[cast("int", key)] = _without(items[cast("int", key)], rest)
    return items
