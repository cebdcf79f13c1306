"""Runs that a test does something to while they go on: in memory and on Temporal alike."""

from __future__ import annotations

import asyncio
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, cast

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

from resolute.execution.executor import NodeExecutor
from resolute.execution.secrets import Environment
from resolute.memory.clock import VirtualClock
from resolute.memory.ended import MemoryRun
from resolute.memory.runtime import run_in_memory
from resolute.plan.values import Json, JsonObject
from resolute.running.interpreter import Interpreter
from resolute.running.messages import Message, MessageRefusedError
from resolute.running.result import result_of
from resolute.running.switches import OFF
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import RunHandle, start_run
from resolute.temporal.client.control import cancel_run
from resolute.temporal.history.runs import describe_run
from resolute.temporal.wire.finding import RunKey
from resolute.temporal.wire.messages import ask_run
from resolute.temporal.worker import temporal_worker
from resolute.temporal.workflows.runtime import STANDING
from resolute.temporal.workflows.workflow import STATUS_QUERY
from resolute.writing.flow import Flow
from tests.keys import KEYS

_A_MOMENT = 0.01
_PATIENCE = timedelta(minutes=2)
_SHORT = timedelta(seconds=2)


def always(ended: int) -> bool:
    """Has a run continued in another history behind every step."""
    return ended >= 1


def never(_: int) -> bool:
    """Has a run stay in its first history."""
    return False


class Going(ABC):
    """A run that goes on."""

    @abstractmethod
    async def say(self, word: str, to: str = "run:pause", *, by: str = "ada", data: Json = None) -> Json:
        """Sends a message; one that is refused because the run moves to another history is sent again."""

    @abstractmethod
    async def cancel(self) -> None:
        """Cancels the run."""

    @abstractmethod
    async def standing(self) -> Mapping[str, Any]:
        """What keeps the run from going on."""

    @abstractmethod
    async def steps(self) -> Mapping[str, str]:
        """How each step stands."""

    async def shown(self) -> Mapping[str, str]:
        """How each step stands, as `resolute show` says it: read back from what is recorded."""
        return await self.steps()

    @abstractmethod
    async def result(self) -> Json:
        """Waits for the end; the result.

        Raises:
            FlowError: the run failed.
        """

    def let_time_pass(self) -> None:
        """Lets the next time come that somebody waits for."""
        return

    def other(self, flow: str, step: str) -> Going | None:
        """The run that a step has started, where it can be looked at."""
        return None

    async def stands(self, test: Callable[[Mapping[str, Any]], bool]) -> Mapping[str, Any]:
        """Waits until the run stands so."""
        while not test(found := await self.standing()):
            await asyncio.sleep(_A_MOMENT)
        return found

    async def comes_to(self, **wanted: str) -> Mapping[str, str]:
        """Waits until steps stand so, and gives how all of them do."""
        while True:
            found = await self.steps()
            if all(found.get(step) == status for step, status in wanted.items()):
                return found
            await asyncio.sleep(_A_MOMENT)


def message(word: str, to: str, by: str, data: Json) -> Message:
    """A message that was not sent before."""
    return Message(to=to, word=word, id=uuid.uuid4().hex, by=by, data=data)


class InMemory(Going):
    """A run in memory. Time stands still where everything waits, except as often as `ticks` says."""

    def __init__(self, flow: Flow, environment: Environment, input_data: Json, full: Callable[[int], bool]) -> None:
        self.ticks = 0
        self.is_left_alone = False
        self.clock = VirtualClock()
        self.clock.bring = self._bring
        self._interpreters: list[Interpreter] = []
        executor = NodeExecutor.for_flows([flow], environment=environment)
        self._run: asyncio.Task[MemoryRun] = asyncio.create_task(
            run_in_memory(
                flow.plan,
                executor,
                clock=self.clock,
                input_data=input_data,
                run_id=uuid.uuid4().hex,
                begun=self._interpreters.append,
                full=full,
            )
        )

    def _bring(self) -> bool:
        if self.is_left_alone:
            return False
        self.ticks -= 1
        return self.ticks < 0

    def let_time_pass(self) -> None:
        """See `Going.let_time_pass`."""
        self.ticks = max(self.ticks, 0) + 1

    async def _interpreter(self) -> Interpreter:
        while not self._interpreters:
            await asyncio.sleep(0)
        return self._interpreters[-1]

    async def say(self, word: str, to: str = "run:pause", *, by: str = "ada", data: Json = None) -> Json:
        """See `Going.say`."""
        while True:
            try:
                return (await self._interpreter()).take(message(word, to, by, data))
            except MessageRefusedError as error:
                if error.why != "moving":
                    raise
                await asyncio.sleep(0)

    async def cancel(self) -> None:
        """See `Going.cancel`."""
        (await self._interpreter()).cancel()

    async def standing(self) -> JsonObject:
        """See `Going.standing`."""
        return (await self._interpreter()).standing

    async def steps(self) -> Mapping[str, str]:
        """See `Going.steps`."""
        return {step.id: step.status for step in (await self._interpreter()).state.report().steps}

    async def result(self) -> Json:
        """See `Going.result`."""
        self.is_left_alone = True
        ended = await self._run
        if ended.error is not None:
            raise ended.error
        return result_of(ended.recorded)


class OnTemporal(Going):
    """A run on Temporal."""

    def __init__(self, client: Client, run: RunHandle) -> None:
        self.client = client
        self.run = run

    def other(self, flow: str, step: str) -> OnTemporal:
        """See `Going.other`."""
        handle: Any = self.client.get_workflow_handle(f"{self.run.workflow_id}/{step}")
        return OnTemporal(self.client, RunHandle(handle, flow))

    async def say(self, word: str, to: str = "run:pause", *, by: str = "ada", data: Json = None) -> Json:
        """See `Going.say`."""
        key = RunKey(self.run.workflow_id, self.run.run_id or "")
        return await ask_run(self.client, key, message(word, to, by, data), KEYS, patience=_PATIENCE)

    async def cancel(self) -> None:
        """See `Going.cancel`."""
        await cancel_run(self.client, RunKey(self.run.workflow_id, self.run.run_id or ""))

    async def standing(self) -> Mapping[str, Any]:
        """See `Going.standing`."""
        try:
            described = await self.client.get_workflow_handle(self.run.workflow_id).describe()
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                return {}  # a step is about to start it
            raise
        return cast("Mapping[str, Any]", await described.memo_value(STANDING, None) or {})

    async def steps(self) -> Mapping[str, str]:
        """See `Going.steps`."""
        told = await self.client.get_workflow_handle(self.run.workflow_id).query(STATUS_QUERY)
        return {step["id"]: step["status"] for step in told["steps"]}

    async def shown(self) -> Mapping[str, str]:
        """See `Going.shown`."""
        report = (await describe_run(self.client, self.run.workflow_id)).report
        return {step.id: step.status for step in report.steps} if report else {}

    async def result(self) -> Json:
        """See `Going.result`."""
        return await self.run.result()


class Place(ABC):
    """Where runs go on. `environment` is what their nodes are called with."""

    def __init__(self, *, continues: bool) -> None:
        self.continues = continues
        self.environment = Environment({})
        self.switches = OFF
        self.environment.switches = lambda: self.switches

    @abstractmethod
    async def begin(self, flow: Flow, input_data: Json = None) -> Going:
        """Starts a run."""


class MemoryPlace(Place):
    """In this process."""

    async def begin(self, flow: Flow, input_data: Json = None) -> InMemory:
        """See `Place.begin`."""
        return InMemory(flow, self.environment, input_data, always if self.continues else never)


class TemporalPlace(Place):
    """On a server, with a worker of its own."""

    def __init__(self, client: Client, flows: Sequence[Flow], *, continues: bool, cached: bool) -> None:
        super().__init__(continues=continues)
        self.client = client
        self.queue = f"going-{uuid.uuid4().hex[:8]}"
        executor = NodeExecutor.for_flows(flows, environment=self.environment)
        self.worker: Worker = temporal_worker(
            client,
            Activities(flows, executor, KEYS),
            task_queue=self.queue,
            graceful_shutdown=timedelta(0),
            max_cached_workflows=1000 if cached else 0,
            full=always if continues else never,
        )

    async def begin(self, flow: Flow, input_data: Json = None) -> OnTemporal:
        """See `Place.begin`."""
        run = await start_run(self.client, flow.plan, task_queue=self.queue, input_data=input_data, keys=KEYS)
        return OnTemporal(self.client, run)

    async def begin_in_short_tasks(self, flow: Flow) -> OnTemporal:
        """Starts a run whose worker hears within two seconds what came while a quick step is at work."""
        workflow_id = uuid.uuid4().hex
        handle: Any = await self.client.start_workflow(
            flow.name, id=workflow_id, task_queue=self.queue, task_timeout=_SHORT
        )
        return OnTemporal(self.client, RunHandle(handle, flow.name))


PLACES = ["memory", "memory-continuing", "temporal", "temporal-replaying", "temporal-continuing"]
