"""The workflow that keeps the starts of one flow and key, so that at most one run of them goes on.

Every start with a key comes here, as an update which is answered with what became of it. The runs are children of this
workflow that outlive it, so Temporal itself says when one has ended, however it did. It goes on for as long as a
delivery may come again, and then ends.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any, Final, cast

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, ChildWorkflowError, FailureError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

from resolute.plan.values import Json, JsonObject
from resolute.running.line import REMEMBERED, Became, Line, LineFullError, Start, start_from
from resolute.running.messages import EVENT, Message, MessageRefusedError
from resolute.temporal.wire.messages import TELL, message_of, open_letter, sealed
from resolute.temporal.wire.start import STARTED_BY
from resolute.temporal.wire.tracing import started_in
from resolute.temporal.workflows.at_hand import keys_at_hand, tell_reached
from resolute.temporal.workflows.reached import Bound

LINE: Final = "resolute.Line"
"""The workflow type, which is no flow's."""

HAND_IN: Final = "resolute.hand_in"
"""The update by which a start is handed in."""

AWAIT_RUN: Final = "resolute.AwaitRun"
"""The activity that ends when no run with a workflow id goes on."""


@workflow.defn(name=LINE)
class LineWorkflow:
    """Starts the runs of one flow and key, one after the other."""

    @workflow.init
    def __init__(self, given: Any) -> None:
        held = cast("JsonObject", given)
        # From its id alone, for which starts are sealed: whoever starts a line cannot turn it to another run.
        self._run = workflow.info().workflow_id.removeprefix(f"{LINE}/")
        self._flow = self._run.partition("/")[0]
        self._line = Line()
        if "line" in held:
            self._line.restore(held["line"])
        self._has_begun = False
        self._number = 0

    @workflow.run
    async def run(self, given: Any) -> None:
        """Goes on until no delivery that is known may come again."""
        del given  # read when the workflow was made
        if self._line.is_at_work:
            await self._other_run()
        while True:
            try:
                # What nobody has to remember needs no time.
                length = 0.001 if self._line.is_blank else REMEMBERED
                await workflow.wait_condition(lambda: bool(self._line.waiting), timeout=timedelta(seconds=length))
            except TimeoutError:
                self._line.forget(self._now())
                if self._line.is_blank and workflow.all_handlers_finished():
                    return
                continue
            await self._move_where_full()
            await self._one(self._line.begin())

    async def _one(self, start: Start) -> None:
        """Runs a start to its end, or until it cannot begin yet."""
        self._number += 1
        try:
            with started_in(start.trace):
                child = await workflow.start_child_workflow(
                    self._flow,
                    start.argument,
                    id=self._run,
                    parent_close_policy=ParentClosePolicy.ABANDON,
                    memo={STARTED_BY: start.by} if start.by else None,
                )
        except WorkflowAlreadyStartedError:
            self._line.put_back(start)
            await self._other_run()
            return
        self._has_begun = True
        await workflow.wait_condition(lambda: child.done() or workflow.info().is_continue_as_new_suggested())
        await self._move_where_full(even_at_work=not child.done())
        with suppress(ChildWorkflowError):  # how it ended is its own affair
            await child
        self._ended()

    async def _other_run(self) -> None:
        """Waits for the end of a run that this history has not started."""
        self._has_begun = True
        await workflow.execute_activity(
            AWAIT_RUN,
            {"run": self._run},
            activity_id=f"{AWAIT_RUN}:{self._number}",
            start_to_close_timeout=timedelta(seconds=30),
            retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=10)),
            summary=f"wait for the end of {self._run}",
        )
        self._ended()

    def _ended(self) -> None:
        self._has_begun = False
        self._line.end()

    async def _move_where_full(self, *, even_at_work: bool = True) -> None:
        """Goes on in a new history where Temporal wants it."""
        if not (even_at_work and workflow.info().is_continue_as_new_suggested()):
            return
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.continue_as_new({"line": self._line.as_json()})

    @workflow.update(name=HAND_IN, description="Hands in a start of the flow; answers what became of it.")
    async def hand_in(self, given: Any) -> Any:
        """Takes a start."""
        start = _start_of(message_of(given))
        if known := self._line.known(start.id):
            return self._answer(known, again=True)
        number = self._number
        try:
            became = self._line.decide(start, self._now())
        except LineFullError as error:
            raise ApplicationError(str(error), type=type(error).__name__, non_retryable=True) from None
        if became == "replaced":
            await self._replace(number)
        elif became == "told":
            became = await self._told(start)
        return self._answer(became)

    @hand_in.validator
    def check_handed_in(self, given: Any) -> None:
        """Refuses what is not sealed, is no start, or finds no room; nothing of it is recorded then."""
        try:
            info = workflow.info()
            message = open_letter(given, LINE, info.workflow_id, info.first_execution_run_id, keys_at_hand())
            self._line.check(_start_of(message))
        except (MessageRefusedError, LineFullError) as error:
            if isinstance(error, LineFullError):
                said = f"starts of run {self._run} are refused: as many as may already wait for their turn"
                tell_reached(Bound(about=f"line of {self._flow}", kind="full", said=said, flow=self._flow))
            raise ApplicationError(str(error), type=type(error).__name__, non_retryable=True) from None

    @workflow.query(name="status", description="Whether a run goes on, and which starts wait.")
    def status(self) -> Json:
        """What waits."""
        waiting: Json = [{"id": start.id, "by": start.by} for start in self._line.waiting]
        return {"run": self._run, "is_at_work": self._line.is_at_work, "waiting": waiting}

    async def _replace(self, number: int) -> None:
        if not self._line.is_at_work:
            return
        await workflow.wait_condition(lambda: self._has_begun or self._number != number)
        if self._number != number or not self._has_begun:
            return
        try:
            await workflow.get_external_workflow_handle(self._run).cancel()
        except FailureError:
            workflow.logger.info("run %s has ended before it was replaced", self._run)

    async def _told(self, start: Start) -> Became:
        """Tells the run in progress; where it has just ended, the start is one like any other."""
        await workflow.wait_condition(lambda: self._has_begun or not (self._line.is_at_work or self._line.waiting))
        name, value = start.event or ("", None)
        message = Message(to=EVENT + name, word="tell", id=start.id, data=value, by=start.by)
        letter = sealed(message, self._flow, self._run, keys_at_hand())
        if self._has_begun:
            try:
                await workflow.get_external_workflow_handle(self._run).signal(TELL, letter.as_json())
            except FailureError:
                workflow.logger.info("run %s has ended before it was told", self._run)
            else:
                return "told"
        return self._line.not_told(start, self._now())

    def _answer(self, became: Became, *, again: bool = False) -> Json:
        waiting = len(self._line.waiting)
        workflow.set_current_details(f"{waiting} starts wait for the end of {self._run}" if waiting else "")
        if forgotten := self._line.forgotten():
            workflow.logger.warning("%d deliveries of %s are no longer known", forgotten, self._run)
        return {"became": became, "again": again, "waiting": waiting}

    def _now(self) -> float:
        return workflow.now().timestamp()


def _start_of(message: Message) -> Start:
    try:
        return start_from(message.data)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise MessageRefusedError("what was handed in is no start") from None
