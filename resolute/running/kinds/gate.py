"""Runs a gate: people are told, and it waits until they have decided or its time is up."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Final, cast

from resolute.plan.errors import FlowError, NodeFailedError
from resolute.plan.kinds.gate import Gate
from resolute.plan.made_up import made_up
from resolute.plan.shapes import Shape
from resolute.plan.times import spoken_duration
from resolute.plan.values import Json, JsonObject
from resolute.running.evaluate import evaluate
from resolute.running.frame import Frame
from resolute.running.kinds.deciding import GATE, Deciding, deciding_from, people_of, text_from
from resolute.running.messages import Listener, Message
from resolute.running.run import Run, RunSuspendedError
from resolute.running.torn_down import is_torn_down

LINK_LIFE: Final = timedelta(days=30)
"""How long a link decides for, where the gate is open longer. A reminder brings a new one."""


class GateRejectedError(FlowError):
    """A gate was rejected, or its time was up, and the flow does not go on without an approval."""


class GateTimedOutError(FlowError):
    """Nobody decided a gate within its time, and the flow says that this is a failure."""


async def run_gate(gate: Gate, frame: Frame, run: Run) -> Json:
    """Gives the decision.

    Raises:
        GateRejectedError: it was rejected, and the flow does not go on then.
        GateTimedOutError: it was not decided in time.
        EvaluationError: those who may decide are not known, or too few.
    """
    if run.plan.is_dry:
        return _taken_as_approved(gate, frame, run)
    part = frame.kept.parts.get(gate.id)
    deciding = _opened(gate, frame, run) if part is None else deciding_from(gate, part, run.origin.person)
    return await _Open(gate, frame, run, deciding).decided()


def _opened(gate: Gate, frame: Frame, run: Run) -> Deciding:
    scope, now = run.state.scope(frame), run.runtime.now()
    asks = text_from(evaluate(cast("Json", gate.requester), scope), lambda: f"the requester of gate {gate.id!r}")
    starter = run.origin.person
    requester = asks or starter
    return Deciding(
        gate=gate,
        opened=now,
        deadline=None if gate.timeout is None else now + timedelta(seconds=gate.timeout),
        ask=text_from(evaluate(cast("Json", gate.ask), scope), lambda: f"what gate {gate.id!r} asks"),
        approvers=people_of(
            gate, evaluate(cast("Json", gate.approvers), scope), tuple(dict.fromkeys((requester, starter)))
        ),
        requester=requester,
        starter=starter,
    )


def _taken_as_approved(gate: Gate, frame: Frame, run: Run) -> Json:
    """In a dry run nobody is asked, and what would come behind an approval is what the run is to show."""
    opened = _opened(gate, frame, run)
    run.state.tell(gate, frame, opened.details())
    who = "anybody" if opened.approvers is None else ", ".join(opened.approvers)
    run.state.leave_undone(gate, frame, f"it would have asked {gate.quorum} of {who}, and is taken as approved")
    form = (
        None
        if gate.form is None
        else made_up(Shape(gate.form, cast("JsonObject", gate.form.get("$defs", {}))), opened.opened)
    )
    at = opened.opened.isoformat()
    return {"approved": True, "by": [], "reason": "nobody was asked: the run is dry", "form": form, "at": at}


class _Open:
    """A gate while it is open."""

    def __init__(self, gate: Gate, frame: Frame, run: Run, deciding: Deciding) -> None:
        self._gate = gate
        self._id = frame.path + gate.id
        self._frame = frame
        self._run = run
        self._deciding = deciding
        self._telling: asyncio.Task[None] | None = None
        self._places: list[str] = []
        self._over = False

    async def decided(self) -> Json:
        """Waits for the decision."""
        self._keep()
        listener = Listener(self._deciding.check, self._take)
        self._run.inbox.listen(GATE + self._id, listener)
        try:
            while not self._deciding.is_decided and not self._is_late():
                self._tell()
                await self._run.wait(self._id, self._next())
        except RunSuspendedError:
            await self._told()  # what is at work comes to its end, and is not begun again
            raise  # the gate stays open: what comes meanwhile waits for the run to go on
        except (Exception, asyncio.CancelledError):
            self._run.inbox.close(GATE + self._id)
            await self._given_up()
            raise
        self._run.inbox.close(GATE + self._id, why=self._closed())
        self._leave()
        return self._outcome()

    def _take(self, message: Message) -> Json:
        answer = self._deciding.take(message, self._run.runtime.now())
        self._keep()
        if self._deciding.is_decided:
            self._run.wake(self._id)
        return answer

    def _keep(self) -> None:
        self._frame.kept.parts[self._gate.id] = self._deciding.as_json()
        self._run.state.tell(self._gate, self._frame, self._deciding.details())

    def _is_late(self) -> bool:
        deadline = self._deciding.deadline
        return deadline is not None and not self._run.pausing and self._run.runtime.now() >= deadline

    def _closed(self) -> str:
        deciding = self._deciding
        if deciding.is_decided:
            return f"gate {self._id!r} has been decided: {deciding.said}"
        return f"gate {self._id!r} is no longer open: its time was up" if self._is_late() else ""

    def _outcome(self) -> Json:
        gate, deciding = self._gate, self._deciding
        if deciding.is_decided:
            output = deciding.output()
            if not output["approved"] and gate.on_reject == "fail":
                why = f": {output['reason']}" if output["reason"] else ""
                raise GateRejectedError(f"{deciding.decisions[-1]['by']} rejected gate {self._id!r}{why}")
            return output
        late = f"gate {self._id!r} was not decided within {spoken_duration(gate.timeout or 0)}"
        if gate.on_timeout == "fail":
            raise GateTimedOutError(f"{late} ({len(deciding.approvals)} of {gate.quorum} approved)")
        if gate.on_timeout == "reject" and gate.on_reject == "fail":
            raise GateRejectedError(f"{late}, which counts as a rejection")
        at = cast("datetime", deciding.deadline).isoformat()
        return {"approved": gate.on_timeout == "approve", "by": [], "reason": late, "form": None, "at": at}

    def _next(self) -> datetime | None:
        """When something is due: a reminder, or the end."""
        times = [time for time in (self._deciding.deadline, self._reminder()) if time is not None]
        return min(times) if times else None

    def _reminder(self) -> datetime | None:
        if not self._gate.notify:
            return None
        if not self._deciding.rounds:
            return self._deciding.opened
        if self._gate.remind is None:
            return None
        return self._deciding.opened + timedelta(seconds=self._gate.remind) * self._deciding.rounds

    def _tell(self) -> None:
        """Tells people of the gate, where that is due. A round that is still at work takes the place of the next."""
        deciding, due, now = self._deciding, self._reminder(), self._run.runtime.now()
        busy = self._telling is not None and not self._telling.done()
        if deciding.telling is not None and not busy:  # begun in an earlier part of the run
            self._telling = asyncio.ensure_future(self._round(deciding.telling))
            busy = True
        if due is None or due > now:
            return
        # What was due while no worker ran is due once.
        every = timedelta(seconds=self._gate.remind or 0)
        number = max(deciding.rounds, (now - deciding.opened) // every if every else 0)
        deciding.rounds = number + 1
        if not busy:
            deciding.telling = number
            self._telling = asyncio.ensure_future(self._round(number))
        self._keep()

    async def _round(self, number: int) -> None:
        people = self._deciding.undecided() if self._gate.each_person else [""]
        rounds = [self._person(number, person) for person in people]
        suspended = [each for each in await asyncio.gather(*rounds) if each]
        if not suspended and not self._over:
            self._deciding.telling = None
            self._keep()

    async def _person(self, number: int, person: str) -> bool:
        """Tells one person, or all at once; whether it is to be taken up again in another history."""
        run, deciding = self._run, self._deciding
        index = f"[{deciding.approvers.index(person)}]" if person and deciding.approvers else ""
        place = f"{self._gate.id}#{number}{index}"
        self._places.append(place)
        until = run.runtime.now() + LINK_LIFE
        until = min(until, deciding.deadline) if deciding.deadline else until
        link = {"gate": self._id, "person": person, "until": until.isoformat(), "run": run.origin.run_id}
        frame = self._frame.inside(
            place, items={self._gate.id: {"person": person, "link": link}}, alone=False, collected=True
        )
        try:
            await run.block(self._gate.notify, frame)
        except RunSuspendedError:
            return True
        except asyncio.CancelledError:
            pass  # it has been decided, or the run is cancelled
        except NodeFailedError as error:
            if not self._over:
                run.state.warn([_unheard(self._id, person, error)])
        self._frame.forget(place)
        self._places.remove(place)
        return False

    async def _told(self) -> None:
        if self._telling is not None:
            await self._telling

    async def _given_up(self) -> None:
        """Waits for what is given up with the run. One whose engine lets go of it is given no answer any more."""
        if self._telling is not None:
            if is_torn_down():
                self._telling.cancel()
            await self._telling

    def _leave(self) -> None:
        """Lets go of who is still being told: nobody waits for that any more, and nothing further of it begins.

        The calls at work are not cancelled. A replay may bring the decision before the answers that came shortly before
        it, and would cancel what has ended.
        """
        self._over = True
        if self._telling is not None and not self._telling.done():
            self._run.leave(f"{self._id}#")
            for place in self._places:
                self._frame.forget(place)


def _unheard(gate_id: str, person: str, error: NodeFailedError) -> str:
    told = f"{person} was not told of gate {gate_id!r}" if person else f"nobody was told of gate {gate_id!r}"
    return f"{told}: {error.error_type}: {error.reason} (`resolute gates` lists it, `resolute approve` decides it)"
