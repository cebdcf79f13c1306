"""Runs generated flows: in memory and on Temporal, in one history or in many."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from typing import Final

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from resolute import CallContext, FlowError
from resolute.memory.runtime import run_in_memory
from resolute.plan.failing import Failure
from resolute.plan.kinds.call import Call
from resolute.plan.plan import Plan
from resolute.plan.step import walk
from resolute.plan.values import Json
from resolute.running.interpreter import Interpreter
from resolute.running.messages import EVENT, Message, MessageRefusedError
from resolute.running.report import RunReport
from resolute.temporal.client.client import start_run
from resolute.temporal.client.control import NotRunningError, cancel_run
from resolute.temporal.history.runs import describe_run
from resolute.temporal.wire.finding import RunKey
from resolute.temporal.wire.messages import ask_run, tell_run
from resolute.temporal.wire.parts import histories
from tests.contract.generated.generated import Generated
from tests.contract.generated.order import Ordered
from tests.contract.generated.stopping import cancels
from tests.contract.generated.telling import tells
from tests.contract.nodes import ALL_ATTEMPTS
from tests.contract.runtimes import executor_of
from tests.keys import KEYS

Full = Callable[[int], bool]

_A_MOMENT = 0.05
_ASKING = timedelta(minutes=3)
_PATIENCE = 120.0
"""Seconds of real time for a call in memory: a machine that stands still for a while is no failure of a node."""


def never(ended: int) -> bool:
    """A history that takes all of a run."""
    return False


def after_each(ended: int) -> bool:
    """A history that ends with the first step that ends."""
    return ended >= 1


@dataclass(frozen=True, kw_only=True)
class Came:
    """What came of a run, as far as every engine has to agree on it.

    `begun` are all calls but the undo steps, in the order in which they came here. `statuses` are those
    of the steps of the plan, not of single turns and items, which a run that is continued lets go.
    """

    status: str
    result: Json
    failure: Failure | None
    undo_failures: tuple[Failure, ...]
    calls: Ordered
    undo: Ordered
    children: dict[str, list[str]]
    statuses: dict[str, str]
    warnings: tuple[str, ...]
    begun: tuple[str, ...] = field(compare=False)
    run: str = field(compare=False)

    def difference(self, other: Came) -> str:
        """What is not the same of another run, and nothing of all that is."""
        compared = [each.name for each in fields(self) if each.compare]
        pairs = [(name, getattr(self, name), getattr(other, name)) for name in compared]
        return "\n".join(f"{name}: {here}\n    and not {there}" for name, here, there in pairs if here != there)


async def in_memory(case: Generated, full: Full = never) -> Came:
    """Runs it in this process."""
    run_id, begun = uuid.uuid4().hex, list[Interpreter]()

    async def take(_: CallContext, message: Message) -> None:
        begun[-1].take(message)

    async def cancel() -> None:
        begun[-1].cancel()

    tells(run_id, take)
    cancels(run_id, cancel)
    run = await run_in_memory(
        case.flow.plan,
        executor_of([case.flow]),
        run_id=run_id,
        begun=begun.append,
        full=full,
        patience=_PATIENCE,
    )
    return _came(case, run.report, run.report.result, run_id)


async def without_repeats(case: Generated, came: Came, client: Client) -> Came:
    """What came of a run on Temporal without the local calls that were made again, if a workflow task was lost.

    The machine stands still for a while, or something happens as a history ends: Temporal gives the task again then,
    and what it did in the local lane is done again.
    """
    run_id = (await client.get_workflow_handle(came.run).describe()).run_id
    parts = await histories(client, came.run, run_id, most=1000)
    if not any(event.event_type in _LOST for part in parts for event in part):
        return came
    local = {step.id for step in walk(case.flow.plan.steps) if isinstance(step, Call) and step.lane == "local"}
    again = [
        number
        for number, step in enumerate(came.begun)
        if step.rpartition(".")[2] in local and step in came.begun[:number]
    ]
    once = [step for number, step in enumerate(came.begun) if number not in again]
    return replace(came, calls=case.order.of(once))


async def on_temporal(case: Generated, client: Client, task_queue: str, seconds: float) -> Came:
    """Runs it on a server, where a worker of the task queue is.

    Raises:
        TimeoutError: it has not ended after so many seconds; says what its history ends with.
    """
    run_id = uuid.uuid4().hex
    # Alarms remember from run to run of a flow, so that each run is of a flow of its own.
    plan: Plan = case.flow.plan.model_copy(update={"name": f"{case.flow.name}-{run_id[:8]}"})

    async def take(call: CallContext, message: Message) -> None:
        # Events go both ways by which a run is told, whichever the number is.
        if len(call.step) % 2 or not message.to.startswith(EVENT):
            try:
                await ask_run(client, RunKey(call.run, call.run_id), message, KEYS, patience=_ASKING)
            except MessageRefusedError:
                await asyncio.sleep(_A_MOMENT)  # who asks too soon asks again, and each time costs a workflow task
                raise
        else:
            await tell_run(client, plan.name, call.run, message, KEYS)

    async def cancel() -> None:
        # More than one step may ask for it, and the run may have ended by the cancel of another.
        with suppress(NotRunningError):
            await cancel_run(client, RunKey(run_id, run.run_id or ""))

    tells(run_id, take)
    cancels(run_id, cancel)
    run = await start_run(client, plan, task_queue=task_queue, workflow_id=run_id, keys=KEYS)
    result: Json = None
    try:
        async with asyncio.timeout(seconds):
            with suppress(FlowError):  # the report says it
                result = await run.result()
    except TimeoutError:
        raise TimeoutError(f"{case} is at work after {seconds} s, {await _last_events(client, run_id)}") from None
    report = (await describe_run(client, run.workflow_id)).report
    assert report is not None
    return _came(case, report, result, run_id)


async def _last_events(client: Client, workflow_id: str) -> str:
    handle = client.get_workflow_handle(workflow_id)
    pending = (await handle.describe()).raw_description.pending_workflow_task
    events = [event async for event in handle.fetch_history_events()]
    names = [f"{each.event_id} {EventType.Name(each.event_type)} {each.event_time.ToJsonString()}" for each in events]
    return f"attempt {pending.attempt} of its workflow task, run {workflow_id}, events:\n  " + "\n  ".join(names[-12:])


def _came(case: Generated, report: RunReport, result: Json, run_id: str) -> Came:
    attempts, begins = ALL_ATTEMPTS.pop(run_id), f"{run_id}/"
    runs = sorted(run for run in ALL_ATTEMPTS if run.startswith(begins))
    children = {run.removeprefix(begins): ALL_ATTEMPTS.pop(run) for run in runs}
    first = next((number for number, step in enumerate(attempts) if _undoes(step)), len(attempts))
    planned = {step.id: step.status for step in report.steps if not _PART.intersection(step.id)}
    return Came(
        status=report.status,
        result=_without_times(result),
        failure=report.failure,
        undo_failures=tuple(sorted(report.compensation_failures, key=lambda failure: failure.step)),
        calls=case.order.of(attempts[:first]),
        undo=case.order.of(attempts[first:]),
        children=children,
        statuses=planned,
        warnings=report.warnings,
        begun=tuple(attempts[:first]),
        run=run_id,
    )


def _without_times(value: Json) -> Json:
    """A result without when gates were decided and alarms raised, and what budgets have left at that time."""
    if isinstance(value, Mapping):
        return {name: _without_times(each) for name, each in value.items() if name not in _OF_TIME}
    return [_without_times(each) for each in value] if isinstance(value, (list, tuple)) else value


_LOST: Final = (EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED, EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT)
_OF_TIME: Final = frozenset(("at", "since", "until", "left"))
_PART: Final = frozenset(".")


def _undoes(step: str) -> bool:
    name = step.rpartition(".")[2]
    return name.startswith("undo_") or name == "told"
