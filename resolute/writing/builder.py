"""The fluent builder: it only collects, `build()` checks everything.

A builder is frozen; each call returns a new one, so a beginning can be shared by several flows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, cast

from resolute.plan.context import State
from resolute.plan.errors import Problem
from resolute.plan.expressions import Expression
from resolute.plan.provider import Provider
from resolute.plan.triggers import TriggerSpec
from resolute.writing.compiler import compile_flow
from resolute.writing.draft import Draft, DraftCall, DraftParallel, DraftWhen, FlowDraft, fresh
from resolute.writing.flow import Flow
from resolute.writing.node import Node

Condition: TypeAlias = bool | Expression | Callable[[State], bool] | Callable[[State], Awaitable[bool]]
Branch: TypeAlias = "Node[Any] | FlowBuilder | Sequence[Node[Any]]"


@dataclass(frozen=True)
class _OpenWhen:
    """A `when` that `end_when` has not closed yet, with the steps around it."""

    condition: object
    outer: tuple[Draft, ...]
    then: tuple[Draft, ...] | None = None


@dataclass(frozen=True)
class FlowBuilder:
    """A flow being written. See `flow`."""

    name: str
    description: str = ""
    triggers: tuple[TriggerSpec, ...] = ()
    steps: tuple[Draft, ...] = ()
    failure_steps: tuple[Draft, ...] = ()
    result: tuple[object, ...] = ()
    mistakes: tuple[Problem, ...] = ()
    _open: tuple[_OpenWhen, ...] = ()

    def triggered_by(self, *triggers: TriggerSpec) -> FlowBuilder:
        """What starts a run: `schedule(...)`, `every(...)`, `webhook(...)`, `manual(...)`; several are allowed."""
        builder, given = self, list[TriggerSpec]()
        for trigger in cast("tuple[object, ...]", triggers):
            if isinstance(trigger, TriggerSpec):
                given.append(trigger)
            else:
                hint = "give schedule(...), every(...), webhook(...) or manual(...)"
                builder = builder._mistaken("trigger", f"a {type(trigger).__name__} is no trigger", hint)
        return replace(builder, triggers=(*self.triggers, *given))

    def then(self, node: Node[Any]) -> FlowBuilder:
        """Runs a node after everything before it."""
        return self._add(DraftCall(node))

    def then_parallel(self, *branches: Branch) -> FlowBuilder:
        """Runs branches at the same time: nodes, lists of nodes, or `branch().then(...)...`.

        All branches run to their end, also where one fails; then the run fails with the first failure in plan order.
        """
        mistakes = [
            problem
            for branch in branches
            if isinstance(branch, FlowBuilder)
            for problem in (*branch.mistakes, *branch.unclosed("branch()"), *branch.said_of_a_flow())
        ]
        builder = self._add(DraftParallel(tuple(_steps_of(branch) for branch in branches)))
        return replace(builder, mistakes=(*builder.mistakes, *mistakes))

    def when(self, condition: Condition) -> FlowBuilder:
        """Opens a block that runs where the condition holds, up to `otherwise` or `end_when`.

        A condition is an expression over references, or a function of the `State`, plain or async, which becomes a
        decision node: it runs on the worker and its answer is recorded.
        """
        return replace(self, steps=(), _open=(*self._open, _OpenWhen(condition, self.steps)))

    def otherwise(self) -> FlowBuilder:
        """Goes on with the block that runs where the condition of the innermost `when` does not hold."""
        if not self._open:
            return self._mistaken("otherwise()", "stands outside of a when block", "begin with .when(condition)")
        innermost = self._open[-1]
        if innermost.then is not None:
            return self._mistaken("otherwise()", "stands twice in one when block", "nest another .when(...) in it")
        return replace(self, steps=(), _open=(*self._open[:-1], replace(innermost, then=self.steps)))

    def end_when(self) -> FlowBuilder:
        """Closes the innermost `when`; what follows runs in either case."""
        if not self._open:
            return self._mistaken("end_when()", "closes no when block", "remove it, or begin with .when(condition)")
        innermost = self._open[-1]
        then, otherwise = (self.steps, ()) if innermost.then is None else (innermost.then, self.steps)
        closed = DraftWhen(innermost.condition, then, otherwise)
        return replace(self, steps=(*innermost.outer, closed), _open=self._open[:-1])

    def on_failure(self, *nodes: Node[Any]) -> FlowBuilder:
        """Runs nodes, in order, when the run has failed; they can read `failure()`. The run still ends as failed."""
        return replace(self, failure_steps=(*self.failure_steps, *(DraftCall(node) for node in nodes)))

    def returns(self, value: object) -> FlowBuilder:
        """Says what the run's result is; without it, the outputs of all named steps."""
        if self.result:
            return self._mistaken("returns(...)", "is said twice", "keep one")
        return replace(self, result=(value,))

    def build(self, *, providers: Sequence[Provider] = ()) -> Flow:
        """Checks the flow and turns it into a plan.

        Args:
            providers: instances whose grants the flow is held against: a node that one of them refuses is a mistake.
                A worker checks its own providers again, when it starts and at every call.

        Raises:
            FlowBuildError: the flow cannot run; lists every mistake with its place and a hint.
        """
        problems = [*self.mistakes, *self.unclosed("build()")]
        return compile_flow(
            FlowDraft(
                name=self.name,
                description=self.description,
                triggers=self.triggers,
                steps=self.closed().steps,
                failure_steps=self.failure_steps,
                result=self.result,
                mistakes=tuple(problems),
                providers=tuple(providers),
            )
        )

    def closed(self) -> FlowBuilder:
        """The same with every open `when` closed."""
        return self if not self._open else self.end_when().closed()

    def unclosed(self, place: str) -> list[Problem]:
        """The mistake of leaving `when` blocks open, if any is."""
        message = f"{len(self._open)} when block(s) are open"
        return [Problem(place, message, "close each with .end_when()")] if self._open else []

    def said_of_a_flow(self) -> list[Problem]:
        """The mistakes of saying of a branch what only a flow as a whole can have."""
        said = {"triggered_by": self.triggers, "on_failure": self.failure_steps, "returns": self.result}
        hint = "say it of the flow"
        return [Problem("branch()", f"{name}(...) is not for a branch", hint) for name, value in said.items() if value]

    def _add(self, draft: Draft) -> FlowBuilder:
        return replace(self, steps=(*self.steps, draft))

    def _mistaken(self, place: str, message: str, hint: str) -> FlowBuilder:
        return replace(self, mistakes=(*self.mistakes, Problem(place, message, hint)))


def _steps_of(branch: object) -> tuple[Draft, ...]:
    if isinstance(branch, FlowBuilder):
        return fresh(branch.closed().steps)
    if isinstance(branch, Sequence) and not isinstance(branch, str):
        return tuple(DraftCall(node) for node in cast("Sequence[object]", branch))
    return (DraftCall(branch),)


def flow(name: str, *, description: str = "") -> FlowBuilder:
    """Begins a flow. Its name is Temporal's workflow type, so it names the flow everywhere.

    >>> from resolute import flow, manual, node
    >>> @node
    ... def greet(name: str) -> str:
    ...     return f"hello {name}"
    >>> flow("greeting").triggered_by(manual("greet")).then(greet("you")).build().name
    'greeting'
    """
    return FlowBuilder(name, description)


def branch() -> FlowBuilder:
    """Begins a branch of `then_parallel` that is more than a list of nodes."""
    return FlowBuilder("branch")
