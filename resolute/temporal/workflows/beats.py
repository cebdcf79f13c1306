"""The workflow that keeps one heartbeat: it waits until a beat is missed, and has a run of the flow started.

Beats come as updates, so that whoever sends one knows that it is kept. It depends on no worker: the last beat, and what
waits for the next, stand in its own history, and its timer is Temporal's.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, Final, cast

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

from resolute.plan.values import Json, JsonObject
from resolute.running.beats import Overdue, Pulse, Terms, terms_from
from resolute.running.messages import Message, MessageRefusedError
from resolute.temporal.wire.messages import message_of, open_letter
from resolute.temporal.workflows.at_hand import history_is_full, keys_at_hand

HEARTBEAT: Final = "resolute.Heartbeat"
"""The workflow type, which is no flow's; its ids begin with it. Also the memo that says how it stands."""

SAY: Final = "resolute.say"
"""The update by which it is told of a beat, or of what is expected."""

BEAT: Final = "beat"
EXPECT: Final = "expect"
REMOVE: Final = "remove"

LISTENED: Final = "resolute.Listened"
"""The activity that says whether workers could hear a beat."""

START_OVERDUE: Final = "resolute.StartOverdue"
"""The activity that hands a run's start in."""

ENDED: Final = "resolute.OverdueEnded"
"""The activity that says what became of a run."""

_LONGEST: Final = timedelta(seconds=30)
_ATTEMPTS: Final = 5


def heartbeat_id(flow: str, path: str) -> str:
    """The workflow id of a heartbeat.

    >>> heartbeat_id("backup-watch", "/beat/backup")
    'resolute.Heartbeat/backup-watch/beat/backup'
    """
    return f"{HEARTBEAT}/{flow}{path}"


def place_of(workflow_id: str) -> tuple[str, str]:
    """The flow and the path in the id of a heartbeat."""
    flow, _, path = workflow_id.removeprefix(f"{HEARTBEAT}/").partition("/")
    return flow, f"/{path}"


@workflow.defn(name=HEARTBEAT)
class HeartbeatWorkflow:
    """Keeps one heartbeat. Its flow and path stand in the workflow's id: nobody can turn it into another one."""

    @workflow.init
    def __init__(self, given: Any) -> None:
        self._flow, path = place_of(workflow.info().workflow_id)
        self._pulse = Pulse(path)
        self._heard = 0
        self._is_removed = False
        # Whoever starts it gives it no state: that comes from its own earlier histories alone.
        if workflow.info().continued_run_id:
            self._pulse.restore(cast("JsonObject", given)["pulse"])

    @workflow.run
    async def run(self, given: Any) -> None:
        """Goes on until it is removed."""
        del given  # read when the workflow was made
        while not self._is_removed:
            if self._is_full():
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new({"pulse": self._pulse.as_json()})
            if self._pulse.starts:
                await self._while_wanted(self._start(self._pulse.starts[0]))
                continue
            wakes, looks, heard = self._pulse.wakes, self._pulse.looks, self._heard
            if wakes is not None and wakes <= workflow.time():
                await self._while_wanted(self._decide())
                continue
            if looks is not None and looks <= workflow.time():
                await self._while_wanted(self._look())
                continue
            wakes = min([each for each in (wakes, looks) if each is not None], default=None)
            length = None if wakes is None else timedelta(seconds=max(0.001, wakes - workflow.time()))
            try:
                await workflow.wait_condition(
                    lambda heard=heard: self._heard != heard, timeout=length, timeout_summary="a beat is missed"
                )
            except TimeoutError:
                continue
        await workflow.wait_condition(workflow.all_handlers_finished)

    @workflow.update(name=SAY, description="Hears a beat, or what is expected of it; answers how it stands.")
    def say(self, given: Any) -> Any:
        """Takes what is said."""
        message = message_of(given)
        kept, now = "", workflow.now().timestamp()
        self._heard += 1
        if message.word == REMOVE:
            self._is_removed = True
        elif message.word == EXPECT or self._pulse.terms is None:
            kept = self._pulse.expect(_terms(message), now)
        if message.word == BEAT:
            self._pulse.beat(now)
        return {**self._show(), "kept": kept}

    @say.validator
    def check_said(self, given: Any) -> None:
        """Refuses what is not sealed, or cannot be read; nothing of it is recorded then."""
        info = workflow.info()
        try:
            message = open_letter(given, HEARTBEAT, info.workflow_id, info.first_execution_run_id, keys_at_hand())
            if message.word not in (BEAT, EXPECT, REMOVE):
                raise MessageRefusedError(f"a heartbeat does not know {message.word!r}")
            _terms(message)
        except MessageRefusedError as error:
            raise ApplicationError(str(error), type=type(error).__name__, non_retryable=True) from None

    async def _while_wanted(self, work: Any) -> None:
        """Waits for the work to end, unless the heartbeat is removed, or has to go on in a new history, first."""
        task = asyncio.ensure_future(work)
        await workflow.wait_condition(lambda: task.done() or self._is_removed or self._is_full())
        if task.done():
            task.result()
        else:
            task.cancel()
            await workflow.wait_condition(task.done)

    async def _decide(self) -> None:
        """A beat is missed, unless nobody could have heard it."""
        window = self._pulse.deaf_between()
        if window is not None:
            since, until = window
            try:
                deaf: Any = await workflow.execute_activity(
                    LISTENED,
                    {"since": since, "until": until},
                    start_to_close_timeout=_LONGEST,
                    retry_policy=RetryPolicy(maximum_attempts=_ATTEMPTS),
                    summary="whether a worker could hear it",
                )
            except ActivityError as error:
                workflow.logger.warning("it is not known whether beats could be heard: %s", error.cause)
                deaf = None
            # A beat that has come meanwhile has moved what is to be decided.
            if deaf is not None and self._pulse.deaf_between() == window:
                self._pulse.was_deaf(float(deaf["seconds"]), float(deaf["until"]))
                workflow.logger.warning(
                    "nobody could hear beats of %s for %.0f s: the next one is waited for before a run starts",
                    self._pulse.path,
                    float(deaf["seconds"]),
                )
        self._pulse.decide(workflow.now().timestamp())
        self._show()

    async def _start(self, overdue: Overdue) -> None:
        await workflow.execute_activity(
            START_OVERDUE,
            {"flow": self._flow, "path": self._pulse.path, "id": overdue.id, "input": overdue.input},
            start_to_close_timeout=_LONGEST,
            retry_policy=RetryPolicy(maximum_interval=timedelta(seconds=30)),
            summary=f"start {self._flow}",
        )
        self._pulse.started(overdue)
        self._show()

    async def _look(self) -> None:
        """What became of the run that was started last: one that failed is started again."""
        became: Any = await workflow.execute_activity(
            ENDED,
            {"flow": self._flow, "path": self._pulse.path},
            start_to_close_timeout=_LONGEST,
            retry_policy=RetryPolicy(maximum_interval=timedelta(seconds=30)),
            summary=f"what became of the run of {self._flow}",
        )
        self._pulse.ended(became, workflow.now().timestamp())

    def _show(self) -> JsonObject:
        status = self._pulse.status()
        workflow.upsert_memo({HEARTBEAT: status})
        if dropped := self._pulse.dropped:
            workflow.logger.warning("%d runs for %s could not be started in time", dropped, self._pulse.path)
            self._pulse.dropped = 0
        return status

    def _is_full(self) -> bool:
        return history_is_full(self._heard)


def _terms(message: Message) -> Terms:
    try:
        return terms_from(cast("JsonObject", message.data)["terms"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise MessageRefusedError("what was said holds no terms that can be read") from None


def said(terms: Terms) -> Json:
    """What is sent beside a word."""
    return {"terms": terms.as_json()}
