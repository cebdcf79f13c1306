"""Runs that agents start, each under a key, so that a repeated call starts nothing new."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from temporalio.api.enums.v1 import PendingActivityState

from resolute.plan.errors import FlowError, InvalidInputError, NodeFailedError
from resolute.plan.kinds.call import calls_in
from resolute.plan.plan import Plan
from resolute.plan.values import Json
from resolute.temporal.client.client import RunHandle, is_unreachable, start_run, unreachable
from resolute.temporal.history.reading import read_history
from resolute.temporal.trust.seals import PlanKeys
from resolute.temporal.wire.start import Start
from resolute_worker.agents.results import Result, result_of
from resolute_worker.agents.tools import ACTOR

if TYPE_CHECKING:
    from temporalio.client import Client, WorkflowExecutionDescription

STATUS_TOOL: Final = "run_status"

_BEFORE_A_WORKER: Final = 2
"""The events of a run that no worker has picked up: it was started, and a task is waiting."""

_SCHEDULED: Final = PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED
_NOT_TAKEN: Final = "no worker has picked it up: is one running for queue {!r}, with the provider?"


@dataclass(frozen=True, kw_only=True)
class Durable:
    """Starts runs on Temporal and waits a while for each.

    Attributes:
        client: the connection.
        task_queue: the queue of the workers that run them.
        keys: seal their plans; the workers have the same keys.
        patience: seconds to wait for a run to end before telling the agent that it is still running.
        size: the maximum length of one result, in characters.
    """

    client: Client
    task_queue: str
    keys: PlanKeys
    patience: float
    size: int

    async def run(
        self,
        plan: Plan,
        workflow_id: str,
        *,
        input_data: Json = None,
        output: Callable[[Json], Json] = lambda value: value,
    ) -> Result:
        """The result of a run, started now or by an earlier call with the same id.

        Args:
            plan: what to run.
            workflow_id: identifies the run. An existing run with this id must have the same plan and input.
            input_data: the run's input.
            output: the part of the run's result that the agent gets.
        """
        from temporalio.service import RPCError

        try:
            handle = await start_run(
                self.client,
                plan,
                task_queue=self.task_queue,
                input_data=input_data,
                workflow_id=workflow_id,
                keys=self.keys,
                started_by="agent",
            )
            if not handle.is_new:
                await self._check_same(handle, Start(plan, input_data))
            return await self._result(handle, output)
        except RPCError as error:
            if is_unreachable(error):
                error = unreachable(self.client.service_client.config.target_host, error)
            return Result(f"{error}. Call again with the same key: it is done once", is_error=True)
        except InvalidInputError as error:
            return Result(str(error), is_error=True)

    async def _check_same(self, handle: RunHandle, wanted: Start) -> None:
        """Checks that an existing run is the requested one.

        Raises:
            InvalidInputError: it is a different one.
        """
        history = await handle.handle.fetch_history()
        known = (await read_history([list(history.events)], self.client.data_converter)).start
        if _intention(known) != _intention(wanted):
            raise InvalidInputError(
                "this idempotency_key was used for a call with other arguments: use a new one for a new intention"
            )

    async def _result(self, handle: RunHandle, output: Callable[[Json], Json]) -> Result:
        repeated = [] if handle.is_new else ["an earlier call with this key did it; this is its result"]
        try:
            async with asyncio.timeout(self.patience):
                value = output(await handle.result())
        except TimeoutError:
            return await self._pending(handle)
        except NodeFailedError as error:
            return self._failed(handle, f"{error.error_type}: {error.reason}")
        except FlowError as error:
            return self._failed(handle, str(error))
        hints = [*repeated, f"run {handle.workflow_id}"]
        return result_of(value, size=self.size, advice=lambda _: hints)

    def _failed(self, handle: RunHandle, reason: str) -> Result:
        advice = f"run {handle.workflow_id} failed permanently; to try again, give a new idempotency_key"
        return Result(reason, (advice,), is_error=True)

    async def _pending(self, handle: RunHandle) -> Result:
        description = await handle.handle.describe()
        tried = [
            f"attempt {each.attempt} failed: {each.last_failure.message}"
            for each in description.raw_description.pending_activities
            if each.HasField("last_failure")
        ]
        lasts = (datetime.now(UTC) - description.start_time).total_seconds()
        why = tried or ([] if _taken(description) else [_NOT_TAKEN.format(self.task_queue)])
        value: Json = {"run": handle.workflow_id, "status": "running", "seconds": round(lasts)}
        follow = f"it is still running; look with {STATUS_TOOL}, or call again with the same key and arguments"
        return result_of(value, size=self.size, advice=lambda _: [*why, follow])


def _taken(description: WorkflowExecutionDescription) -> bool:
    """Whether a worker has picked up a run, and its steps."""
    began = description.history_length > _BEFORE_A_WORKER
    steps = description.raw_description.pending_activities
    return began and not any(each.state == _SCHEDULED and each.attempt == 1 for each in steps)


def _intention(start: Start) -> Json:
    """What an agent requested: a flow's input, even if its plan has changed since; or one node's arguments."""
    if start.plan is None or start.plan.name != ACTOR:
        return start.input
    return [[call.node, call.arguments] for call in calls_in(start.plan.steps)]
