"""What flows read from the worker's environment, and what is missing from it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, cast

from resolute.plan.language import FACTS, HOLES, expressions_in
from resolute.plan.plan import Plan
from resolute.plan.values import Json
from resolute.writing.flow import Flow


@dataclass(frozen=True)
class Missing:
    """An environment variable that is not set, and the flows that read it."""

    name: str
    kind: Literal["secret", "environment variable"]
    flows: tuple[str, ...]

    def __str__(self) -> str:
        flows = ", ".join(self.flows[:3]) + (", ..." if len(self.flows) > 3 else "")
        return f"{self.kind} {self.name} is not set (flow {flows})"


def secret_names(plans: Iterable[Plan]) -> set[str]:
    """The names of all secrets that plans refer to, including those of webhooks."""
    return {name for plan in plans for kind, name in _required(plan) if kind == "secret"}


def missing_variables(flows: Iterable[Flow], variables: Mapping[str, str] | None = None) -> list[Missing]:
    """Every variable that a flow reads and that has no default and is not set."""
    given = os.environ if variables is None else variables
    readers: dict[tuple[str, str], list[str]] = {}
    for flow in flows:
        for kind, name in sorted(_required(flow.plan)):
            if not given.get(name):
                readers.setdefault((kind, name), []).append(flow.name)
    return [
        Missing(name, "secret" if kind == "secret" else "environment variable", tuple(names))
        for (kind, name), names in readers.items()
    ]


def _required(plan: Plan) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    dumped = cast("Json", plan.model_dump(mode="json", exclude={"triggers": {"__all__": {"input_schema"}}}))
    for operator, operands in expressions_in(dumped):
        if operator not in HOLES - FACTS:
            continue
        operand = operands[0]
        if isinstance(operand, Mapping):
            if operand.get("default") is None:
                found.add((operator[1:], str(operand["name"])))
        else:
            found.add((operator[1:], str(operand)))
    return found
