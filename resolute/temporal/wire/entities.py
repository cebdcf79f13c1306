"""Asks one of our small workflows, of which there is one for each key: it is started where it does not run yet."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from resolute.plan.errors import ResoluteError
from resolute.plan.values import Json
from resolute.running.messages import MessageRefusedError
from resolute.temporal.wire.updates import NOT_YET, PATIENCE, UnansweredError, answered

_A_MOMENT: Final = 0.1

_NOT_YET: Final = (*NOT_YET, RPCStatusCode.NOT_FOUND)
"""One that ends at the moment of the question is started again."""


async def ask_entity(
    client: Client,
    workflow: str,
    workflow_id: str,
    *,
    update: str,
    update_id: str,
    letter: Json,
    task_queue: str,
    patience: timedelta = PATIENCE,
    refusals: tuple[type[ResoluteError], ...] = (),
) -> Any:
    """Sends a sealed letter and gives the answer, for which it waits as long as `patience`.

    `refusals` are errors of the workflow that are raised as such here.

    Raises:
        MessageRefusedError: the workflow does not believe the letter, or refuses it in another way.
        temporalio.service.RPCError: Temporal refused, or did not answer; or no worker did.
    """

    async def send() -> object:
        begin: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
            workflow,
            {},
            id=workflow_id,
            task_queue=task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
        try:
            return await client.execute_update_with_start_workflow(  # pyright: ignore[reportUnknownMemberType]  # the SDK's own types
                update, letter, start_workflow_operation=begin, id=update_id
            )
        except WorkflowUpdateFailedError as error:
            raise _refusal(error, refusals) from None
        except (RPCError, WorkflowUpdateRPCTimeoutOrCancelledError):
            await _let_go(begin)
            raise

    try:
        return await answered(send, f"update {update_id} of {workflow_id}", patience=patience, not_yet=_NOT_YET)
    except UnansweredError as error:
        no_answer = RPCError("no worker has answered in time", RPCStatusCode.DEADLINE_EXCEEDED, b"")
        raise error.last or no_answer from None


async def _let_go(begin: WithStartWorkflowOperation[Any, Any]) -> None:
    """Looks at what became of the start, or Python says that nobody has."""
    with suppress(Exception):
        await asyncio.wait_for(begin.workflow_handle(), _A_MOMENT)


def _refusal(error: WorkflowUpdateFailedError, known: tuple[type[ResoluteError], ...]) -> ResoluteError:
    cause: Any = error.cause
    if not isinstance(cause, ApplicationError):
        return MessageRefusedError(str(cause))
    kind = next((each for each in known if each.__name__ == cause.type), MessageRefusedError)
    return kind(cause.message)
