"""A finished flow: its plan, and the functions that its nodes name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from resolute.plan.plan import Plan
from resolute.plan.provider import NodeDefinition


@dataclass(frozen=True)
class Flow:
    """A flow that passed every check. `plan` is all that runs; `nodes` are the functions behind its node names."""

    plan: Plan
    nodes: Mapping[str, NodeDefinition]

    @property
    def name(self) -> str:
        """The flow's name, which is Temporal's workflow type."""
        return self.plan.name

    def __repr__(self) -> str:
        return f"<flow {self.name} {self.plan.fingerprint}>"
