"""Hands starts with a key in, as a client of Temporal."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, cast

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from resolute.plan.errors import PayloadTooLargeError
from resolute.plan.limits import PAYLOAD_LIMIT, recorded_size
from resolute.plan.values import JsonObject
from resolute.running.line import Became, LineFullError, Start
from resolute.running.messages import Message, MessageRefusedError
from resolute.temporal.keeper import HAND_IN, LINE
from resolute.temporal.messages import sealed
from resolute.temporal.seals import PlanKeys

_ATTEMPTS: Final = 3
"""A line that ends at the moment of a start is started again."""

_ENDING: Final = (RPCStatusCode.NOT_FOUND, RPCStatusCode.ABORTED, RPCStatusCode.FAILED_PRECONDITION)


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
    patience: timedelta | None = None,
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
    # Not the start's id: Temporal would repeat the first answer, and nobody would know that it is one.
    attempt, asked = 1, uuid.uuid4().hex
    while True:
        begin: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
            LINE,
            {},
            id=line,
            task_queue=task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
        try:
            answer: Any = await client.execute_update_with_start_workflow(  # pyright: ignore[reportUnknownMemberType]  # the SDK's own types
                HAND_IN, letter, start_workflow_operation=begin, id=asked, rpc_timeout=patience
            )
        except WorkflowUpdateFailedError as error:
            raise _refusal(error) from None
        except WorkflowUpdateRPCTimeoutOrCancelledError:
            raise RPCError("no worker has answered in time", RPCStatusCode.DEADLINE_EXCEEDED, b"") from None
        except RPCError as error:
            if error.status not in _ENDING or attempt == _ATTEMPTS:
                raise
            attempt += 1
        else:
            return _handed_in(run, cast("JsonObject", answer))


def _handed_in(run: str, answer: JsonObject) -> HandedIn:
    became, waiting = cast("Became", answer["became"]), cast("int", answer["waiting"])
    return HandedIn(run, became, again=answer["again"] is True, waiting=waiting)


def _refusal(error: WorkflowUpdateFailedError) -> LineFullError | MessageRefusedError:
    cause: Any = error.cause
    if isinstance(cause, ApplicationError) and cause.type == LineFullError.__name__:
        return LineFullError(cause.message)
    return MessageRefusedError(cause.message if isinstance(cause, ApplicationError) else str(cause))
