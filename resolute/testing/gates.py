"""What a test has people decide at gates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from resolute.memory.clock import VirtualClock
from resolute.plan.plan import Plan
from resolute.plan.shapes import did_you_mean
from resolute.plan.step import plan_name, walk
from resolute.plan.values import Json
from resolute.running.interpreter import Interpreter
from resolute.running.messages import Message, MessageRefusedError
from resolute.testing.fakes import FakeError, UnknownFakeError

GATE: Final = "gate:"
"""How the addresses of gates begin."""


class WrongDecisionError(FakeError):
    """A test decides as nobody could: the gate refuses it."""


@dataclass(frozen=True)
class Decision:
    """What a person decides, and how long after the gate has opened."""

    approved: bool
    by: str
    reason: str
    form: Json
    after: timedelta


class GateDecisions:
    """What people decide in a test. `bring` brings what is due when everything else waits."""

    def __init__(self, plan: Plan, clock: VirtualClock) -> None:
        self._gates = [step.id for step in walk((*plan.steps, *plan.on_failure)) if step.kind == "gate"]
        self._clock = clock
        self._due: list[Callable[[], None]] = []
        self._given: dict[str, list[Decision]] = {}
        self._recorded: Mapping[str, list[Decision]] = {}
        self._opened: dict[str, datetime] = {}
        self._brought: dict[str, int] = {}

    def add(self, gate: str, decision: Decision) -> None:
        """Has a gate decided, or one person of several decide.

        Raises:
            UnknownFakeError: the flow has no such gate.
        """
        if plan_name(gate) not in self._gates:
            raise UnknownFakeError(f"the flow has no gate {gate!r} ({did_you_mean(gate, self._gates)})")
        self._given.setdefault(gate, []).append(decision)

    def play(self, recorded: Mapping[str, list[Decision]]) -> None:
        """Decides as in a recorded run the gates on which the test decides nothing, by their ids in the run."""
        self._recorded = recorded

    def begin(self) -> None:
        """Forgets what the run before has come to."""
        for take_back in self._due:
            take_back()
        self._opened, self._brought, self._due = {}, {}, []

    def bring(self, run: Interpreter) -> bool:
        """Brings the next decision that is due; false where none is."""
        now = self._clock.now()
        for to in run.open_at(GATE):
            gate = to.removeprefix(GATE)
            since = self._opened.get(gate)
            if since is None:
                since = self._opened[gate] = now
                # The clock stops where a decision is due, to have it brought.
                times = [since + decision.after for decision in self._of(gate) if decision.after]
                self._due += [self._clock.call_at(time, _nothing) for time in times]
            for number, decision in enumerate(self._of(gate)[self._brought.get(gate, 0) :]):
                if since + decision.after <= now:
                    self._brought[gate] = self._brought.get(gate, 0) + number + 1
                    self._send(run, to, decision)
                    return True
        return False

    def _of(self, gate: str) -> list[Decision]:
        found = self._given.get(gate) or self._given.get(plan_name(gate)) or self._recorded.get(gate, [])
        return sorted(found, key=lambda decision: decision.after)

    def _send(self, run: Interpreter, to: str, decision: Decision) -> None:
        data: dict[str, Json] = {"reason": decision.reason}
        if decision.form is not None:
            data["form"] = decision.form
        message = Message(
            to=to,
            word="approve" if decision.approved else "reject",
            id=f"{to}/{decision.by}/{self._brought[to.removeprefix(GATE)]}",
            data=data,
            by=decision.by,
        )
        try:
            run.take(message)
        except MessageRefusedError as error:
            raise WrongDecisionError(f"what the test decides is refused: {error}") from None


def _nothing() -> None:
    return None


def button_in_tests(facts: Mapping[str, Any]) -> str:
    """What stands in a test for what a button carries: `button-of-approve`."""
    return f"button-of-{facts['gate']}"


def link_in_tests(facts: Mapping[str, Any]) -> str:
    """What stands for a link in a test: `https://gates.test/approve/ada`."""
    return f"https://gates.test/{facts['gate']}/{facts['person']}"
