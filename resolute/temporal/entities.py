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

_ATTEMPTS: Final = 3
"""One that ends at the moment of the question is started again."""

_A_MOMENT: Final = 0.1

_ENDING: Final = (RPCStatusCode.NOT_FOUND, RPCStatusCode.ABORTED, RPCStatusCode.FAILED_PRECONDITION)


async def ask_entity(
    client: Client,
    workflow: str,
    workflow_id: str,
    *,
    update: str,
    update_id: str,
    letter: Json,
    task_queue: str,
    patience: timedelta | None = None,
    refusals: tuple[type[ResoluteError], ...] = (),
) -> Any:
    """Sends a sealed letter and gives the answer. `refusals` are errors of the workflow that are raised as such here.

    Raises:
        MessageRefusedError: the workflow does not believe the letter, or refuses it in another way.
        temporalio.service.RPCError: Temporal refused, or did not answer; or no worker did.
    """
    attempt = 1
    while True:
        begin: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
            workflow,
            {},
            id=workflow_id,
            task_queue=task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
        try:
            answer: object = await client.execute_update_with_start_workflow(  # pyright: ignore[reportUnknownMemberType]  # the SDK's own types
                update, letter, start_workflow_operation=begin, id=update_id, rpc_timeout=patience
            )
        except WorkflowUpdateFailedError as error:
            raise _refusal(error, refusals) from None
        except WorkflowUpdateRPCTimeoutOrCancelledError:
            await _let_go(begin)
            raise RPCError("no worker has answered in time", RPCStatusCode.DEADLINE_EXCEEDED, b"") from None
        except RPCError as error:
            await _let_go(begin)
            if error.status not in _ENDING or attempt == _ATTEMPTS:
                raise
            attempt += 1
        else:
            return answer


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
