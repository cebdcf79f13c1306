"""Decisions: a condition that has to run on the worker, because it is Python or reads the environment."""

from __future__ import annotations

import hashlib
import inspect
import types
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from resolute.plan.context import State, state_from
from resolute.plan.errors import ExpressionError
from resolute.plan.policies import Policy, Retry
from resolute.plan.provider import NodeDefinition

_POLICY: Final = Policy(timeout=10, retry=Retry(attempts=3))


async def _evaluate(condition: bool) -> bool:
    """Answers a condition that reads the worker's environment."""
    return condition


EVALUATE: Final = NodeDefinition(name="resolute.Evaluate", function=_evaluate, policy=_POLICY, lane="local")


class DecisionError(ExpressionError):
    """A function cannot be a decision."""


def decision_node(function: Callable[[State], object]) -> NodeDefinition:
    """The node that a function given to `when` becomes.

    A named function is known by its module and name; a lambda by a digest of its code, so that another lambda is
    another decision and a run in flight never takes one for the other.

    Raises:
        DecisionError: the function cannot be told from others in another process.
    """

    def decide(state: dict[str, Any]) -> bool:
        return bool(function(state_from(state)))

    async def decide_async(state: dict[str, Any]) -> bool:
        return bool(await cast("Awaitable[object]", function(state_from(state))))

    chosen = decide_async if inspect.iscoroutinefunction(function) else decide
    return NodeDefinition(name=f"decision.{_identity(function)}", function=chosen, policy=_POLICY, lane="local")


def _identity(function: Callable[..., object]) -> str:
    code = getattr(function, "__code__", None)
    name: str = getattr(function, "__qualname__", type(function).__name__)
    if code is None:
        raise DecisionError("give a plain function or a lambda, or use a @node and its output")
    if "<" not in name:
        return f"{function.__module__}.{name}"
    cells = function.__closure__ or () if isinstance(function, types.FunctionType) else ()
    closed_over: list[object] = [cell.cell_contents for cell in cells]
    if isinstance(function, types.FunctionType):  # `lambda state, limit=limit: ...` closes over it as well
        closed_over += [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    strange = [value for value in closed_over if not isinstance(value, (str, int, float, bool, type(None)))]
    if strange:
        raise DecisionError(f"it closes over a {type(strange[0]).__name__}; name the function at module level")
    # The module, since the same words mean something else beside other globals.
    return hashlib.sha256(f"{function.__module__}{_text_of(code)}{closed_over!r}".encode()).hexdigest()[:16]


def _text_of(code: types.CodeType) -> str:
    constants = [_text_of_constant(item) for item in code.co_consts]
    return repr((code.co_code.hex(), code.co_names, code.co_varnames, code.co_freevars, constants))


def _text_of_constant(value: object) -> str:
    match value:
        case types.CodeType():
            return _text_of(value)
        case tuple():
            return f"({','.join(_text_of_constant(item) for item in cast('tuple[object, ...]', value))})"
        case frozenset():  # its order is another in each process
            items = cast("frozenset[object]", value)
            return f"{{{','.join(sorted(_text_of_constant(item) for item in items))}}}"
        case _:
            return repr(value)
