"""What cursors are at when a run begins."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, cast

from resolute.plan.fitting import fits
from resolute.plan.plan import Followed, Plan
from resolute.plan.shapes import Schema, Shape
from resolute.plan.values import Json
from resolute.running.runtime import Runtime
from resolute.running.shared.asking import Asking, name_of
from resolute.running.shared.cursors import READ

CURSOR: Final = "run:cursor"
"""What the ids of these questions begin with; no step has such a name."""


async def cursors_of(plan: Plan, runtime: Runtime, warn: Callable[[Iterable[str]], None]) -> dict[str, Json]:
    """The values of the plan's cursors; null, with a warning, where one does not fit the type that it is read as.

    Raises:
        NodeFailedError: nobody answered. A run that went on would begin from the start.
    """
    found: dict[str, Json] = {}
    for cursor in plan.cursors:
        asking = Asking(step=f"{CURSOR}:{cursor.name}", of=name_of("cursor", cursor.name), word=READ, data={})
        value = await runtime.share(asking)
        if not _fits(value, cursor):
            warn((f"cursor({cursor.name!r}) is null: what it is at no longer fits the type that the flow reads it as",))
            value = None
        found[cursor.name] = value
    return found


def _fits(value: Json, cursor: Followed) -> bool:
    return value is None or all(
        fits(value, Shape(cast("Schema", schema), cast("Schema", schema.get("$defs", {})))) for schema in cursor.types
    )
