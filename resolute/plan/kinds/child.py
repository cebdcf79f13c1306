"""Another flow, as a step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Final, Literal, cast

from pydantic import JsonValue, SerializationInfo, field_serializer

from resolute.plan.described import describe
from resolute.plan.policies import ParentClose
from resolute.plan.step import WITHOUT_PLACES, Figure, Step, walk
from resolute.plan.texts import shortened
from resolute.plan.values import Json
from resolute.plan.whole import Plan

DEEPEST: Final = 10
"""How deep flows may run flows that run flows."""


class Child(Step):
    """Run another flow as a run of its own, and wait for its end. The plan is part of this one: a run never changes.

    Source: Temporal's child workflows and their parent close policy.
    """

    kind: Literal["child"] = "child"
    id: str
    plan: Plan
    input: JsonValue = None
    parent_close: ParentClose = "cancel"

    figure: ClassVar[Figure] = "framed"

    @property
    def title(self) -> str:
        """Which flow, and with which input."""
        given = "" if self.input is None else f" with {shortened(describe(cast('Json', self.input)), 80)}"
        return f"{self.id}: flow {self.plan.name}{given}"

    def plans(self) -> tuple[Any, ...]:
        """The plan of the flow."""
        return (self.plan,)

    def values(self) -> tuple[Json, ...]:
        """The input."""
        return (cast("Json", self.input),)

    def problems(self) -> Iterator[str]:
        """Flows in flows without an end."""
        if depth_of_flows(self.plan) > DEEPEST:
            yield f"flows run flows more than {DEEPEST} deep"

    @field_serializer("plan")
    def _written(self, plan: Plan, info: SerializationInfo) -> Any:
        without = {"places"} if cast("Any", info.context) == WITHOUT_PLACES else None
        return plan.model_dump(mode=info.mode, exclude=without, context=cast("Any", info.context))


def depth_of_flows(plan: Plan) -> int:
    """How deep flows run flows that run flows: 1 where a flow runs none. It looks no deeper than is allowed."""
    depth, level = 0, [plan]
    while level and depth <= DEEPEST:
        depth += 1
        level = [inner for each in level for step in walk((*each.steps, *each.on_failure)) for inner in step.plans()]
    return depth
