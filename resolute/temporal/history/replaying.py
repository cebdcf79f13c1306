"""A recorded run, replayed with its own plan.

The interpreter runs again with the recorded answers, so that a run can be shown with its conditions and skipped steps
even without a worker.
"""

from __future__ import annotations

import asyncio
import heapq
import json
import sys
from collections.abc import Callable, Sequence, Sized
from contextlib import suppress
from datetime import datetime
from itertools import count
from typing import Final, NoReturn

from temporalio.exceptions import is_cancelled_exception

from resolute.plan.errors import FlowError
from resolute.plan.plan import Plan
from resolute.plan.values import Json, JsonObject
from resolute.running.interpreter import Interpreter, RunContinuedError
from resolute.running.made import stopped_in
from resolute.running.messages import Message, MessageRefusedError
from resolute.running.outcomes import Outcomes, outcomes_from
from resolute.running.recall import Memory, newest
from resolute.running.report import RunReport, StepReport
from resolute.running.result import result_of
from resolute.running.runtime import Answered, CallRequest, ChildRequest, Paused
from resolute.running.shared.asking import Asking
from resolute.running.state import TOLD
from resolute.running.switches import Stop, stop_from
from resolute.running.window import Window
from resolute.temporal.history.recorded import Answer, Recorded
from resolute.temporal.wire.failures import child_failure, node_failure
from resolute.temporal.wire.messages import message_of
from resolute.temporal.workflows.handed import READS_FAILURES
from resolute.temporal.workflows.handing_over import HAND_OVER
from resolute.temporal.workflows.hearing import LONGEST_MARK
from resolute.temporal.workflows.shared import answer_in, question
from resolute.temporal.workflows.shelter import SHELTERS

_TURNS: Final = 20
"""Turns of a busy event loop without activity of the interpreter, after which every branch is waiting."""

_AT_LAST: Final = sys.maxsize
"""In place of the number of an event: behind all of them."""


class RecordedRuntime:
    """Answers as it was answered: what came comes again in the order of the history, one workflow task at a time."""

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded
        self._now = recorded.told_at(0, recorded.began_at)
        self._signs = 0
        self._is_cancelled = False
        self._parts: list[str] = []
        self._order = count()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._brought = recorded.tasks[0][0] if recorded.tasks else 0
        self._ended_before = 0
        self._never_begun: dict[str, asyncio.Future[None]] = {}
        self._coming: list[tuple[int, datetime, Json | None]] = [*recorded.said]
        if recorded.cancelled_by is not None:
            at = recorded.told_at(recorded.cancelled_by, recorded.began_at)
            self._coming.append((recorded.cancelled_by, at, None))
        self._coming.sort(key=lambda each: each[0])

    def now(self) -> datetime:
        """The clock of the run, as far as it has come."""
        self._signs += 1
        return self._now

    def is_full(self, ended: int) -> bool:
        """The history that is read back has ended where it ended; what follows began by the clock of the next one."""
        following = next((each for each in self._recorded.continued if each[0] > self._brought), None)
        if following is None or ended <= self._ended_before:
            return False
        began, at = following
        tasks = self._recorded.tasks
        task = self._recorded.task_behind(self._brought)
        if tasks[task][0] > began:  # the last task of its history, which had nothing more to wait for
            self._brought, self._now, self._ended_before = tasks[task][0], max(self._now, at), ended
        return False

    async def sleep(self, step: str, until: datetime | None) -> None:
        """Until the timer of the step came to its end."""
        self._signs += 1
        fired = self._recorded.fired.get(step)
        if until is not None and fired:
            event, at = fired.pop(0)
            await self._until(event)
            self._now = max(self._now, self._recorded.told_at(event, at))
        elif until is not None and (passed := self._passed(until)):
            await self._until(passed[0])
            self._now = max(self._now, passed[1])
        else:
            await asyncio.get_running_loop().create_future()

    def _passed(self, until: datetime) -> tuple[int, datetime] | None:
        """The history at whose beginning a time had passed, so that the run did not wait for it any more."""
        later = (each for each in self._recorded.continued if each[0] > self._brought and each[1] >= until)
        return next(later, None)

    @property
    def is_ahead(self) -> bool:
        """Whether calls were made by now to which the run comes later."""
        return any(event <= self._brought for event, _ in self._recorded.ahead)

    async def call(
        self, request: CallRequest, behind: Sequence[CallRequest] = (), paused: Paused | None = None
    ) -> Json:
        """What is recorded of the next call of the step."""
        was_ahead = self._recorded.come_to(request.step, self._brought)
        answer = self._recorded.next_call(request.step)
        if answer is not None:
            answer.arguments = request.arguments
            if was_ahead and answer.ended_at is None and self._is_given_up(request.step):
                raise asyncio.CancelledError  # it was to be tried again when it was given up
        answer = await self._ended(request.step, answer)
        if answer.failure is not None:
            raise node_failure(request, answer.failure)
        if (stopped := stopped_in(answer.output)) is not None:
            raise stopped
        return answer.output

    async def still(self, name: str, stop: Stop) -> Stop | None:
        """What was said of a switch then."""
        answer = await self._ended(name, self._recorded.next_call(name))
        if answer.failure is not None:
            return stop
        return None if answer.output is None else stop_from(answer.output)

    async def share(self, asking: Asking) -> Json:
        """What was answered of what runs share."""
        return answer_in(await self.call(question(asking)))

    def child_id(self, step: str) -> str:
        """The run that the step started."""
        answer = self._recorded.answers.get(step)
        return answer.run if answer else ""  # the same for each time that it was run

    async def child(self, request: ChildRequest) -> Json:
        """What the run of the other flow came to."""
        answer = await self._ended(request.step, self._recorded.next_call(request.step))
        if answer.failure is not None:
            raise child_failure(answer.failure, given_up=self._is_given_up(request.step))
        return answer.output

    def _is_given_up(self, step: str) -> bool:
        return self._is_cancelled or any(step.startswith(part) for part in self._parts)

    async def _ended(self, step: str, answer: Answer | None) -> Answer:
        """What is recorded of a step that has ended; whoever was given up is given up again."""
        self._signs += 1
        given_up = self._was_at_work(answer)
        if answer is None or answer.ended_at is None:
            if given_up and self._recorded.has_ended:
                await self._until(_AT_LAST)
                raise asyncio.CancelledError
            if answer is None:
                await self._cancelled(step)
            await asyncio.get_running_loop().create_future()
            raise asyncio.CancelledError
        await self._until(answer.ended_by)
        ended = answer.ended_at if answer.is_local else self._recorded.told_at(answer.ended_by, answer.ended_at)
        self._now = max(self._now, ended)
        given_up = given_up or any(step.startswith(part) for part in self._parts)
        if answer.failure is not None and given_up and not answer.run and is_cancelled_exception(answer.failure):
            raise asyncio.CancelledError
        return answer

    async def _cancelled(self, step: str) -> NoReturn:
        """Waits until a step is given up that has come to nothing."""
        ends = self._never_begun[step] = asyncio.get_running_loop().create_future()
        await ends
        raise asyncio.CancelledError

    def stand(self, standing: JsonObject) -> None:
        """Nobody is told."""

    def tell_children(self, message: Message) -> None:
        """They were told then."""

    async def call_together(
        self, requests: Sequence[CallRequest], *, at_once: int, stops: bool, paused: Paused | None = None
    ) -> list[Answered]:
        """What is recorded of each of the calls."""
        self._signs += 1
        answers = [self._recorded.answers.get(request.step) for request in requests]
        for request, answer in zip(requests, answers, strict=True):
            if answer is not None:
                answer.arguments = request.arguments
        ended = [answer for answer in answers if answer is not None and answer.ended_at is not None]
        if not ended:
            # None of them came to anything, as the run has come to nothing since.
            if self._was_at_work(None) and self._recorded.has_ended:
                await self._until(_AT_LAST)
                raise asyncio.CancelledError
            await self._cancelled(requests[0].step)
        await self._until(max(answer.ended_by for answer in ended))
        self._now = max([self._now, *(answer.ended_at for answer in ended if answer.ended_at)])
        return [self._answered(request, answer) for request, answer in zip(requests, answers, strict=True)]

    def _answered(self, request: CallRequest, answer: Answer | None) -> Answered:
        if answer is not None and answer.ended_at is not None:
            return _answered(request, answer)
        was_given_up = self._recorded.has_ended and not self._was_at_work(None)
        if was_given_up or self._is_given_up(request.step):
            return Answered(given_up=True)
        return Answered(put_off=True)  # it may still come to something, or be given up

    def cancel(self, part: str = "") -> None:
        """Gives up what was given up then."""
        self._is_cancelled = self._is_cancelled or not part
        self._parts.append(part)
        for step, ends in self._never_begun.items():
            if step.startswith(part) and not ends.done():
                ends.set_result(None)

    async def settled(self, run: asyncio.Task[Json]) -> None:
        """Waits until nothing moves any more: nothing is left to run, or nothing but what others do on this loop."""
        ready: Sized | None = getattr(asyncio.get_running_loop(), "_ready", None)
        signs, turns = -1, 0
        while turns < _TURNS and not run.done():
            turns = turns + 1 if signs == self._signs else 0
            signs = self._signs
            await asyncio.sleep(0)
            if ready is not None and not len(ready):
                return

    def bring(self, interpreter: Interpreter) -> bool:
        """Brings what the next workflow task brought; False where there was none any more."""
        following = [*(event for event, _, _ in self._waiting[:1]), *(event for event, _, _ in self._coming[:1])]
        if not following:
            return False
        tasks = self._recorded.tasks
        task = self._recorded.task_behind(min(following))
        end = self._brought = tasks[task][0] if task < len(tasks) else _AT_LAST
        while self._coming and self._coming[0][0] <= end:
            self._tell(interpreter, *self._coming.pop(0)[1:])
        while self._waiting and self._waiting[0][0] <= end:
            _, _, woken = heapq.heappop(self._waiting)
            if not woken.done():
                woken.set_result(None)
        self._signs += 1
        return True

    def _tell(self, interpreter: Interpreter, at: datetime, said: Json | None) -> None:
        if said is None:
            interpreter.cancel()
        else:
            self._now = max(self._now, at)
            with suppress(MessageRefusedError):  # so it was when it came
                message = message_of(said)
                if message.id[:LONGEST_MARK] in self._recorded.refused:
                    return  # it was not believed
                interpreter.take(message)
                self.took(message)

    def took(self, message: Message) -> None:
        """The run took a message; for who wants to know."""

    async def _until(self, event: int) -> None:
        """Waits until the workflow task that an event brought about."""
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (event, next(self._order), woken))
        await woken
        self._signs += 1

    def _was_at_work(self, answer: Answer | None) -> bool:
        """Whether the call was running when the run was cancelled."""
        cancelled_by = self._recorded.cancelled_by
        if cancelled_by is None or self._is_cancelled:
            return False
        return answer is None or answer.ended_at is None or answer.ended_by > cancelled_by


def _answered(request: CallRequest, answer: Answer) -> Answered:
    if answer.failure is not None:
        if is_cancelled_exception(answer.failure):
            return Answered(given_up=True)
        return Answered(failure=node_failure(request, answer.failure))
    stopped = stopped_in(answer.output)
    return Answered(output=answer.output) if stopped is None else Answered(stopped=stopped)


def memory_handed(recorded: Recorded, plan: Plan) -> Memory | None:
    """What the run was handed by the runs before it."""
    return newest(recorded.completed, recorded.failed if plan.interpreter >= READS_FAILURES else None)


async def replayed(recorded: Recorded) -> RunReport | None:
    """The run as far as it is recorded; None if it has not recorded its plan yet."""
    plan = recorded.start.plan or recorded.plan
    if plan is None:
        return None
    report, _ = await replay(recorded, plan, Window(only=recorded.start.earlier.only))
    return with_answers(report, recorded)


def with_answers(report: RunReport, recorded: Recorded) -> RunReport:
    """A report of a run that was replayed, with the run's result, and each call's own times."""
    steps = tuple(_with_answer(step, recorded.answers.get(step.id)) for step in report.steps)
    return report.model_copy(update={"steps": steps, "result": result_of(recorded.result)})


async def outcomes_before(recorded: Recorded, plan: Plan, step: str) -> tuple[Outcomes, Window]:
    """What the run had come to before a step, by its id in the run: all that does not come after it.

    The window says whether the run came to that step at all.
    """
    window = Window(until=step)
    recorded.cancelled_by = None  # what was given up is no outcome
    _, outcomes = await replay(recorded, plan, window)
    return outcomes, window


async def replay(
    recorded: Recorded,
    plan: Plan,
    window: Window,
    *,
    answering: Callable[[Recorded], RecordedRuntime] = RecordedRuntime,
    most: int = TOLD,
) -> tuple[RunReport, Outcomes]:
    """Interprets a plan over what is recorded, as far as that goes.

    The outcomes are those before the step at which the window ends, and none where it does not. `most` is how many
    steps of items and turns the report has.
    """
    memory = memory_handed(recorded, plan)
    if plan.interpreter < SHELTERS:
        recorded.cancelled_by = None  # what it did when it was cancelled is no part of its plan
    runtime = answering(recorded)
    taken = recorded.start.earlier.outcomes
    interpreter = Interpreter(
        plan,
        runtime,
        input_data=recorded.start.input,
        memory=memory,
        scheduled_for=recorded.scheduled_for or recorded.began_at,
        outcomes=None if taken is None else outcomes_from(taken),
        window=window,
        observed=True,
        origin=recorded.origin,
        most=most,
    )
    if HAND_OVER in recorded.answers:  # its start was handed in, and none of its steps ran
        return interpreter.state.report(), Outcomes()
    run = asyncio.ensure_future(interpreter.run())
    try:
        await runtime.settled(run)
        while not run.done() and runtime.bring(interpreter):
            await runtime.settled(run)
        report = interpreter.state.report()  # before it is let go of, which looks like a cancel
        outcomes = Outcomes()
        if window.until:
            outcomes = outcomes_from(json.loads(json.dumps(interpreter.outcomes().as_json())))
        return report, outcomes
    finally:
        await let_go(run)


async def let_go(run: asyncio.Task[Json]) -> None:
    """Ends an interpreter wherever it waits. Whoever waits here can be cancelled, and then is."""
    run.cancel()
    await asyncio.wait((run,))
    error = None if run.cancelled() else run.exception()
    if error is not None and not isinstance(error, (FlowError, RunContinuedError)):
        raise error


def _with_answer(step: StepReport, answer: Answer | None) -> StepReport:
    """A step with its own activity's times: the replay's clock is at the latest of all parallel ones.

    A local activity is at work alone, and its end is recorded by the clock of the run. Its beginning is recorded by the
    clock of its worker, which is ahead of that, so the replay's beginning stands.
    """
    if answer is None or step.kind not in ("call", "child"):
        return step
    began = {} if answer.is_local else {"started_at": answer.began_at}
    ended = {"ended_at": answer.ended_at} if answer.ended_at and step.ended_at else {}
    update = {"arguments": answer.arguments, "attempts": answer.attempts, **began, **ended}
    return step.model_copy(update=update)
