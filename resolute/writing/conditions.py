"""The conditions of `when` and `repeat`: an expression, or a decision that runs on the worker before it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, cast

from resolute.plan.context import State
from resolute.plan.expressions import Expression
from resolute.plan.kinds.call import Call
from resolute.plan.language import has_holes
from resolute.plan.provider import NodeDefinition
from resolute.plan.values import Json
from resolute.writing.checks import Scope, check_condition
from resolute.writing.decision import EVALUATE, DecisionError, decision_node
from resolute.writing.declarations import Declarations
from resolute.writing.mistakes import Mistakes
from resolute.writing.naming import Naming
from resolute.writing.step import spoken
from resolute.writing.values import NOTHING, Values

Condition: TypeAlias = bool | Expression | Callable[[State], bool] | Callable[[State], Awaitable[bool]]
"""What an author gives as a condition: an expression over references, or a function of the state."""


class Conditions:
    """Compiles the conditions of one flow."""

    def __init__(
        self, flow: str, naming: Naming, declarations: Declarations, values: Values, mistakes: Mistakes
    ) -> None:
        self._flow = flow
        self._naming = naming
        self._declarations = declarations
        self._values = values
        self._mistakes = mistakes

    def compiled(self, condition: object, step_id: str, scope: Scope, place: str) -> tuple[list[Call], Json]:
        """The condition as a plan holds it, behind the decision that it reads, where it needs one."""
        if isinstance(condition, (Expression, bool)):
            encoded = self._values.encode(condition, place)
            if encoded is NOTHING:
                return [], False
            check_condition(encoded, scope, self._mistakes.at(place))
            if not has_holes(encoded):
                return [], encoded
            return self._decided(self._free(step_id), EVALUATE, {"condition": encoded}, place)
        if callable(condition):
            return self._function(cast("Callable[[State], object]", condition), step_id, place)
        hint = "write an expression over outputs, or a function of the state"
        self._mistakes.report(place, f"{spoken(condition)} is no condition", hint)
        return [], False

    def _function(self, function: Callable[[State], object], step_id: str, place: str) -> tuple[list[Call], Json]:
        name = self._free(step_id)
        try:
            definition = decision_node(function, flow=self._flow, step=name)
        except DecisionError as error:
            self._mistakes.report(place, f"the function cannot be a decision: {error}", error.hint)
            return [], False
        self._declarations.add_decision(function, place)
        return self._decided(name, definition, {"state": {"$state": []}}, place)

    def _decided(
        self, name: str, definition: NodeDefinition, arguments: dict[str, Json], place: str
    ) -> tuple[list[Call], Json]:
        self._declarations.add(definition, place)
        self._naming.take(name)
        call = Call(
            id=name,
            node=definition.name,
            arguments=cast("dict[str, Any]", arguments),
            policy=definition.policy,
            lane="local",
            effect=definition.effect,
        )
        return [call], {"$output": [name]}

    def _free(self, step_id: str) -> str:
        return self._naming.free(f"{step_id}_decision")
