"""Calls of one run that go to their worker together, in one trip after the other until each has come to its end.

What a trip is made of is the same wherever it is made: `Way` is what it needs of the run, and of the way to the worker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from temporalio.exceptions import FailureError, is_cancelled_exception

from resolute.plan.limits import PAYLOAD_LIMIT
from resolute.plan.values import Json, JsonObject
from resolute.running.runtime import Answered, CallRequest, Paused
from resolute.temporal.wire.failures import node_failure
from resolute.temporal.wire.together import Asked, Round, round_in
from resolute.temporal.workflows.rounds import Ahead, Rounds


class Way(Protocol):
    """How a run makes trips."""

    @property
    def given_up(self) -> int:
        """How often steps of the run have been given up."""
        ...

    def now(self) -> datetime:
        """The run's own clock."""
        ...

    async def make_room(self, size: int) -> None:
        """Waits until so many bytes may be recorded."""
        ...

    def stop_where_given_up(self, step: str, before: int) -> None:
        """Raises asyncio.CancelledError where a step has been given up, since `given_up` was `before`."""
        ...

    async def pause(self, name: str, step: str, until: datetime) -> None:
        """Waits for the next attempt of a step; whoever gives the trip up ends the wait.

        Raises:
            asyncio.CancelledError: it was given up.
        """
        ...

    async def carry(self, name: str, arguments: JsonObject, time: timedelta) -> Json:
        """Has a worker make what is asked for, within a time, and gives what is recorded of it.

        Raises:
            FailureError: it came to nothing, or was given up before it began.
        """
        ...


class Trips:
    """The trips of one run. `seal` gives the seal of a call, `interpreter` says how calls in turn read each other."""

    def __init__(self, way: Way, seal: Callable[[CallRequest], str | None], interpreter: int) -> None:
        self._way = way
        self._seal = seal
        self._interpreter = interpreter
        self._ahead = Ahead(seal)

    @property
    def is_ahead(self) -> bool:
        """See `Runtime.is_ahead`."""
        return bool(self._ahead)

    def __contains__(self, step: str) -> bool:
        return step in self._ahead

    def give_up(self, part: str) -> None:
        """Gives up what has not ended, of the steps whose ids begin so."""
        self._ahead.give_up(part)

    async def in_turn(self, request: CallRequest, behind: Sequence[CallRequest], paused: Paused | None) -> Answered:
        """Runs a node, with those behind it, in one trip after the other until it has come to its end.

        While the run is paused it goes alone. A trip is named by all that may go with it: what did is in its record,
        so that a replay takes the record as it is, whatever the release that made the trip would have done.
        """
        way, ahead, name = self._way, self._ahead, f"{request.step} +{len(behind)}"
        given_up = way.given_up
        try:
            while (answer := ahead.answer(request.step)) is None:
                if (due := ahead.due(request.step, way.now())) is not None:
                    await way.pause(name, request.step, due)
                await way.make_room(PAYLOAD_LIMIT)
                way.stop_where_given_up(request.step, given_up)
                began = way.now()
                asked = ahead.begin(request, behind, began, alone=bool(paused))
                ahead.take(await self._round(name, asked, {"in_turn": self._interpreter}), began, way.now())
        except asyncio.CancelledError:
            ahead.forget()
            raise
        except FailureError as error:
            ahead.forget()
            if is_cancelled_exception(error) and way.given_up > given_up:
                return Answered(given_up=True)
            return Answered(failure=node_failure(request, error))
        return answer

    async def beside(
        self, requests: Sequence[CallRequest], *, at_once: int, stops: bool, paused: Paused | None
    ) -> list[Answered]:
        """Runs nodes, one trip for the attempts that are due; see `Runtime.call_together`."""
        way, first, name = self._way, requests[0].step, f"{requests[0].step} +{len(requests) - 1}"
        rounds, given_up = Rounds(requests, self._seal, way.now()), way.given_up
        try:
            while due := rounds.due(paused=bool(paused)):
                if min(due) > way.now():
                    woken_by = paused if paused and rounds.is_waiting else None
                    await self._pause(name, first, min(due), woken_by)
                    way.stop_where_given_up(first, given_up)
                    continue
                await way.make_room(PAYLOAD_LIMIT)
                way.stop_where_given_up(first, given_up)
                if not (asked := rounds.asked(way.now(), paused=bool(paused))):
                    continue  # the run was paused meanwhile
                made = await self._round(name, asked, {"at_once": at_once, "stops": stops})
                if rounds.take(made, way.now()) or (stops and rounds.has_failed()):
                    break
                way.stop_where_given_up(first, given_up)
            else:  # all have ended that have begun
                rounds.put_off()
        except asyncio.CancelledError:
            if way.given_up == given_up:
                raise
        except FailureError as error:
            if not (is_cancelled_exception(error) and way.given_up > given_up):
                rounds.fail({request.step: node_failure(request, error) for request in requests})
        return rounds.answers

    async def _pause(self, name: str, step: str, until: datetime, paused: Paused | None) -> None:
        """Waits for the next attempt of a step; in a pause that keeps others from beginning, until its end at most."""
        if paused is None:
            await self._way.pause(name, step, until)
            return
        waiting = asyncio.ensure_future(self._way.pause(name, step, until))

        def wake() -> None:
            waiting.cancel()

        paused.ended.append(wake)
        try:
            await waiting
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if paused or (task is not None and task.cancelling()):
                raise
        finally:
            paused.ended.remove(wake)

    async def _round(self, name: str, asked: list[Asked], how: JsonObject) -> Round:
        """Makes one attempt of each: so many at once, each for itself, or in turn."""
        calls: Json = [each.as_json() for each in asked]
        time = timedelta(seconds=sum(each.policy.timeout for each in asked))
        return round_in(await self._way.carry(name, {"calls": calls, **how}, time))
