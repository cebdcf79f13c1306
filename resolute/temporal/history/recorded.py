"""What Temporal recorded about a run: how it started, what each activity returned, how it ended.

Activity ids are step ids (see `ids`), which maps a history to its plan.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from temporalio.exceptions import (
    FailureError,
)

from resolute.plan.plan import Plan
from resolute.plan.values import Json
from resolute.running.origin import NOWHERE, Origin
from resolute.running.recall import Memory
from resolute.temporal.wire.attempts import Attempts
from resolute.temporal.wire.start import (
    Start,
)

_LATEST: Final = datetime.max.replace(tzinfo=UTC)


@dataclass
class Answer:
    """What is recorded about one activity, or about the run that a step started, whose workflow id is `run`.

    `ended_by` is the number of the event that ended it.
    """

    began_at: datetime
    ended_at: datetime | None = None
    output: Json = None
    failure: FailureError | None = None
    ended_by: int = 0
    arguments: Json = None
    attempts: Attempts = ()
    queue: str | None = None
    is_local: bool = False
    run: str = ""


@dataclass
class Recorded:
    """What is recorded of one run.

    `scheduled_for` is when its schedule had it due, where one started it; `origin` is where it comes from;
    `cancelled_by` is the number of the event by which it was asked to end. `answers` are the latest of each step,
    `calls` all of them. `fired` says when the timers of each step came to their end, with the number of the event
    that says so. `said` are the messages that the run took or refused, each behind the number of its event;
    `refused` are the ids of those that were not believed. `tasks`
    are the workflow tasks that ended well, each by the number of the event that began it, and when that was: a task
    brought what is recorded since the one before. `continued` are the later histories, each by the number of its
    first event, and when its first task began. `ahead` are the steps whose calls were made before the run came to
    them, each behind the number of the event that says so. `handed_back` says why the worker that was given the run
    last could not take it up, until one has. `trace_id` is that of its trace, where it has one that is
    recorded.
    """

    start: Start
    completed: Memory | None
    failed: Memory | None
    began_at: datetime
    scheduled_for: datetime | None = None
    origin: Origin = NOWHERE
    answers: dict[str, Answer] = field(default_factory=dict[str, Answer])
    calls: dict[str, list[Answer]] = field(default_factory=dict[str, "list[Answer]"])
    fired: dict[str, list[tuple[int, datetime]]] = field(default_factory=dict[str, list[tuple[int, datetime]]])
    said: list[tuple[int, datetime, Json]] = field(default_factory=list[tuple[int, datetime, Json]])
    refused: list[str] = field(default_factory=list[str])
    tasks: list[tuple[int, datetime]] = field(default_factory=list[tuple[int, datetime]])
    continued: list[tuple[int, datetime]] = field(default_factory=list[tuple[int, datetime]])
    ahead: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    plan: Plan | None = None
    result: Json = None
    failure: BaseException | None = None
    handed_back: BaseException | None = None
    cancelled_by: int | None = None
    has_ended: bool = False
    trace_id: str = ""

    def told_at(self, event: int, at: datetime) -> datetime:
        """When the run was told of an event that came at a time: by its own clock, which stands still in a task."""
        following = self.task_behind(event)
        return max(at, self.tasks[following][1]) if following < len(self.tasks) else at

    def task_behind(self, event: int) -> int:
        """The place of the first task that began behind an event."""
        return bisect_right(self.tasks, (event, _LATEST))

    def again(self) -> Recorded:
        """The same, to be read again: reading takes calls and timers away, one after the other."""
        calls = {step: [*calls] for step, calls in self.calls.items()}
        return replace(self, calls=calls, fired={step: [*times] for step, times in self.fired.items()})

    def add(self, step: str, answer: Answer) -> None:
        """Adds a call of a step: a step that was held and tried again was called more than once."""
        self.answers[step] = answer
        self.calls.setdefault(step, []).append(answer)

    def go_on(self, step: str, answer: Answer) -> None:
        """Adds a call, or what came of a further attempt of one that has not ended yet."""
        if (calls := self.calls.get(step)) and calls[-1].ended_at is None:
            calls.pop()
        self.add(step, answer)

    def come_to(self, step: str, event: int) -> bool:
        """The run comes to a step; whether its call was made ahead, by an event up to this one."""
        for made in self.ahead:
            if made[1] == step and made[0] <= event:
                self.ahead.remove(made)
                return True
        return False

    def next_call(self, step: str) -> Answer | None:
        """The next call of a step, in the order of the history."""
        calls = self.calls.get(step)
        return calls.pop(0) if calls else None
