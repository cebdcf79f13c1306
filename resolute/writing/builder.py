"""The fluent builder: it only collects, `build()` checks everything.

A builder is frozen; each call returns a new one, so a beginning can be shared by several flows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Literal, Never, TypeAlias, cast

from resolute.plan.errors import Problem
from resolute.plan.keyed import keyed_by
from resolute.plan.plan import WhenStuck
from resolute.plan.provider import Provider
from resolute.plan.triggers import TriggerSpec
from resolute.writing.compiler import compile_flow
from resolute.writing.conditions import Condition
from resolute.writing.draft import Draft, FlowDraft
from resolute.writing.flow import Flow
from resolute.writing.kinds.parallel import DraftParallel
from resolute.writing.opening import OpenWhen, place_inside, problems_of_open
from resolute.writing.places import place_of_caller
from resolute.writing.placing import Chain, mistakes_of, placed, steps_of
from resolute.writing.step import FlowStep

Branch: TypeAlias = "FlowStep[Any] | FlowBuilder | Sequence[FlowStep[Any]]"


@dataclass(frozen=True, eq=False, repr=False)
class FlowBuilder(Chain):
    """A flow being written. See `flow`."""

    _draft: FlowDraft
    _open: tuple[OpenWhen, ...] = ()

    def triggered_by(self, *triggers: TriggerSpec) -> FlowBuilder:
        """What starts a run: one or more of `schedule`, `every`, `webhook`, `heartbeat`, `manual`, `failed_runs`."""
        builder, given = self, list[TriggerSpec]()
        for trigger in cast("tuple[object, ...]", triggers):
            if isinstance(trigger, TriggerSpec):
                given.append(trigger)
            else:
                hint = "give schedule(...), every(...), webhook(...), heartbeat(...), manual(...) or failed_runs(...)"
                builder = builder._mistaken("trigger", f"a {type(trigger).__name__} is not a trigger", hint)
        return builder._with(triggers=(*self._draft.triggers, *given))

    def then(self, step: FlowStep[Any], *others: Never) -> FlowBuilder:
        """Runs a step after everything before it. It takes one step: each further one is a `.then(...)` of its own."""
        added = self._add(placed(step), *(placed(other) for other in others))
        if not others:
            return added
        message = f"then(...) takes one node and was given {1 + len(others)}"
        hint = "write .then(a).then(b) to run one after the other, .then_parallel(a, b) to run them at the same time"
        return added._mistaken(self._place("then"), message, hint)

    def then_parallel(self, *branches: Branch) -> FlowBuilder:
        """Runs branches at the same time: nodes, lists of nodes, or `branch().then(...)...`.

        All branches run to their end, also where one fails; then the run fails with the first failure in plan order.
        """
        place = self._place("parallel")
        builder = self._add(DraftParallel(tuple(steps_of(branch) for branch in branches)))
        for index, branch in enumerate(branches):
            builder = builder._mistaken_as_well(mistakes_of(branch, f"{place}.branch[{index}]."))
        return builder

    def when(self, condition: Condition) -> FlowBuilder:
        """Opens a block that runs where the condition holds, up to `otherwise` or `end_when`.

        A condition is an expression over references, or a function of the `State`, plain or async, which becomes a
        decision node: it runs on the worker and its answer is recorded.
        """
        opened = OpenWhen(condition, self._draft.steps, written_at=place_of_caller())
        return FlowBuilder(replace(self._draft, steps=()), (*self._open, opened))

    def otherwise(self) -> FlowBuilder:
        """Goes on with the block that runs where the condition of the innermost `when` does not hold."""
        if not self._open:
            return self._mistaken("otherwise()", "is outside a when block", "begin with .when(condition)")
        innermost = self._open[-1]
        if innermost.then is not None:
            return self._mistaken("otherwise()", "appears twice in one when block", "nest another .when(...) in it")
        opened = (*self._open[:-1], replace(innermost, then=self._draft.steps))
        return FlowBuilder(replace(self._draft, steps=()), opened)

    def end_when(self) -> FlowBuilder:
        """Closes the innermost `when`; what follows runs in either case."""
        if not self._open:
            return self._mistaken(
                "end_when()", "does not close a when block", "remove it, or begin with .when(condition)"
            )
        return FlowBuilder(replace(self._draft, steps=self._open[-1].closed(self._draft.steps)), self._open[:-1])

    def on_failure(self, *steps: FlowStep[Any]) -> FlowBuilder:
        """Runs steps, in order, when the run has failed; they can read `failure()`. The run still ends as failed."""
        return self._with(failure_steps=(*self._draft.failure_steps, *(placed(step) for step in steps)))

    def returns(self, value: object) -> FlowBuilder:
        """Says what the run's result is; without it, the outputs of all named steps."""
        if self._draft.result:
            return self._mistaken("returns(...)", "is said twice", "keep one")
        return self._with(result=(value,))

    def build(self, *, providers: Sequence[Provider] = ()) -> Flow:
        """Checks the flow and turns it into a plan.

        Args:
            providers: instances whose grants the flow is held against: a node that one of them refuses is a mistake.
                A worker checks its own providers again, when it starts and at every call.

        Raises:
            FlowBuildError: the flow cannot run; lists every mistake with its place and a hint.
        """
        return compile_flow(replace(self._closed(), providers=tuple(providers)))

    def _written(self, prefix: str = "") -> FlowDraft:
        """What has been said so far; see `Chain`."""
        return self._closed(prefix)

    def _closed(self, prefix: str = "") -> FlowDraft:
        """What was written, with every open `when` closed and said to be a mistake."""
        steps = self._draft.steps
        for block in reversed(self._open):
            steps = block.closed(steps)
        problems = problems_of_open(self._open, prefix)
        return replace(self._draft, steps=steps, mistakes=(*self._draft.mistakes, *problems))

    def _place(self, kind: str) -> str:
        return f"{place_inside(self._open)}{kind}[{len(self._draft.steps)}]"

    def _add(self, *drafts: Draft) -> FlowBuilder:
        return self._with(steps=(*self._draft.steps, *drafts))

    def _mistaken(self, place: str, message: str, hint: str) -> FlowBuilder:
        return self._mistaken_as_well([Problem(place, message, hint)])

    def _mistaken_as_well(self, problems: Sequence[Problem]) -> FlowBuilder:
        return self._with(mistakes=(*self._draft.mistakes, *problems))

    def _with(self, **changes: Any) -> FlowBuilder:
        return FlowBuilder(replace(self._draft, **changes), self._open)

    def __repr__(self) -> str:
        return f"<flow {self._draft.name} being written>"


def draft_of(builder: FlowBuilder) -> FlowDraft:
    """What has been said of a flow so far, for whoever looks for flows that nobody has built."""
    return builder._closed()  # pyright: ignore[reportPrivateUsage]  # of this module


def flow(
    name: str,
    *,
    description: str = "",
    one_per: object = None,
    while_running: Literal["skip", "queue", "replace"] | None = None,
    when_stuck: WhenStuck = "fail",
    within: timedelta | None = None,
    mode: Literal["live", "shadow"] = "live",
) -> FlowBuilder:
    """Begins a flow. Its name is Temporal's workflow type, so it names the flow everywhere.

    With `one_per`, a field of the input, at most one run for each of its values goes on at a time, whatever starts it.
    `while_running` says what happens to another start: `"queue"` (unless said otherwise) lets it wait for its turn,
    `"skip"` starts nothing, `"replace"` cancels the run and undoes it first.

    With `when_stuck="hold"` a run does not fail where a step has failed for good: the step is held until a person
    retries it, skips it or lets it fail (`resolute held`). A run that is not done `within` a length of time ends then:
    it undoes its work, runs the flow's `on_failure`, and counts as timed out.

    With `mode="shadow"` runs are started as ever, read and compute, and write nothing; they say what they would have
    done.

    >>> from resolute import flow, manual, node
    >>> @node
    ... def greet(name: str) -> str:
    ...     return f"hello {name}"
    >>> flow("greeting").triggered_by(manual("greet")).then(greet("you")).build().name
    'greeting'
    """
    keyed = keyed_by(one_per, while_running, "flow(...)", ("skip", "queue", "replace"))
    return FlowBuilder(
        FlowDraft(name=name, description=description, keyed=keyed, when_stuck=when_stuck, within=within, mode=mode)
    )


def branch() -> FlowBuilder:
    """Begins a branch of `then_parallel` that is more than a list of nodes."""
    return FlowBuilder(FlowDraft(name="branch"))
