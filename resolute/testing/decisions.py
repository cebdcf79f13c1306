"""What a test decides in place of people: what becomes of the steps that a run holds."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from resolute.plan.plan import Plan
from resolute.plan.shapes import did_you_mean
from resolute.plan.step import plan_name, walk
from resolute.plan.values import Json
from resolute.running.hold import FAIL, HOLD, RETRY, SKIP
from resolute.running.interpreter import Interpreter
from resolute.running.messages import Message, MessageRefusedError
from resolute.testing.fakes import UnknownFakeError, WrongAnswerError
from resolute.testing.gates import GATE

NOT_SKIPPED: Final = object()
"""No value to skip with; None would be one."""


@dataclass(frozen=True)
class _Decision:
    word: str
    data: Json = None


class Decisions:
    """The decisions of one test, by step: of a step in a loop by its name in the plan, or by its id in the run."""

    def __init__(self, plan: Plan) -> None:
        self._known = [step.id for step in walk((*plan.steps, *plan.on_failure))]
        self._held: dict[str, deque[_Decision]] = {}
        self._recorded: dict[str, deque[_Decision]] = {}
        self._sent = 0

    def when_held(self, step: str, *, retry: int, skip: object, fail: bool, json: Callable[[object], Json]) -> None:
        """Adds what is decided when a step is held; see `FlowTester.when_held`."""
        if plan_name(step) not in self._known:
            raise UnknownFakeError(f"the flow has no step {step!r} ({did_you_mean(step, self._known)})")
        skipped = skip is not NOT_SKIPPED
        if sum((bool(retry), skipped, fail)) != 1:
            raise UnknownFakeError(f"when_held({step!r}, ...) takes one of retry=1, skip=VALUE, fail=True")
        decision = _Decision(SKIP, json(skip)) if skipped else _Decision(FAIL if fail else RETRY)
        self._held.setdefault(step, deque()).extend([decision] * (int(retry) or 1))

    def play(self, recorded: Mapping[str, Sequence[tuple[str, Json]]]) -> None:
        """Decides as in a recorded run, where the test decides nothing: by the id of the step, the word and a value."""
        self._recorded = {
            step: deque(_Decision(word, data) for word, data in decided) for step, decided in recorded.items()
        }

    def bring(self, run: Interpreter) -> bool:
        """Sends what has been decided on the steps that are held now; whether there was anything.

        Raises:
            WrongAnswerError: the run does not take it.
        """
        sent = False
        for address in run.open_at(HOLD):
            step = address.removeprefix(HOLD)
            decisions = self._held.get(step) or self._held.get(plan_name(step)) or self._recorded.get(step)
            if decisions:
                sent = True
                self._sent += 1
                decision = decisions.popleft()
                said = Message(to=address, word=decision.word, id=f"test-{self._sent}", data=decision.data, by="test")
                try:
                    run.take(said)
                except MessageRefusedError as error:
                    raise WrongAnswerError(f"when_held({step!r}, ...): {error}") from None
        return sent


def missing(run: Interpreter | None, step: str) -> str:
    """What is said of a step that waits, and for which the test has no decision."""
    if run is not None and HOLD + step in run.open_at(HOLD):
        failure = run.state.failure_at(step)
        why = f": {failure.error_type}: {failure.message}" if failure else ""
        return (
            f"step {step!r} is held, and the test does not decide what becomes of it{why}; "
            f"say tester.when_held({plan_name(step)!r}, retry=1), skip=VALUE or fail=True"
        )
    if run is not None and GATE + step in run.open_at(GATE):
        return (
            f"gate {step!r} waits for a decision, and has no timeout; "
            f"call tester.decides({plan_name(step)!r}, approved=True, by=...) before the run"
        )
    return f"step {step!r} waits for what the test does not give it"
