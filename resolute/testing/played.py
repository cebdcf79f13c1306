"""A recorded run as the answers of a test: each step is answered what it was answered then."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

from resolute.plan.kinds.call import calls_in
from resolute.plan.plan import Plan, with_inner
from resolute.plan.provider import NodeDefinition
from resolute.plan.shapes import did_you_mean
from resolute.plan.step import plan_name, walk
from resolute.plan.values import Json
from resolute.running.hold import FAIL, HOLD, RETRY, SKIP
from resolute.running.messages import EVENT, Message
from resolute.running.recall import Memory, memory_in_failure
from resolute.running.record import Answer, RecordError, RunRecord, Said, record_from
from resolute.testing.fakes import FakeError, Fakes, NoAnswerError, WrongAnswerError, fitting
from resolute.testing.gates import GATE, Decision
from resolute.writing.decision import EVALUATE
from resolute.writing.flow import Flow


def read_record(source: str | Path | Mapping[str, object]) -> RunRecord:
    """The record of a run, from its file or as data.

    Raises:
        RecordError: there is none.
    """
    if isinstance(source, Mapping):
        return record_from(dict(source))
    try:
        return record_from(json.loads(Path(source).read_text(encoding="utf-8")))
    except OSError as error:
        raise RecordError(f"the record cannot be read: {error.strerror}: {source}") from None
    except (ValueError, RecordError) as error:
        raise RecordError(f"{source}: {error}") from None


def flow_of_record(record: RunRecord) -> Flow:
    """The flow as the run had it. The code of its nodes is not in its plan, so each has to be answered."""
    plans = list(with_inner(record.plan))
    names = dict.fromkeys(call.node for plan in plans for call in calls_in((*plan.steps, *plan.on_failure)))
    nodes = {name: NodeDefinition(name=name, function=_unknown(name)) for name in names}
    return Flow(record.plan, {**nodes, EVALUATE.name: EVALUATE})


def _unknown(node: str) -> Any:
    async def unknown(**arguments: Any) -> Any:
        del arguments
        raise NoAnswerError(
            f"the record of a run does not hold the code of node {node!r}: give an answer with "
            f"tester.answer({node!r}, ...), or the flow with FlowTester.from_run(..., flow=...)"
        )

    return unknown


class PlayedRun:
    """The answers of one recorded run, for one run of a test.

    `real` are the names of steps and nodes that are run all the same, and `mistakes` what had no answer.
    """

    def __init__(self, record: RunRecord, flow: Flow, fakes: Fakes, real: frozenset[str]) -> None:
        self._record = record
        self._nodes = flow.nodes
        self._is_changed = flow.plan.fingerprint != record.plan.fingerprint
        self._fakes = fakes
        self._real = real
        self._left = {step: deque(answers) for step, answers in record.answers.items()}
        self.mistakes: list[FakeError] = []

    def next(self, step: str, node: str = "") -> Answer | None:
        """See `Played.next`. What the test itself answers comes first."""
        if self._fakes.has(step, node) or not self._real.isdisjoint((step, plan_name(step), node)):
            return None
        left = self._left.get(step)
        try:
            if not left:
                raise NoAnswerError(self._missing(step, node))
            answer = left.popleft()
            if self._is_changed and answer.ended_at and answer.failure is None and node in self._nodes:
                self._check(step, self._nodes[node], answer)
        except FakeError as mistake:
            self.mistakes.append(mistake)
            raise
        return answer

    def missing(self, step: str) -> str:
        """What is said of a step that waits for what was never answered; empty where that is not why."""
        if any(answer.ended_at is None for answer in self._record.answers.get(step, ())):
            return (
                f"run {self._record.run} ({self._record.report.status}) has no answer for step {step!r}, which was at "
                f"work until its record ends; {_give(step)}"
            )
        return ""

    def _missing(self, step: str, node: str) -> str:
        times = len(self._record.answers.get(step, ()))
        what = f"step {step!r}" + (f" ({node})" if node else "")
        if times:
            return f"run {self._record.run} answered {what} {_times(times)}, and it is asked again; {_give(step)}"
        known = list(dict.fromkeys(plan_name(each) for each in self._record.answers))
        near = did_you_mean(plan_name(step), known)
        return f"run {self._record.run} has no answer for {what}, which it never called ({near}); {_give(step)}"

    def _check(self, step: str, definition: NodeDefinition, answer: Answer) -> None:
        try:
            fitting(answer.output, definition)
        except WrongAnswerError as error:
            raise WrongAnswerError(
                f"what step {step!r} was answered in run {self._record.run} is nothing that its node returns now: "
                f"{error}; {_give(step)}"
            ) from None


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _give(step: str) -> str:
    name = plan_name(step)
    return f"give one with tester.answer({name!r}, ...), or have it run with tester.clear({name!r})"


class Replay:
    """A recorded run that a test plays, as often as it likes."""

    def __init__(self, record: RunRecord, flow: Flow, fakes: Fakes) -> None:
        self.record = record
        self._flow = flow
        self._fakes = fakes
        self._real: set[str] = set()
        plans = (record.plan, flow.plan)
        steps = [step for plan in plans for step in _steps(plan)]
        self._known = {name for step in steps for name in (step.id, step.node_name)} | {*map(plan_name, record.answers)}
        self.playing = self.begin()

    def begin(self) -> PlayedRun:
        """The answers of the next run."""
        self.playing = PlayedRun(self.record, self._flow, self._fakes, frozenset(self._real))
        return self.playing

    @property
    def is_changed(self) -> bool:
        """Whether the test's flow is another one than the run's."""
        return self._flow.plan.fingerprint != self.record.plan.fingerprint

    @property
    def memory(self) -> Memory | None:
        """What the run read of earlier ones."""
        return None if self.record.memory is None else memory_in_failure([self.record.memory])

    @property
    def cancelled_at(self) -> datetime | None:
        """When the run was cancelled."""
        return self.record.cancelled_at

    def run_for_real(self, name: str) -> bool:
        """Runs a step or a node instead of answering it; whether the run or the flow has it."""
        if name not in self._known and plan_name(name) not in self._known:
            return False
        self._real.add(name)
        return True

    def decisions(self) -> dict[str, list[Decision]]:
        """What people decided at gates, by the id of the gate in the run."""
        found: dict[str, list[Decision]] = {}
        for said in self._said(GATE):
            data = cast("Mapping[str, Json]", said.data or {})
            approved, reason = said.word == "approve", str(data.get("reason") or "")
            decision = Decision(approved, said.by, reason, data.get("form"), timedelta(seconds=said.after))
            found.setdefault(said.to.removeprefix(GATE), []).append(decision)
        return found

    def held(self) -> dict[str, list[tuple[str, Json]]]:
        """What people decided on held steps, by the id of the step in the run: the word, and the value to skip with."""
        found: dict[str, list[tuple[str, Json]]] = {}
        for said in self._said(HOLD):
            if said.word in (RETRY, SKIP, FAIL):
                found.setdefault(said.to.removeprefix(HOLD), []).append((said.word, cast("Json", said.data)))
        return found

    def told(self) -> list[tuple[timedelta, Message]]:
        """The events that the run was told of, each by how long after its beginning."""
        return [
            (
                said.at - self.record.began_at,
                Message(to=said.to, word=said.word, id=f"recorded-{number}", data=cast("Json", said.data), by=said.by),
            )
            for number, said in enumerate(self._said(EVENT))
        ]

    def _said(self, to: str) -> Iterator[Said]:
        return (said for said in self.record.said if said.to.startswith(to))


def _steps(plan: Plan) -> Iterator[Any]:
    for each in with_inner(plan):
        yield from walk((*each.steps, *each.on_failure))
