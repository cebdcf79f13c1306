"""Runs scenarios: in memory, and on Temporal."""

from __future__ import annotations

import asyncio
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowHandle

from resolute.execution.executor import NodeExecutor
from resolute.execution.secrets import Environment
from resolute.memory.runtime import run_in_memory
from resolute.memory.sharing import SharedInMemory
from resolute.plan.errors import FlowError
from resolute.plan.plan import Plan
from resolute.plan.triggers import Schedule
from resolute.plan.values import Json
from resolute.running.interpreter import Interpreter
from resolute.running.recall import Memory
from resolute.temporal.client.client import RunHandle, start_run
from resolute.temporal.client.control import cancel_run
from resolute.temporal.history.reading import read_history
from resolute.temporal.history.recorded import Recorded
from resolute.temporal.history.runs import describe_run
from resolute.temporal.schedules.change import Release
from resolute.temporal.schedules.control import delete_schedule
from resolute.temporal.schedules.schedules import deploy_schedules
from resolute.temporal.schedules.spec import ScheduledFlow
from resolute.temporal.wire.finding import RunKey
from resolute.temporal.wire.parts import part_before
from resolute.temporal.wire.start import start_argument
from resolute.temporal.workflows.workflow import STATUS_QUERY
from resolute.writing.flow import Flow
from tests.contract.nodes import ATTEMPTS, ENVIRONMENT, called, cancelled
from tests.contract.scenario import Expected, Outcome, Scenario
from tests.contract.triggering import triggered
from tests.keys import KEYS
from tests.patience import PATIENCE


class ScenarioRuntime(ABC):
    """Runs each scenario once, however many tests ask what came of it."""

    def __init__(self, coming: Sequence[Scenario] = ()) -> None:
        self._coming = {scenario.flow.name: scenario for scenario in coming}
        self._free: asyncio.Queue[ScenarioRuntime] = asyncio.Queue()
        self._free.put_nowait(self)
        self._runs: dict[str, asyncio.Task[list[Outcome]]] = {}

    async def outcomes(self, scenario: Scenario) -> list[Outcome]:
        """What came of the scenario's runs. The first to ask of those that are `coming` has all of them begun."""
        if scenario.flow.name in self._coming:
            for each in self._coming.values():
                self._begin(each)
            self._coming = {}
        return await asyncio.shield(self._begin(scenario))

    async def all_ended(self) -> None:
        """Waits until no scenario is at work."""
        await asyncio.gather(*self._runs.values(), return_exceptions=True)

    async def give_up(self) -> None:
        """Lets go of the scenarios that nobody asks for any more."""
        for run in self._runs.values():
            run.cancel()
        await self.all_ended()

    def _begin(self, scenario: Scenario) -> asyncio.Task[list[Outcome]]:
        name = scenario.flow.name
        if name not in self._runs:
            self._runs[name] = asyncio.create_task(self._in_turn(scenario))
        return self._runs[name]

    async def _in_turn(self, scenario: Scenario) -> list[Outcome]:
        runtime = await self._free.get()
        try:
            async with asyncio.timeout(PATIENCE * len(scenario.expected)):
                return await runtime.run(scenario)
        finally:
            self._free.put_nowait(runtime)

    @abstractmethod
    async def run(self, scenario: Scenario) -> list[Outcome]:
        """Runs a scenario."""


class MemoryScenarios(ScenarioRuntime):
    """Scenarios in this process; `full` says when a run is continued in another history."""

    def __init__(self, full: Callable[[int], bool] = lambda _: False) -> None:
        super().__init__()
        self.full = full

    async def run(self, scenario: Scenario) -> list[Outcome]:
        """See `ScenarioRuntime.run`."""
        executor = NodeExecutor.for_flows([scenario.flow], environment=Environment(ENVIRONMENT))
        memory: Memory | None = None
        shared = SharedInMemory()
        outcomes: list[Outcome] = []
        for expected in scenario.expected:
            run_id = uuid.uuid4().hex
            begun: list[Interpreter] = []
            going = asyncio.create_task(
                run_in_memory(
                    scenario.flow.plan,
                    executor,
                    input_data=scenario.input,
                    memory=None if scenario.flow.plan.shares_memory else memory,
                    run_id=run_id,
                    begun=begun.append,
                    full=self.full,
                    shared=shared,
                )
            )
            for steps in expected.cancelled_at:
                await asyncio.gather(*(called(run_id, step) for step in steps))
                begun[-1].cancel()
                for step in steps:
                    cancelled(run_id, step)
            run = await going
            memory = run.memory
            outcomes.append(Outcome(report=run.report, attempts=ATTEMPTS[run_id], error=run.error))
        return outcomes


class TemporalScenarios(ScenarioRuntime):
    """Scenarios on a server, with a worker of their task queue, which may continue each run in further histories.

    Others of those that are `coming` run beside them, where most of the time is waited: for timers, retries, cancels.
    Each has a worker to itself, on one of the task queues `beside`: one that keeps no run in its cache gives up what is
    at work in one, and does it again, to make room for another.
    """

    def __init__(
        self,
        client: Client,
        task_queue: str,
        *,
        continues: bool = False,
        coming: Sequence[Scenario] = (),
        beside: Sequence[str] = (),
    ) -> None:
        super().__init__(coming)
        for queue in beside:
            self._free.put_nowait(TemporalScenarios(client, queue, continues=continues))
        self.continues = continues
        self.client = client
        self.task_queue = task_queue

    async def run(self, scenario: Scenario) -> list[Outcome]:
        """See `ScenarioRuntime.run`."""
        if len(scenario.expected) > 1:
            return await self._scheduled(scenario)
        expected = next(iter(scenario.expected))
        run = await self.start(scenario.flow.plan, scenario.input)
        return [await self._ended(run, expected)]

    async def _ended(self, run: RunHandle, expected: Expected) -> Outcome:
        for steps in expected.cancelled_at:
            await asyncio.gather(*(called(run.run_id or "", step) for step in steps))
            await cancel_run(self.client, RunKey(run.workflow_id, run.run_id or ""))
            for step in steps:
                cancelled(run.run_id or "", step)
        return await self.outcome(run)

    async def start(self, plan: Plan, input_data: Json = None) -> RunHandle:
        """Starts a run of a plan, whether the worker has the flow or not."""
        return await start_run(self.client, plan, task_queue=self.task_queue, input_data=input_data, keys=KEYS)

    async def _scheduled(self, scenario: Scenario) -> list[Outcome]:
        flow = scenario.flow
        owner = f"{self.task_queue}/{flow.name}"
        release = Release(task_queue=self.task_queue, worker_set=owner, released=datetime.now(UTC), by=None)
        await deploy_schedules(self.client, [_scheduled_flow(flow)], release)
        outcomes: list[Outcome] = []
        for expected in scenario.expected:
            run = await triggered(self.client, flow.name)
            handle: WorkflowHandle[Any, Any] = self.client.get_workflow_handle(run.workflow_id, run_id=run.run_id)
            outcomes.append(await self._ended(RunHandle(handle, flow.name), expected))
        await delete_schedule(self.client, flow.name)  # and with it what the next worker's runs would remember
        return outcomes

    async def outcome(self, run: RunHandle) -> Outcome:
        """Waits for a run's end, and reads what became of it."""
        error: FlowError | None = None
        result: Json = None
        try:
            result = await run.result()
        except FlowError as failed:
            error = failed
        described = await describe_run(self.client, run.workflow_id, run.run_id)
        if described.report is None:
            raise AssertionError(f"run {run.workflow_id} has no report")
        if described.report.result != result:
            raise AssertionError(f"{described.report.result!r} is reported, and {result!r} is given to who waits")
        latest = self.client.get_workflow_handle(run.workflow_id, run_id=described.summary.run_id)
        queried = cast("Mapping[str, Json]", await latest.query(STATUS_QUERY))
        events = await self._events(run.workflow_id, described.summary.run_id)
        return Outcome(
            report=described.report,
            attempts=ATTEMPTS[_first_run_id(events)],
            error=error,
            queried=queried,
            events=events,
        )

    async def recorded(self, outcome: Outcome) -> Recorded:
        """What the histories of a run say that has ended."""
        parts: list[list[HistoryEvent]] = []
        for event in outcome.events:
            if event.event_id == 1:
                parts.append([])
            parts[-1].append(event)
        return await read_history(parts, self.client.data_converter)

    async def _events(self, workflow_id: str, run_id: str) -> list[HistoryEvent]:
        """The events of all histories of a run."""
        history = await self.client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history()
        events = list(history.events)
        before = part_before(events)
        return [*(await self._events(workflow_id, before)), *events] if before else events


def _first_run_id(events: Sequence[HistoryEvent]) -> str:
    return events[0].workflow_execution_started_event_attributes.first_execution_run_id


def executor_of(flows: Sequence[Flow]) -> NodeExecutor:
    """What a worker of all scenarios runs."""
    return NodeExecutor.for_flows(flows, environment=Environment(ENVIRONMENT))


def _scheduled_flow(flow: Flow) -> ScheduledFlow:
    trigger = next(trigger for trigger in flow.plan.triggers if isinstance(trigger, Schedule))
    return ScheduledFlow(name=flow.name, schedule=trigger, start_argument=start_argument(flow.plan, keys=KEYS))
