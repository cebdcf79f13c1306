"""Quick calls that are made as one: what each asks for by itself is asked of the runtime together.

Each is still a step with its own id, arguments, attempts and failure. Only the way to the worker is one for all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, TypeAlias, TypeVar

from resolute.plan.errors import NodeFailedError, ResoluteError
from resolute.plan.limits import PAYLOAD_LIMIT
from resolute.plan.values import Json
from resolute.running.made import CallStoppedError
from resolute.running.runtime import Answered, CallRequest, Paused, Runtime
from resolute.running.switches import Stop

Q = TypeVar("Q")
A = TypeVar("A")

KEEPS_ALL: Final = 4
"""The first interpreter that forgets no call of a cancelled run because another was stopped by a switch.

What older ones did must come again in a replay.
"""

PUTS_OFF: Final = 5
"""The first interpreter of which no call begins beside others that have begun, once its run is paused.

What older ones did must come again in a replay.
"""

_TURNS: Final = 5
"""Turns of the event loop in which what ended at the same moment as a failure has ended."""


Keep: TypeAlias = Callable[[CallStoppedError], None]
"""Takes what has stopped a call, for another part of the run."""

Passed: TypeAlias = Callable[[str, Stop], Awaitable[None]]

Over: TypeAlias = Callable[[str], Awaitable[None]]


@dataclass(frozen=True)
class _Begun:
    request: CallRequest
    answer: asyncio.Future[Json]
    keep: Keep

    def again(self, stopped: CallStoppedError) -> _Begun:
        self.keep(stopped)
        return replace(self, request=replace(self.request, made=stopped.made))


class Together:
    """Collects the calls of so many items, and makes them when each item has come to its call or to its end.

    `stops` says that a failure gives up the calls beside it, and `passed` waits until what has stopped a step is off.
    While the run is `paused` no call begins; `over` waits for the end of that, for a step. With `keeps_all`, what has
    ended is kept where the run was cancelled and another call was stopped.
    """

    def __init__(
        self,
        runtime: Runtime,
        items: int,
        *,
        at_once: int,
        stops: bool,
        passed: Passed,
        paused: Paused | None,
        over: Over,
        keeps_all: bool,
    ) -> None:
        self._runtime = runtime
        self._passed = passed
        self._paused = paused
        self._over = over
        self._keeps_all = keeps_all
        self._missing = items
        self._at_once = at_once
        self._stops = stops
        self._calls: list[_Begun] = []
        self._all_here: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def begin(self, request: CallRequest, keep: Keep) -> asyncio.Future[Json]:
        """Takes the call of an item, which is answered when all are made."""
        answer: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._calls.append(_Begun(request, answer, keep))
        return answer

    def arrive(self) -> None:
        """An item has come to its call, or to its end without one."""
        self._missing -= 1
        if self._missing == 0:
            self._all_here.set_result(None)

    async def make(self) -> None:
        """Makes the calls and answers each."""
        await self._all_here
        try:
            for group in self._groups():
                if not await self._made(group):
                    break
        except ResoluteError as error:
            for call in self._calls:
                if not call.answer.done():
                    call.answer.set_exception(error)
        finally:
            for call in self._calls:
                if not call.answer.done():
                    call.answer.cancel()

    async def _made(self, group: list[_Begun]) -> bool:
        """Makes calls until none of them is stopped or put off any more; whether further ones are to be made."""
        while group:
            requests = [call.request for call in group]
            answers = await self._runtime.call_together(
                requests, at_once=self._at_once, stops=self._stops, paused=self._paused
            )
            pairs = list(zip(group, answers, strict=True))
            if self._keeps_all:  # `again` ends the rest where the run was cancelled: first what has ended
                pairs.sort(key=lambda each: each[1].stopped is not None)
            stopped: list[_Begun] = []
            put_off: list[_Begun] = []
            for call, answer in pairs:
                if answer.put_off:
                    put_off.append(call)
                elif answer.stopped is None:
                    _give(call.answer, answer)
                else:
                    stopped.append(call.again(answer.stopped))
            if any(answer.given_up or (self._stops and answer.failure is not None) for answer in answers):
                return False
            stops = [answer.stopped.stop for answer in answers if answer.stopped is not None]
            if stops:
                await self._passed(stopped[0].request.step, stops[0])  # and as long as the run is paused
            elif put_off:
                await self._over(put_off[0].request.step)
            group = stopped + put_off
        return True

    def _groups(self) -> Iterator[list[_Begun]]:
        """The calls, so many at a time that what they are given stays small."""
        group: list[_Begun] = []
        size = 0
        for call in self._calls:
            more = call.request.size
            if group and size + more > PAYLOAD_LIMIT:
                yield group
                group, size = [], 0
            group.append(call)
            size += more
        if group:
            yield group


class OneOfTogether:
    """One item among those whose calls are made together."""

    def __init__(self, together: Together) -> None:
        self._together = together
        self._has_arrived = False

    async def call(self, request: CallRequest, keep: Keep) -> Json:
        """As `Runtime.call`, together with the calls of the other items. `keep` gets what has stopped the call."""
        answer = self._together.begin(request, keep)
        self.arrive()
        return await answer

    def arrive(self) -> None:
        """The item has come to its call, or to its end."""
        if not self._has_arrived:
            self._has_arrived = True
            self._together.arrive()


def _give(future: asyncio.Future[Json], answer: Answered) -> None:
    if future.done():
        return
    if answer.given_up:
        future.cancel()
    elif answer.failure is not None:
        future.set_exception(answer.failure)
    else:
        future.set_result(answer.output)


class AtOnce(Generic[Q, A]):
    """Makes calls, so many at a time, in their order. `answers` are filled on the way, and stay where it is cancelled.

    An answer that `stops` the others gives up those at work; so does a cancel. None begins where `goes_on` says no.
    """

    def __init__(
        self,
        asked: Sequence[Q],
        *,
        at_once: int,
        stops: Callable[[A], bool],
        goes_on: Callable[[], bool] = lambda: True,
    ) -> None:
        self.answers: dict[int, A] = {}
        self.stopped = False
        self._asked = asked
        self._at_once = min(at_once, len(asked))
        self._stops = stops
        self._goes_on = goes_on
        self._left = iter(range(len(asked)))
        self._at_work: dict[int, asyncio.Future[A]] = {}

    async def run(self, call: Callable[[Q], Coroutine[Any, Any, A]]) -> None:
        """Makes the calls."""
        for each in await asyncio.gather(*(self._work(call) for _ in range(self._at_once)), return_exceptions=True):
            if each is not None:
                raise each

    async def _work(self, call: Callable[[Q], Coroutine[Any, Any, A]]) -> None:
        task = asyncio.current_task()
        while not self.stopped and self._goes_on() and (index := next(self._left, None)) is not None:
            answer = self._at_work[index] = asyncio.ensure_future(call(self._asked[index]))
            try:
                self.answers[index] = await answer
            except asyncio.CancelledError:
                self.stopped = True
                if answer.done() and not answer.cancelled():
                    self.answers[index] = answer.result()  # it has ended nevertheless
                return
            finally:
                del self._at_work[index]
            if task is not None and task.cancelling():
                self.stopped = True  # the call has ended nevertheless, and is the last
            elif self._stops(self.answers[index]) and not self.stopped:
                await self._stop()

    async def _stop(self) -> None:
        self.stopped = True
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        for answer in tuple(self._at_work.values()):
            answer.cancel()


async def answered(call: Awaitable[Json]) -> Answered:
    """What a call came to, its failure as a value."""
    try:
        return Answered(output=await call)
    except CallStoppedError as stopped:
        return Answered(stopped=stopped)
    except NodeFailedError as failed:
        return Answered(failure=failed)
