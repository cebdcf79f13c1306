"""Heartbeats as a client of Temporal sees them: beats are handed on, and deployed heartbeats listed and removed."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, TypeAlias, cast

from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from resolute.plan.errors import UnknownFlowError
from resolute.plan.values import Json, JsonObject
from resolute.running.beats import Terms, terms_from
from resolute.running.messages import Message
from resolute.temporal.trust.seals import PlanKeys
from resolute.temporal.wire.entities import ask_entity
from resolute.temporal.wire.finding import quoted
from resolute.temporal.wire.memos import noted
from resolute.temporal.wire.messages import sealed
from resolute.temporal.wire.updates import PATIENCE
from resolute.temporal.workflows.beats import HEARTBEAT, REMOVE, SAY, heartbeat_id, place_of, said

MOST: Final = 1_000
"""Heartbeats that are listed."""

Standing: TypeAlias = Literal["new", "up", "late", "missing"]


@dataclass(frozen=True, kw_only=True)
class KeptHeartbeat:
    """A heartbeat as Temporal has it.

    `state` is `new` before the first beat, `late` where a beat is due and its grace not over. `missed_at` is when it
    counts as missed, and `waiting` how many runs wait to be started.
    """

    flow: str
    path: str
    state: Standing
    last_beat: datetime | None
    due: datetime | None
    missed_at: datetime | None
    missing_since: datetime | None
    missed: int
    waiting: int
    task_queue: str
    terms: Terms | None


async def tell_heartbeat(
    client: Client,
    flow: str,
    path: str,
    word: str,
    terms: Terms,
    *,
    task_queue: str,
    keys: PlanKeys,
    patience: timedelta = PATIENCE,
) -> JsonObject:
    """Tells a heartbeat something, and gives how it stands then; it begins where there is none yet.

    Raises:
        MessageRefusedError: the worker does not believe it.
        temporalio.service.RPCError: Temporal refused, or did not answer; or no worker did.
    """
    workflow_id, name = heartbeat_id(flow, path), uuid.uuid4().hex
    message = Message(to=f"heartbeat:{path}", word=word, id=name, data=said(terms))
    answer = await ask_entity(
        client,
        HEARTBEAT,
        workflow_id,
        update=SAY,
        update_id=name,
        letter=sealed(message, HEARTBEAT, workflow_id, keys).as_json(),
        task_queue=task_queue,
        patience=patience,
    )
    return cast("JsonObject", answer)


async def remove_heartbeat(
    client: Client, beat: KeptHeartbeat, *, keys: PlanKeys, patience: timedelta = PATIENCE
) -> None:
    """Ends a heartbeat: it starts no run any more.

    Raises:
        MessageRefusedError: the worker does not believe it.
        temporalio.service.RPCError: Temporal refused, or did not answer; or no worker did.
    """
    terms = beat.terms or Terms(every=1, grace=0)
    await tell_heartbeat(
        client, beat.flow, beat.path, REMOVE, terms, task_queue=beat.task_queue, keys=keys, patience=patience
    )


async def list_heartbeats(client: Client, *, task_queue: str | None = None) -> list[KeptHeartbeat]:
    """The heartbeats of the namespace, or of a task queue, by flow and path. No worker is needed for it.

    Temporal's list lags a moment behind: one that has just been deployed may be missing.

    Raises:
        temporalio.service.RPCError: Temporal refused, or did not answer.
    """
    query = f"WorkflowType = {quoted(HEARTBEAT)} AND ExecutionStatus = 'Running'"
    if task_queue is not None:
        query += f" AND TaskQueue = {quoted(task_queue)}"
    places = [place_of(run.id) async for run in client.list_workflows(query, limit=MOST)]
    found = [await find_heartbeat(client, flow, path) for flow, path in sorted(places)]
    return [each for each in found if each is not None]


async def find_heartbeat(client: Client, flow: str, path: str) -> KeptHeartbeat | None:
    """A heartbeat as it is now; None where there is none.

    Raises:
        temporalio.service.RPCError: Temporal refused, or did not answer.
    """
    try:
        found = await client.get_workflow_handle(heartbeat_id(flow, path)).describe()
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return None
        raise
    return await _kept(found) if found.status == WorkflowExecutionStatus.RUNNING else None


async def heartbeat_named(client: Client, flow: str, path: str = "") -> KeptHeartbeat:
    """The heartbeat of a flow, or the one of its heartbeats that has a path.

    Raises:
        UnknownFlowError: there is none, or several.
        temporalio.service.RPCError: Temporal refused, or did not answer.
    """
    known = [each for each in await list_heartbeats(client) if each.flow == flow]
    if path and (found := await find_heartbeat(client, flow, path)):
        return found
    if not path and len(known) == 1:
        return known[0]
    paths = ", ".join(each.path for each in known)
    what = f"flow {flow!r} has no heartbeat{f' {path}' if path else ''}" if path or not known else "say which one"
    raise UnknownFlowError(f"{what}: {f'its heartbeats are {paths}' if known else 'see resolute beats'}")


async def _kept(found: WorkflowExecutionDescription) -> KeptHeartbeat:
    flow, path = place_of(found.id)
    status = cast("Mapping[str, Any]", await noted(found, HEARTBEAT, None) or {})
    terms: Json = status.get("terms")
    missing: Mapping[str, Any] = status.get("missing") or {}
    due, state = _time(status.get("due")), status.get("state", "new")
    return KeptHeartbeat(
        flow=flow,
        path=path,
        state="late" if state == "up" and due is not None and due < datetime.now(UTC) else state,
        last_beat=_time(status.get("last_beat")),
        due=due,
        missed_at=_time(status.get("missed_at")),
        missing_since=_time(missing.get("due")),
        missed=_missed(missing, terms_from(terms)) if missing and terms else 0,
        waiting=int(status.get("starts", 0)),
        task_queue=found.task_queue,
        terms=terms_from(terms) if terms else None,
    )


def _missed(missing: Mapping[str, Any], terms: Terms) -> int:
    due = cast("datetime", _time(missing["due"]))
    return 1 + max(0, int((datetime.now(UTC) - due).total_seconds() - terms.grace) // max(1, int(terms.every)))


def _time(said: object) -> datetime | None:
    return None if said is None else datetime.fromisoformat(str(said))
