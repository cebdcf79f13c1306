"""The interpreter's runtime on Temporal: calls become activities, the clock is the workflow's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, cast

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import FailureError, is_cancelled_exception
from temporalio.workflow import ActivityCancellationType

from resolute.plan.errors import PayloadTooLargeError, UnknownNodeError
from resolute.plan.limits import MESSAGE_LIMIT, PAYLOAD_LIMIT, recorded_size
from resolute.plan.plan import INTERPRETER
from resolute.plan.values import Json, JsonObject
from resolute.running.made import stopped_in
from resolute.running.messages import Message
from resolute.running.runtime import Answered, CallRequest, ChildRequest, Paused
from resolute.running.shared.asking import Asking
from resolute.running.switches import Stop, stop_from
from resolute.running.turns import Turns
from resolute.temporal.wire.activity import ASK_SWITCHES, activity, flows_above
from resolute.temporal.wire.elsewhere import is_elsewhere
from resolute.temporal.wire.failures import child_failure, node_failure
from resolute.temporal.wire.ids import activity_id
from resolute.temporal.wire.together import TOGETHER
from resolute.temporal.workflows.child import StartedRun, child_id, child_run
from resolute.temporal.workflows.newer import may_be_taken_over, waiting
from resolute.temporal.workflows.shared import answer_in, question
from resolute.temporal.workflows.trips import Trips

STANDING: Final = "resolute.standing"
"""The memo that says what keeps a run from going on: held steps, a pause."""

_PATIENCE: Final = timedelta(seconds=10)
"""How much longer calls that are made together may take than all of them one after the other."""

_A_MOMENT: Final = timedelta(milliseconds=1)

_TURNS: Final = 5
"""Turns of the event loop in which everything that a workflow task brought reaches its waiters."""


class TemporalRuntime:
    """Runs nodes as activities of the current workflow.

    `seal` gives the seal of a call, which travels beside its arguments; None where the run has none to give. With
    `waits`, a call that is given up ends when its node has ended; what interpreter 1 gave up ended at once. With
    `bounded`, what would make a message to Temporal too large waits. `start` gives the argument that another flow is
    started with, and `letter` seals a message to a run of it, by its flow and workflow id. `recorded` are the bytes
    that the run has recorded before its first call, and `full` says when the history is to end.

    One workflow task ends in one message, with the arguments of every activity that it schedules, the result of every
    local activity that it ran, and the result of the run. So calls wait for running activities, or for the next
    task, which a timer triggers.
    """

    def __init__(
        self,
        seal: Callable[[CallRequest], str | None] = lambda _: None,
        *,
        start: Callable[[ChildRequest], Json] = lambda _: None,
        letter: Callable[[Message, str, str], Json] = lambda message, flow, run: message.as_json(),
        waits: bool = True,
        bounded: bool = True,
        recorded: int = 0,
        full: Callable[[int], bool] = lambda _: False,
        interpreter: int = INTERPRETER,
    ) -> None:
        self._seal = seal
        self._start = start
        self._letter = letter
        self._started: dict[str, StartedRun] = {}
        self._cancellation = (
            ActivityCancellationType.WAIT_CANCELLATION_COMPLETED if waits else ActivityCancellationType.TRY_CANCEL
        )
        self._at_work: dict[str, asyncio.Task[Any]] = {}
        self._given_up: list[tuple[str, frozenset[str]]] = []
        self._giving_up: list[asyncio.Future[None]] = []
        self._bounded = bounded
        self._turns = Turns(MESSAGE_LIMIT)
        self._unsent = recorded
        self._task = -1
        self._scheduled = 0
        self._is_full = full
        self._trips = Trips(self, seal, interpreter)
        self._waiting = waiting if waits else lambda: None
        self.handed_back: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Fails where only another worker may have the node of a local call: then the workflow task is to fail."""

    def is_full(self, ended: int) -> bool:
        """Whether Temporal wants the run to be continued in another history; see `Runtime.is_full`."""
        return self._is_full(ended)

    async def sleep(self, step: str, until: datetime | None) -> None:
        """Waits by a timer of Temporal's, whose summary is the step; see `Runtime.sleep`."""
        if until is None:
            await asyncio.get_running_loop().create_future()
        else:
            await workflow.sleep(max(until - self.now(), _A_MOMENT), summary=step)

    def now(self) -> datetime:
        """The workflow's clock."""
        return workflow.now()

    @property
    def is_ahead(self) -> bool:
        """See `Runtime.is_ahead`."""
        return self._trips.is_ahead

    async def call(
        self, request: CallRequest, behind: Sequence[CallRequest] = (), paused: Paused | None = None
    ) -> Json:
        """Runs a node as an activity whose id is the step's name; see `Runtime.call`."""
        if not self._bounded:
            self._check_task(request)
            return await self._called(request)
        given_up = len(self._given_up)
        if request.lane == "local":
            if behind or request.step in self._trips:
                return (await self._trips.in_turn(request, behind, paused)).value()
            await self.make_room(PAYLOAD_LIMIT)
            self.stop_where_given_up(request.step, given_up)
            output = await self._called(request)
            self._unsent += recorded_size(output)
            return output
        async with self._turns.of(request.size):
            await self.make_room(self._turns.held)
            self.stop_where_given_up(request.step, given_up)
            try:
                return await self._called(request)
            finally:
                self._unsent = 0  # what was recorded before an activity has been sent when the activity has ended

    @property
    def given_up(self) -> int:
        """How often steps have been given up."""
        return len(self._given_up)

    def stop_where_given_up(self, step: str, before: int) -> None:
        """Ends the call of a step that was given up while it waited; see `Way.stop_where_given_up`."""
        if any(step.startswith(part) for part, _ in self._given_up[before:]):
            raise asyncio.CancelledError

    @property
    def unsent(self) -> int:
        """Bytes that the message of this workflow task holds already."""
        return self._unsent

    async def make_room(self, size: int) -> None:
        """Waits for the next workflow task, if this one's message has no room for so many bytes."""
        if self._bounded and self._unsent and self._unsent + size > MESSAGE_LIMIT:
            await workflow.sleep(_A_MOMENT, summary="send what is recorded so far")
            self._unsent = 0

    async def _called(self, request: CallRequest) -> Json:
        handle = activity(request, self._seal(request), self._cancellation, self._waiting())
        self._at_work[request.step] = handle
        try:
            output = cast("Json", await handle)
            if (stopped := stopped_in(output)) is not None:
                raise stopped
            return output
        except FailureError as error:
            await self._unless_elsewhere(error)
            if is_cancelled_exception(error) and self._is_given_up(request.step):
                raise asyncio.CancelledError from None  # the run is cancelled, which is not a failure of the step
            raise node_failure(request, error) from None
        finally:
            del self._at_work[request.step]

    async def still(self, name: str, stop: Stop) -> Stop | None:
        """Asks the worker, in a local activity; see `Runtime.still`."""
        try:
            now: Json = await workflow.execute_local_activity(
                ASK_SWITCHES,
                {"stop": stop.as_json(), "flows": [workflow.info().workflow_type, *flows_above()]},
                activity_id=activity_id(name),
                start_to_close_timeout=_PATIENCE,
                retry_policy=RetryPolicy(maximum_attempts=1),
                summary=name,
            )
        except FailureError as error:
            if is_cancelled_exception(error):
                raise asyncio.CancelledError from None
            return stop  # nobody has said that it is off
        return None if now is None else stop_from(now)

    def stand(self, standing: JsonObject) -> None:
        """Writes it into the run's memo, which lists of runs show; see `Runtime.stand`."""
        if (workflow.memo_value(STANDING, None) or {}) != standing:
            workflow.upsert_memo({STANDING: standing or None})

    async def call_together(
        self, requests: Sequence[CallRequest], *, at_once: int, stops: bool, paused: Paused | None = None
    ) -> list[Answered]:
        """Runs nodes in local activities, one for the attempts that are due; see `Runtime.call_together`."""
        return await self._trips.beside(requests, at_once=at_once, stops=stops, paused=paused)

    async def pause(self, name: str, step: str, until: datetime) -> None:
        """Waits for the next attempt of a step; see `Way.pause`."""
        await self._at_work_as(name, asyncio.ensure_future(self.sleep(step, until)))

    async def carry(self, name: str, arguments: JsonObject, time: timedelta) -> Json:
        """Makes calls in one local activity; see `Way.carry`."""
        run_id = workflow.info().first_execution_run_id
        record = await self._at_work_as(
            name,
            workflow.start_local_activity(
                TOGETHER,
                args=[{**arguments, "run_id": run_id, "flows": flows_above(), "waits": self._waiting()}],
                activity_id=name,
                start_to_close_timeout=time + _PATIENCE,
                retry_policy=RetryPolicy(maximum_attempts=1),
                cancellation_type=self._cancellation,
                summary=name,
            ),
        )
        self._unsent += recorded_size(record)
        return cast("Json", record)

    async def _at_work_as(self, name: str, work: asyncio.Task[Any]) -> Any:
        self._at_work[name] = work
        try:
            return await work
        except FailureError as error:
            await self._unless_elsewhere(error)
            raise
        finally:
            del self._at_work[name]

    async def _unless_elsewhere(self, error: FailureError) -> None:
        """Does not come back where a local call failed whose node a newer worker may have: the task is handed back.

        Nothing that this task has brought is recorded then, neither the failure nor what local calls before it gave,
        be it in the same trip: all of it is made again, which is safe for whatever is in the local lane. Once the
        time is over the call has failed, and so it has in a replay.
        """
        if is_elsewhere(error) and may_be_taken_over():
            if not self.handed_back.done():
                self.handed_back.set_exception(UnknownNodeError(error.message))
            await asyncio.get_running_loop().create_future()  # the interpreter is not to take it for a failure

    async def share(self, asking: Asking) -> Json:
        """Asks by an activity, whose worker asks the workflow that keeps it; see `Runtime.share`."""
        return answer_in(await self.call(question(asking)))

    def child_id(self, step: str) -> str:
        """A workflow id made of this run's own; see `Runtime.child_id`."""
        return child_id(workflow.info().workflow_id, step)

    async def child(self, request: ChildRequest) -> Json:
        """Runs another flow as a child workflow, whose memo names the step; see `Runtime.child`."""
        run = self.child_id(request.step)
        self._started[request.step] = StartedRun(lambda message: self._letter(message, request.plan.name, run))
        work = self._at_work[request.step] = asyncio.create_task(self._child(request))
        try:
            return await work
        except FailureError as error:
            raise child_failure(error, given_up=self._is_given_up(request.step)) from None
        finally:
            del self._at_work[request.step], self._started[request.step]

    def tell_children(self, message: Message) -> None:
        """Signals the runs that steps have started; see `Runtime.tell_children`."""
        for run in self._started.values():
            run.tell(message)

    async def _child(self, request: ChildRequest) -> Json:
        argument, given_up = self._start(request), len(self._given_up)
        size = recorded_size(argument)
        if size > PAYLOAD_LIMIT:
            raise PayloadTooLargeError(
                what=f"plan and input of flow {request.plan.name!r}", size=size, limit=PAYLOAD_LIMIT
            )
        async with self._turns.of(size):
            await self.make_room(self._turns.held)
            self.stop_where_given_up(request.step, given_up)
            handle = await child_run(request, argument)
            self._unsent = 0
        self._started[request.step].began(handle)
        return cast("Json", await handle)

    def cancel(self, part: str = "") -> None:
        """Cancels the running nodes; see `Runtime.cancel`."""
        self._trips.give_up(part)
        at_work = {step: handle for step, handle in self._at_work.items() if step.startswith(part)}
        self._given_up.append((part, frozenset(at_work)))
        self._giving_up = [each for each in self._giving_up if not each.done()]
        self._giving_up.append(asyncio.ensure_future(self._give_up(list(at_work.values()))))

    async def _give_up(self, handles: list[asyncio.Task[Any]]) -> None:
        # What ended at the moment of the cancellation has ended: its result must not get lost. What has begun since
        # undoes the run's work, and is not given up.
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        for handle in handles:
            handle.cancel()

    def _is_given_up(self, step: str) -> bool:
        if not self._given_up:  # as with interpreter 1, whose runs are cancelled as a whole
            return workflow.cancellation_reason() is not None
        return any(step in at_work for _, at_work in self._given_up)

    def _check_task(self, request: CallRequest) -> None:
        # What interpreter 1 does if calls that are scheduled together do not fit into one message.
        task = workflow.info().get_current_history_length()
        self._scheduled = request.size + (self._scheduled if task == self._task else 0)
        self._task = task
        if self._scheduled > MESSAGE_LIMIT:
            raise PayloadTooLargeError(
                what=f"the input of step {request.step!r} ({request.node}), with what runs beside it,",
                size=self._scheduled,
                limit=MESSAGE_LIMIT,
            )
