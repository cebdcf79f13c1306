"""A finished flow: its plan, and the functions that its nodes name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from resolute.plan.failed_runs import FailedRuns
from resolute.plan.plan import Plan
from resolute.plan.provider import NodeDefinition
from resolute.plan.shapes import ANY, Shape
from resolute.plan.triggers import Heartbeat, Manual, Webhook


@dataclass(frozen=True)
class Flow:
    """A flow that passed every check. `plan` is all that runs; `nodes` are the functions behind its node names.

    `inputs` are the models of the plan's triggers, one for each, in their order; None where a trigger has none. `gives`
    is what is known of a run's result, and `children` are the flows that its steps run.
    """

    plan: Plan
    nodes: Mapping[str, NodeDefinition]
    inputs: tuple[type[BaseModel] | None, ...] = ()
    gives: Shape = ANY
    children: tuple[Flow, ...] = ()

    @property
    def name(self) -> str:
        """The flow's name, which is Temporal's workflow type."""
        return self.plan.name

    def input_model(self, trigger: Manual | Webhook | Heartbeat | FailedRuns) -> type[BaseModel] | None:
        """The model that a trigger's input is read through, where it has one."""
        for known, model in zip(self.plan.triggers, self.inputs, strict=False):
            if known is trigger or known == trigger:
                return model
        return None

    def __repr__(self) -> str:
        return f"<flow {self.name} {self.plan.fingerprint}>"
