"""Nodes: a function declared once with `@node`, called wherever a flow needs it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, cast, overload

from resolute.plan.errors import Problem
from resolute.plan.expressions import Reference
from resolute.plan.policies import Lane, Policy, Retry
from resolute.plan.provider import NodeDefinition
from resolute.writing.places import place_of_caller

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True)
class StepSource:
    """What a reference points at: a node by identity, and by name where it has one."""

    identity: object
    name: str | None
    default_name: str
    model: Any = Any
    """What the node returns, for completion."""

    @property
    def step_name(self) -> str:
        """The name to show before the flow is built."""
        return self.name or self.default_name


@dataclass(frozen=True, eq=False)
class Node(Generic[R_co]):
    """A node with its arguments, ready to be a step. Every change is a copy, so flows share nothing.

    `written_at` is the file and line of the author's that gave the arguments.
    """

    definition: NodeDefinition
    arguments: Mapping[str, object]
    policy: Policy
    placement: Lane
    name: str | None = None
    undo: tuple[Node[Any], ...] = ()
    mistakes: tuple[Problem, ...] = ()
    identity: object = field(default_factory=object, repr=False)
    written_at: str = field(default="", repr=False)

    @property
    def output(self) -> R_co:
        """A reference to what the node returns, typed as that: `health.output.message`."""
        returned = self.definition.result_type
        return cast("R_co", Reference("$output", StepSource(self.identity, self.name, self.default_name, returned)))

    @property
    def default_name(self) -> str:
        """The step's name where `as_` gave none: `pagerduty.TriggerEvent` becomes `trigger_event`."""
        last = self.definition.name.rsplit(".", 1)[-1]
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", last).lower()

    def as_(self, name: str) -> Node[R_co]:
        """Names the step. Named outputs are the run's result, and what `output("name.field")` reads."""
        return replace(self, name=name)

    def retry(
        self,
        attempts: int | None = None,
        *,
        initial: timedelta | None = None,
        maximum: timedelta | None = None,
        coefficient: float | None = None,
    ) -> Node[R_co]:
        """Changes when a failed attempt is repeated; `attempts` of 0 means no limit. Source: Temporal's RetryPolicy."""
        changes = _given(
            attempts=attempts, initial=_seconds(initial), maximum=_seconds(maximum), coefficient=coefficient
        )
        return self._with_policy("retry", {**self.policy.retry.model_dump(), **changes})

    def timeout(
        self, timeout: timedelta | None = None, *, within: timedelta | None = None, heartbeat: timedelta | None = None
    ) -> Node[R_co]:
        """Limits one attempt (`timeout`), all attempts together (`within`), and the silence between heartbeats."""
        copy: Node[R_co] = self
        for name, value in (("timeout", timeout), ("within", within), ("heartbeat", heartbeat)):
            if value is not None:
                copy = copy._with_policy(name, value.total_seconds())
        return copy

    def on_failure(self, *undo: Node[Any]) -> Node[R_co]:
        """What to run when this step has completed and the run fails later; undo steps run last step first."""
        return replace(self, undo=undo)

    def lane(self, lane: Lane) -> Node[R_co]:
        """Chooses the lane: `local` for quick nodes that are safe to repeat, else `activity`."""
        return replace(self, placement=lane)

    def _with_policy(self, name: str, value: object) -> Node[R_co]:
        try:
            policy = Policy.model_validate({**self.policy.model_dump(), name: value})
        except ValueError as error:
            return replace(self, mistakes=(*self.mistakes, Problem("", f"{name}: {_first_line(error)}")))
        return replace(self, policy=policy)


class NodeFactory(Generic[P, R_co]):
    """A declared node. Call it with values and references to get a step."""

    def __init__(self, definition: NodeDefinition) -> None:
        self.definition = definition
        self.__name__ = definition.function.__name__
        self.__doc__ = definition.function.__doc__
        self.__wrapped__ = definition.function

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> Node[R_co]:
        """A step that runs the node with these arguments; each may be a reference or hold some."""
        definition = self.definition
        signature = inspect.Signature(list(definition.parameters.values()))
        mistakes: tuple[Problem, ...] = ()
        arguments: dict[str, object] = dict(kwargs)
        try:
            bound = signature.bind(*args, **kwargs)
            arguments = dict(bound.arguments)
            for parameter in signature.parameters.values():
                if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                    arguments |= cast("dict[str, object]", arguments.pop(parameter.name, {}))
        except TypeError as error:
            mistakes = (Problem("", str(error), f"{definition.name} takes {signature}"),)
        place = place_of_caller()
        return Node(definition, arguments, definition.policy, definition.lane, mistakes=mistakes, written_at=place)

    def __repr__(self) -> str:
        return f"<node {self.definition.name}>"


class _NodeDecorator:
    """`@node(...)` with options, waiting for its function."""

    def __init__(self, name: str | None, policy: Policy, lane: Lane) -> None:
        self._name = name
        self._policy = policy
        self._lane: Lane = lane

    @overload
    def __call__(self, function: Callable[P, Awaitable[R]]) -> NodeFactory[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R]) -> NodeFactory[P, R]: ...
    def __call__(self, function: Callable[..., Any]) -> NodeFactory[..., Any]:
        """Declares the function as a node."""
        return NodeFactory(
            NodeDefinition(
                name=self._name or function.__name__, function=function, policy=self._policy, lane=self._lane
            )
        )


@overload
def node(function: Callable[P, Awaitable[R]], /) -> NodeFactory[P, R]: ...
@overload
def node(function: Callable[P, R], /) -> NodeFactory[P, R]: ...
@overload
def node(
    *,
    name: str | None = None,
    retry: Retry | None = None,
    timeout: timedelta | None = None,
    within: timedelta | None = None,
    heartbeat: timedelta | None = None,
    lane: Lane = "activity",
) -> _NodeDecorator: ...
def node(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    retry: Retry | None = None,
    timeout: timedelta | None = None,
    within: timedelta | None = None,
    heartbeat: timedelta | None = None,
    lane: Lane = "activity",
) -> Any:
    """Declares a function as a node: any Python, any I/O; plain functions run in a thread.

    Its parameters and its result are typed, and checked when a flow is built and again when it runs. `name` is
    Temporal's activity type; without it the function's own name.

    >>> @node(timeout=timedelta(seconds=5), lane="local")
    ... def double(number: int) -> int:
    ...     return 2 * number
    >>> double(21).as_("answer").output
    answer
    """
    given = _given(retry=retry, timeout=_seconds(timeout), within=_seconds(within), heartbeat=_seconds(heartbeat))
    decorator = _NodeDecorator(name, Policy.model_validate(given), lane)
    return decorator if function is None else decorator(function)


def provider_node(
    provider: str,
    name: str,
    *,
    policy: Policy | None = None,
    lane: Lane = "activity",
    queue: str | None = None,
    facts: Mapping[str, str] | None = None,
) -> Callable[[Callable[Concatenate[Any, P], Awaitable[R]]], NodeFactory[P, R]]:
    """Declares a node of a provider: the function's first argument is the provider's instance on the worker.

    `name` is the documented name of the operation (`TriggerEvent`); the activity type is `provider.name`.
    `queue` is one of `Provider.queues()`, where calls of the node count against a rate limit.
    """

    def declare(function: Callable[Concatenate[Any, P], Awaitable[R]]) -> NodeFactory[P, R]:
        return NodeFactory(
            NodeDefinition(
                name=f"{provider}.{name}",
                function=function,
                policy=policy or Policy(),
                lane=lane,
                provider=provider,
                queue=queue,
                facts=dict(facts or {}),
            )
        )

    return declare


def _given(**values: object) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}


def _seconds(length: timedelta | None) -> float | None:
    return None if length is None else length.total_seconds()


def _first_line(error: ValueError) -> str:
    lines = str(error).splitlines()
    return lines[2].strip() if len(lines) > 2 else lines[0]


def spoken(value: object) -> str:
    """What stands where a step or a condition should, for messages."""
    if isinstance(value, NodeFactory):
        return f"{cast('NodeFactory[..., Any]', value).__name__}(...)"
    return repr(value) if value is None or isinstance(value, (str, int, float)) else f"a {type(value).__name__}"
