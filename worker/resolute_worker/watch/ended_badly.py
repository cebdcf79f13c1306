"""The runs of a task queue that have ended badly, as Temporal lists them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias, cast

from temporalio.client import Client, WorkflowExecution

from resolute.plan.texts import shortened
from resolute.plan.values import Json, JsonObject
from resolute.temporal.history.runs import status_of
from resolute.temporal.wire.finding import quoted
from resolute.temporal.wire.start import MODE, STARTED_BY

FOR_A_FAILED_RUN: Final = "failed run"
"""How it begins what started a run that was started for a failed one."""

MOST: Final = 10_000
"""Failed runs that are looked at in one look."""

_LONGEST_ID: Final = 1_000
_OURS: Final = "resolute."

Status: TypeAlias = Literal["failed", "timed_out", "terminated"]


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A run that has ended badly, as Temporal lists it."""

    flow: str
    run: str
    run_id: str
    status: Status
    at: datetime

    def as_json(self) -> JsonObject:
        """As it is kept where it is decided how to tell of it."""
        return {
            "flow": self.flow,
            "run": shortened(self.run, _LONGEST_ID),
            "run_id": self.run_id,
            "status": self.status,
            "at": self.at.timestamp(),
        }


def ended_from(data: Json) -> Ended:
    """What `Ended.as_json` wrote."""
    held = cast("Mapping[str, Json]", data)
    return Ended(
        flow=str(held["flow"]),
        run=str(held["run"]),
        run_id=str(held["run_id"]),
        status=cast("Status", held["status"]),
        at=datetime.fromtimestamp(cast("float", held["at"]), UTC),
    )


async def ended_badly(
    client: Client, task_queue: str, since: datetime, *, told: str, flows: Sequence[str] = ()
) -> list[Ended]:
    """The runs that have failed since a time, the earliest first; of more than `MOST` the latest.

    They are those that the flow `told` is told of (see `failed_runs`); with `flows`, of these flows alone.

    Raises:
        temporalio.service.RPCError: Temporal refused or did not answer.
    """
    query = (
        f"TaskQueue = {quoted(task_queue)} AND ExecutionStatus IN ('Failed', 'TimedOut', 'Terminated')"
        f" AND CloseTime > '{since.isoformat()}'"
    )
    if flows:
        query += f" AND WorkflowType IN ({', '.join(quoted(name) for name in flows)})"
    listed = [await _ended(run, told) async for run in client.list_workflows(query, limit=MOST)]
    return sorted((each for each in listed if each is not None), key=lambda each: (each.at, each.run_id))


async def _ended(run: WorkflowExecution, told: str) -> Ended | None:
    status = await status_of(run)
    if status not in ("failed", "timed_out", "terminated") or run.close_time is None:
        return None
    if run.workflow_type == told or run.workflow_type.startswith(_OURS):
        return None
    # A step of another run, which fails with it. The line of a key is the parent of runs that are nobody's steps.
    if run.parent_id is not None and not run.parent_id.startswith(_OURS):
        return None
    started_by, mode = str(await run.memo_value(STARTED_BY, "")), await run.memo_value(MODE, None)
    if started_by.startswith(FOR_A_FAILED_RUN) or mode == "dry":
        return None
    return Ended(flow=run.workflow_type, run=run.id, run_id=run.run_id, status=status, at=run.close_time)
