"""The attempts of calls that are made together, round by round, until each has come to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from resolute.plan.errors import NodeFailedError
from resolute.running.made import left_behind, stopped_from
from resolute.running.runtime import Answered, CallRequest
from resolute.temporal.wire.attempts import Attempts, split
from resolute.temporal.wire.together import Asked, Round, Said

Seal: TypeAlias = Callable[[CallRequest], str | None]


@dataclass
class Trying:
    """One call: when its first attempt began, which one is next, and when that is due."""

    request: CallRequest
    began: datetime
    due: datetime
    attempt: int = 1
    before: Attempts = ()
    answer: Answered | None = None

    @classmethod
    def of(cls, request: CallRequest, now: datetime) -> Trying:
        """A call that is about to be made."""
        before = split([request.made.failed])[1] if request.made else ()
        return cls(request, began=now, due=now, before=before)

    @property
    def has_begun(self) -> bool:
        """Whether it is to be tried again."""
        return self.attempt > 1

    def asked(self, seal: Seal, now: datetime) -> Asked:
        """The next attempt."""
        request, policy = self.request, self.request.left
        return Asked(
            step=request.step,
            node=request.node,
            arguments=request.arguments,
            seal=seal(request),
            policy=policy,
            attempt=self.attempt,
            left=None if policy.within is None else policy.within - (now - self.began).total_seconds(),
            before=self.before,
            dry=request.dry,
            made=request.made,
            name=request.name or request.step,
            reads=request.reads,
        )

    def take(self, said: Said, now: datetime) -> None:
        """Takes what came of the attempt."""
        match said.word:
            case "output":
                self.answer = Answered(output=said.output)
            case "failed":
                failure, made = NodeFailedError.from_facts(said.facts), self.request.made
                failure.made = left_behind(made.attempts + self.attempt, made.heartbeat, unheard=False)
                self.answer = Answered(failure=failure)
            case "again":
                self.attempt += 1
                self.before = said.attempts
                self.due = now + timedelta(seconds=said.pause)
            case "given up":
                self.answer = Answered(given_up=True)
            case "stopped":
                self.answer = Answered(stopped=stopped_from(said.facts))


class Rounds:
    """The calls of one run that are made beside each other."""

    def __init__(self, requests: Sequence[CallRequest], seal: Seal, now: datetime):
        self._calls = {request.step: Trying.of(request, now) for request in requests}
        self._seal = seal

    @property
    def answers(self) -> list[Answered]:
        """What each call has come to, in order; what has not ended is given up."""
        return [call.answer or Answered(given_up=True) for call in self._calls.values()]

    @property
    def is_waiting(self) -> bool:
        """Whether there are calls that have not begun."""
        return any(not call.has_begun for call in self._open())

    def due(self, *, paused: bool) -> list[datetime]:
        """When the next attempt is due of each call that has not ended; in a pause, of each that has begun."""
        return [call.due for call in self._open() if call.has_begun or not paused]

    def asked(self, now: datetime, *, paused: bool) -> list[Asked]:
        """The attempts that are due; in a pause no first ones."""
        at_work = (call for call in self._open() if call.has_begun or not paused)
        return [call.asked(self._seal, now) for call in at_work if call.due <= now]

    def put_off(self) -> None:
        """Puts off every call that has not ended: none of them has begun."""
        for call in self._open():
            call.answer = Answered(put_off=True)

    def take(self, made: Round, now: datetime) -> bool:
        """Takes what came of attempts; whether one of them was given up, which ends the rest."""
        for step, said in made.said.items():
            self._calls[step].take(said, now)
        return any(said.word == "given up" for said in made.said.values())

    def fail(self, failures: Mapping[str, NodeFailedError]) -> None:
        """Fails every call that has not ended: not even the attempt could be made."""
        for call in self._open():
            call.answer = Answered(failure=failures[call.request.step])

    def has_failed(self) -> bool:
        """Whether a call has failed for good."""
        return any(call.answer and call.answer.failure for call in self._calls.values())

    def _open(self) -> Iterator[Trying]:
        return (call for call in self._calls.values() if call.answer is None)


class Ahead:
    """The calls of one run that are made in turn, in one trip, before the run has come to all of them.

    What they have come to is kept until the run comes to them; so is how far the one has come that is to be tried
    again. What no trip has begun is forgotten.
    """

    def __init__(self, seal: Seal) -> None:
        self._calls: dict[str, Trying] = {}
        self._seal = seal

    def __bool__(self) -> bool:
        return bool(self._calls)

    def __contains__(self, step: str) -> bool:
        return step in self._calls

    def begin(
        self, request: CallRequest, behind: Sequence[CallRequest], now: datetime, *, alone: bool = False
    ) -> list[Asked]:
        """The next attempts: that of a call to which the run has come, and the first ones of those behind it.

        Where it goes `alone`, those behind it are not asked for; the record of an earlier release may have them all the
        same.
        """
        for each in (request, *behind):
            self._calls.setdefault(each.step, Trying.of(each, now)).request = each  # as it is known by now
        asked = (request,) if alone else (request, *behind)
        return [self._calls[each.step].asked(self._seal, now) for each in asked]

    def due(self, step: str, now: datetime) -> datetime | None:
        """When the next attempt of a call is due; None where that is now."""
        call = self._calls.get(step)
        return call.due if call is not None and call.due > now else None

    def take(self, made: Round, began: datetime, now: datetime) -> None:
        """Takes what came of a trip that began then."""
        self._calls = {step: call for step, call in self._calls.items() if step in made.said}
        since = began
        for step, said in made.said.items():
            call = self._calls[step]
            if call.attempt == 1:
                call.began = since
            since = began + timedelta(seconds=made.ended[step])
            call.take(said, now)

    def answer(self, step: str) -> Answered | None:
        """What a call has come to, which the run knows from now on; None where it has not ended."""
        call = self._calls.get(step)
        if call is None or call.answer is None:
            return None
        return self._calls.pop(step).answer

    def give_up(self, part: str = "") -> None:
        """Gives up what has not ended, of the steps whose ids begin so."""
        for step, call in self._calls.items():
            if step.startswith(part) and call.answer is None:
                call.answer = Answered(given_up=True)

    def forget(self) -> None:
        """A trip has come to nothing."""
        self._calls.clear()
