"""Nodes: a function declared once with `@node`, called wherever a flow needs it."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, cast, overload

from resolute.plan.errors import Problem
from resolute.plan.policies import Effect, Lane, Policy, Retry
from resolute.plan.provider import NodeDefinition
from resolute.writing.kinds.call import Node
from resolute.writing.places import place_of_caller

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


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

    def __init__(self, name: str | None, policy: Policy, lane: Lane, effect: Effect) -> None:
        self._name = name
        self._policy = policy
        self._lane: Lane = lane
        self._effect: Effect = effect

    @overload
    def __call__(self, function: Callable[P, Awaitable[R]]) -> NodeFactory[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R]) -> NodeFactory[P, R]: ...
    def __call__(self, function: Callable[..., Any]) -> NodeFactory[..., Any]:
        """Declares the function as a node."""
        return NodeFactory(
            NodeDefinition(
                name=self._name or function.__name__,
                function=function,
                policy=self._policy,
                lane=self._lane,
                effect=self._effect,
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
    effect: Effect = "write",
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
    effect: Effect = "write",
) -> Any:
    """Declares a function as a node: any Python, any I/O; plain functions run in a thread.

    Its parameters and its result are typed, and checked when a flow is built and again when it runs. `name` is
    Temporal's activity type; without it the function's own name. `effect` is what it does to the world: `"pure"`
    computes, `"read"` looks, `"write"` may change something.

    >>> @node(timeout=timedelta(seconds=5), lane="local", effect="pure")
    ... def double(number: int) -> int:
    ...     return 2 * number
    >>> double(21).as_("answer").output
    answer
    """
    given = _given(retry=retry, timeout=_seconds(timeout), within=_seconds(within), heartbeat=_seconds(heartbeat))
    decorator = _NodeDecorator(name, Policy.model_validate(given), lane, effect)
    return decorator if function is None else decorator(function)


def provider_node(
    provider: str,
    name: str,
    *,
    policy: Policy | None = None,
    lane: Lane = "activity",
    queue: str | None = None,
    effect: Effect = "write",
    leaves_word: bool = False,
    facts: Mapping[str, str] | None = None,
) -> Callable[[Callable[Concatenate[Any, P], Awaitable[R]]], NodeFactory[P, R]]:
    """Declares a node of a provider: the function's first argument is the provider's instance on the worker.

    `name` is the documented name of the operation (`TriggerEvent`); the activity type is `provider.name`.
    `queue` is one of `Provider.queues()`, where calls of the node count against a rate limit. `leaves_word` says that
    it is safe to repeat only by what an attempt leaves for the next one (see `resolute.plan.attempts`): `build()` keeps
    such a node out of the local lane, where nothing is left.
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
                effect=effect,
                leaves_word=leaves_word,
                facts=dict(facts or {}),
            )
        )

    return declare


def _given(**values: object) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}


def _seconds(length: timedelta | None) -> float | None:
    return None if length is None else length.total_seconds()
