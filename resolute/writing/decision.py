"""Decisions: a condition that has to run on the worker, because it is Python or reads the environment."""

from __future__ import annotations

import inspect
import types
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from resolute.plan.context import State, state_from
from resolute.plan.errors import ExpressionError
from resolute.plan.kinds.call import DECISIONS
from resolute.plan.kinds.call import EVALUATE as EVALUATE_NODE
from resolute.plan.policies import Policy, Retry
from resolute.plan.provider import NodeDefinition

PREFIX: Final = DECISIONS

ATTEMPTS: Final = 3
"""Attempts of a decision that fails by itself: it sees the same state each time, so more of them seldom help."""

_POLICY: Final = Policy.model_construct(timeout=10)
_EVALUATE_POLICY: Final = Policy.model_construct(timeout=10, retry=Retry.model_construct(attempts=ATTEMPTS))


async def _evaluate(condition: bool) -> bool:
    """Answers a condition that reads the worker's environment."""
    return condition


EVALUATE: Final = NodeDefinition(
    name=EVALUATE_NODE, function=_evaluate, policy=_EVALUATE_POLICY, lane="local", effect="pure"
)


class DecisionError(ExpressionError):
    """A function cannot be a decision. `hint` says what to write instead."""

    def __init__(self, message: str, hint: str = "") -> None:
        self.hint = hint
        super().__init__(message)


def decision_node(function: Callable[[State], object], *, flow: str, step: str) -> NodeDefinition:
    """The node that a function given to `when` becomes: `decision.FLOW.STEP`, and `:NAME` where the function has one.

    A run in flight finds its decision by these and not by the function's code, so that code can be mended while runs
    are at work: by all of the name, else by the function's, else by flow and step (`resolute.execution.decisions`).

    Raises:
        DecisionError: a run in flight could not find the function again.
    """
    _refuse(function)
    name = named_function(function)
    return _definition(function, f"{PREFIX}{flow}.{step}" + (f":{name}" if name else ""))


def kept_decision(function: Callable[[State], object]) -> NodeDefinition:
    """The node of a function that stands beside flows, and that runs in flight may name though no flow does."""
    return _definition(function, f"{PREFIX}:{function.__module__}:{named_function(function)}")


def named_function(function: Callable[..., object]) -> str:
    """The name of a function that stands at the top of a module or class; empty for lambdas and inner functions."""
    name: str = getattr(function, "__qualname__", "")
    return "" if "<" in name else name


def can_decide(function: object) -> bool:
    """Whether a value is a function that could have been given to `when`: it has a name, and the state is enough."""
    return isinstance(function, types.FunctionType) and bool(named_function(function)) and _takes_one(function)


def _takes_one(function: Callable[..., object]) -> bool:
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        return False
    return True


def _refuse(function: Callable[..., object]) -> None:
    if inspect.ismethod(function):
        raise DecisionError(
            f"{function.__qualname__} is bound to an object, which a run in flight could not find again",
            "give a function at the top of the module, or a lambda that calls the method",
        )
    if not isinstance(function, types.FunctionType):
        raise DecisionError(
            f"a {type(function).__name__} is not a plain function",
            "give a function or a lambda, or use a @node and its output",
        )
    if not _takes_one(function):
        raise DecisionError(
            f"{function.__qualname__}{inspect.signature(function)} cannot be called with the state alone",
            "declare it as def decide(state: State) -> bool",
        )


def _definition(function: Callable[[State], object], name: str) -> NodeDefinition:
    async def decide_async(state: dict[str, Any]) -> bool:
        return await _truth(cast("Awaitable[object]", function(state_from(state))))

    def decide(state: dict[str, Any]) -> bool:
        answer = function(state_from(state))
        # What is still to be waited for would always be true; whoever runs nodes waits for it.
        return cast("bool", _truth(cast("Awaitable[object]", answer))) if inspect.isawaitable(answer) else bool(answer)

    chosen = decide_async if inspect.iscoroutinefunction(function) else decide
    # Where the author's function stands, for messages and for whoever looks for what stands beside it.
    chosen.__module__, chosen.__qualname__ = function.__module__, function.__qualname__
    return NodeDefinition(name=name, function=chosen, policy=_POLICY, lane="local", effect="pure", attempts=ATTEMPTS)


async def _truth(answer: Awaitable[object]) -> bool:
    return bool(await answer)
