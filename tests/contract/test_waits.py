"""Waits for events end the same in memory and on Temporal, in one history or in many, with and without a cache."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel
from temporalio.client import Client

from resolute import Flow, FlowError, branch, flow, manual, signal, wait_for
from resolute.memory.runtime import run_in_memory
from resolute.running.interpreter import Interpreter
from resolute.running.messages import EVENT, Message
from resolute.running.report import RunReport
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import start_run
from resolute.temporal.history.runs import describe_run
from resolute.temporal.wire.finding import RunKey
from resolute.temporal.wire.messages import ask_run, tell_run
from resolute.temporal.worker import temporal_worker
from tests.contract.nodes import called, double, echo, hang
from tests.contract.runtimes import executor_of
from tests.keys import KEYS
from tests.patience import PATIENCE

START = manual("start")


class Deployed(BaseModel):
    """An event."""

    version: int
    by: str = "nobody"


DEPLOYED = signal("deployed", Deployed)
begin = double(1).as_("begin")
one = wait_for(DEPLOYED).as_("one")
late = wait_for(DEPLOYED, timeout=timedelta(milliseconds=300)).as_("late")
second = wait_for(DEPLOYED, where=lambda event: event.version == begin.output).as_("second")

Said = tuple[str, str, object]
"""The step at whose call a run is told, the name of the event, and what it holds."""


@dataclass(frozen=True)
class Case:
    """A flow, what its run is told, and what comes of it."""

    flow: Flow
    said: Sequence[Said]
    result: Mapping[str, object]


CASES = [
    Case(
        flow("one-event")
        .triggered_by(START)
        .then(begin)
        .then(one)
        .then(double(one.output.version).as_("after"))
        .build(),
        [("begin", "deployed", {"version": 4})],
        {"begin": 2, "one": {"version": 4, "by": "nobody"}, "after": 8},
    ),
    Case(
        flow("no-event").triggered_by(START).then(begin).then(late).then(double(3).as_("after")).build(),
        [("begin", "another", {"version": 4})],
        {"begin": 2, "late": None, "after": 6},
    ),
    Case(
        flow("kept-events")
        .triggered_by(START)
        .then(begin)
        .then(second)
        .then(double(2).as_("between"))
        .then(wait_for(DEPLOYED).as_("third"))
        .build(),
        [("begin", "deployed", {"version": number, "by": str(number)}) for number in (1, 2)],
        {
            "begin": 2,
            "second": {"version": 2, "by": "2"},
            "between": 4,
            "third": {"version": 1, "by": "1"},
        },
    ),
    Case(
        flow("events-side-by-side")
        .triggered_by(START)
        .then(begin)
        .then_parallel(
            branch().then(wait_for(DEPLOYED).as_("first")).then(double(5).as_("beside")),
            wait_for(DEPLOYED, where=lambda event: event.version == 1).as_("picky"),
            wait_for(DEPLOYED).as_("last"),
        )
        .build(),
        [("begin", "deployed", {"version": version}) for version in (7, 1, 1)],
        {
            "begin": 2,
            "first": {"version": 7, "by": "nobody"},
            "picky": {"version": 1, "by": "nobody"},
            "last": {"version": 1, "by": "nobody"},
            "beside": 10,
        },
    ),
]

Ended = tuple[object, RunReport]
Engine = Callable[[Case], Awaitable[Ended]]


async def _in_memory(case: Case, full: Callable[[int], bool]) -> Ended:
    run_id, begun = uuid.uuid4().hex, list[Interpreter]()
    run = asyncio.create_task(
        run_in_memory(case.flow.plan, executor_of([case.flow]), run_id=run_id, begun=begun.append, full=full)
    )
    for number, (step, name, data) in enumerate(case.said):
        await called(run_id, step)
        begun[-1].take(Message(to=EVENT + name, word="tell", id=str(number), data=data))  # type: ignore[arg-type]  # any JSON
    ended = await run
    if ended.error is not None:
        raise ended.error
    return ended.report.result, ended.report


@pytest.fixture(
    params=["memory", "memory-continued", "temporal", "temporal-replaying", "temporal-continued", "temporal-by-signal"]
)
async def engine(request: pytest.FixtureRequest, temporal_client: Client) -> AsyncIterator[Engine]:
    """What runs a case."""
    kind, _, how = str(request.param).partition("-")
    full: Callable[[int], bool] = (lambda ended: ended >= 1) if how == "continued" else (lambda _: False)
    if kind == "memory":
        yield lambda case: _in_memory(case, full)
        return
    flows = [case.flow for case in CASES]
    worker = temporal_worker(
        temporal_client,
        Activities(flows, executor_of(flows), KEYS),
        task_queue=(queue := f"waits-{uuid.uuid4().hex[:8]}"),
        graceful_shutdown=timedelta(0),
        max_cached_workflows=0 if how == "replaying" else 1000,
        full=full,
    )

    async def on_temporal(case: Case) -> Ended:
        run = await start_run(temporal_client, case.flow.plan, task_queue=queue, keys=KEYS)
        key = RunKey(run.workflow_id, run.run_id or "")
        for number, (step, name, data) in enumerate(case.said):
            await called(run.run_id or "", step)
            message = Message(to=EVENT + name, word="tell", id=str(number), data=data)  # type: ignore[arg-type]  # any JSON
            if how == "by-signal":
                await tell_run(temporal_client, case.flow.name, key.workflow_id, message, KEYS)
            else:
                await ask_run(temporal_client, key, message, KEYS)
        result = await run.result()
        report = (await describe_run(temporal_client, run.workflow_id)).report
        assert report is not None
        return result, report

    async with worker:
        yield on_temporal


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.flow.name)
async def test_waiting_for_events(case: Case, engine: Engine) -> None:
    """The same events give the same result on every engine, and are told by the run's history."""
    async with asyncio.timeout(PATIENCE):
        result, report = await engine(case)

    assert case.result == result
    assert dict.fromkeys(case.result, "completed") == {name: report.step(name).status for name in case.result}


async def test_a_wait_that_is_cancelled(temporal_client: Client) -> None:
    """A run that waits for an event without a timeout ends when it is cancelled, and undoes what it has done."""
    waits = (
        flow("cancelled-wait")
        .triggered_by(START)
        .then(double(1).as_("begin").on_failure(echo("undone").as_("undo")))
        .then_parallel(wait_for(DEPLOYED).as_("never"), hang().as_("beside"))
        .build()
    )
    worker = temporal_worker(
        temporal_client,
        Activities([waits], executor_of([waits]), KEYS),
        task_queue=(queue := f"waits-{uuid.uuid4().hex[:8]}"),
        graceful_shutdown=timedelta(0),
    )
    async with worker, asyncio.timeout(PATIENCE):
        run = await start_run(temporal_client, waits.plan, task_queue=queue, keys=KEYS)
        await called(run.run_id or "", "beside")
        await run.handle.cancel()
        with pytest.raises(FlowError, match="the run was cancelled"):
            await run.result()
        report: Any = (await describe_run(temporal_client, run.workflow_id)).report

    assert ("cancelled", "completed") == (report.step("never").status, report.step("undo").status)
