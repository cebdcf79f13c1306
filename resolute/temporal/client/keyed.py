"""Hands starts with a key in, as a client of Temporal."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from temporalio.client import Client

from resolute.plan.errors import PayloadTooLargeError
from resolute.plan.limits import PAYLOAD_LIMIT, recorded_size
from resolute.plan.values import JsonObject
from resolute.running.line import Became, LineFullError, Start
from resolute.running.messages import Message
from resolute.temporal.client.client import RunHandle
from resolute.temporal.trust.seals import PlanKeys
from resolute.temporal.wire.entities import ask_entity
from resolute.temporal.wire.finding import quoted
from resolute.temporal.wire.messages import sealed
from resolute.temporal.wire.updates import PATIENCE
from resolute.temporal.workflows.handing_over import HAND_OVER
from resolute.temporal.workflows.keeper import HAND_IN, LINE


@dataclass(frozen=True)
class HandedIn:
    """What became of a start: whether it had come before, and how many wait for the run in progress."""

    run: str
    became: Became
    again: bool = False
    waiting: int = 0

    def as_json(self) -> JsonObject:
        """As plain data."""
        return {"run": self.run, "became": self.became, "again": self.again, "waiting": self.waiting}


async def hand_in(
    client: Client,
    flow: str,
    run: str,
    start: Start,
    *,
    task_queue: str,
    keys: PlanKeys,
    patience: timedelta = PATIENCE,
) -> HandedIn:
    """Hands a start in to the line of its flow and key, and says what became of it. Handing it in again is safe.

    `run` is the workflow id of the runs with the key, `patience` how long Temporal and the worker may take.

    Raises:
        LineFullError: too many starts wait.
        MessageRefusedError: the worker does not believe the start.
        PayloadTooLargeError: it is larger than Temporal accepts.
        temporalio.service.RPCError: Temporal refused, or did not answer; or no worker did.
    """
    line = f"{LINE}/{run}"
    message = Message(to="line:" + run, word=start.while_running, id=start.id, data=start.as_json(), by=start.by)
    letter = sealed(message, LINE, line, keys).as_json()
    if (size := recorded_size(letter)) > PAYLOAD_LIMIT:
        raise PayloadTooLargeError(what=f"plan and input of flow {flow!r}", size=size, limit=PAYLOAD_LIMIT)
    answer = await ask_entity(
        client,
        LINE,
        line,
        update=HAND_IN,
        update_id=uuid.uuid4().hex,  # not the start's: Temporal would give the first answer, and nobody would know it
        letter=letter,
        task_queue=task_queue,
        patience=patience,
        refusals=(LineFullError,),
    )
    return _handed_in(run, cast("JsonObject", answer))


def _handed_in(run: str, answer: JsonObject) -> HandedIn:
    became, waiting = cast("Became", answer["became"]), cast("int", answer["waiting"])
    return HandedIn(run, became, again=answer["again"] is True, waiting=waiting)


async def handed_over(client: Client, run: RunHandle) -> HandedIn | None:
    """What became of a run that handed its start in to the line of its key; None where it had its turn, or no key.

    Raises:
        temporalio.service.RPCError: Temporal refused, or did not answer.
    """
    events = (await client.get_workflow_handle(run.workflow_id, run_id=run.run_id).fetch_history()).events
    scheduled = [event.activity_task_scheduled_event_attributes.activity_id for event in events]
    if HAND_OVER not in scheduled or not events[-1].HasField("workflow_execution_completed_event_attributes"):
        return None
    payloads = events[-1].workflow_execution_completed_event_attributes.result.payloads
    (answer,) = await client.data_converter.decode(list(payloads))
    return _handed_in(str(answer["run"]), answer)


@dataclass(frozen=True)
class WaitingLine:
    """The starts of one flow and key that wait for their turn, with who made each, the next one first."""

    run: str
    is_at_work: bool
    waiting: tuple[str, ...]


async def lines(client: Client, flow: str = "", *, most: int = 200) -> list[WaitingLine]:
    """The lines in which a start waits; of one flow, if it is given. A worker answers for each.

    Raises:
        temporalio.service.RPCError: Temporal refused, or did not answer; or no worker did.
    """
    query = f"WorkflowType = {quoted(LINE)} AND ExecutionStatus = 'Running'"
    if flow:
        query += f" AND WorkflowId STARTS_WITH {quoted(f'{LINE}/{flow}/')}"
    found: list[WaitingLine] = []
    async for line in client.list_workflows(query, limit=most):
        told = cast("JsonObject", await client.get_workflow_handle(line.id).query("status"))
        waiting = tuple(str(start["by"]) for start in cast("Sequence[JsonObject]", told["waiting"]))
        if waiting:
            found.append(WaitingLine(str(told["run"]), told["is_at_work"] is True, waiting))
    return found
