"""Names that an author cannot give, because Temporal or Resolute means something else by them."""

from __future__ import annotations

import re
from typing import Final

from resolute.plan.provider import NodeDefinition
from resolute.writing.decision import EVALUATE, PREFIX

LONGEST: Final = 200
"""Characters of a name. Temporal's limit for an id is 1,000 bytes, and ids are made of several names."""

_NODE_NAME: Final = re.compile(r"[^\W\d][\w.\-]*")

_RESERVED: Final = {
    "resolute.": "Resolute's own",
    PREFIX: "those of decisions",
    "temporal-sys-": "Temporal's own",
    "__temporal": "Temporal's own",
    "__stack_trace": "Temporal's own",
}
"""How names begin that are somebody else's. Source: Temporal's reserved prefixes."""

Complaint = tuple[str, str]


def problem_of_flow_name(name: str) -> Complaint | None:
    """What is wrong with the name of a flow, and what to do; its letters have been checked."""
    return _problem(name, "flow", "give the flow another name")


def problem_of_node(definition: NodeDefinition) -> Complaint | None:
    """What is wrong with the name of a node, and what to do."""
    name = definition.name
    if (definition.name.startswith(PREFIX) and definition.attempts) or definition is EVALUATE:
        return None  # a decision, which has its name from us
    if not _NODE_NAME.fullmatch(name):
        return (
            f"{name[:LONGEST]!r} is not a valid node name",
            "give one with @node(name=...): letters, digits, '_', '-' and '.'",
        )
    return _problem(name, "node", "give another one with @node(name=...)")


def _problem(name: str, what: str, hint: str) -> Complaint | None:
    if len(name) > LONGEST:
        return f"the name of the {what} has {len(name)} characters", f"{LONGEST} at most"
    for prefix, whose in _RESERVED.items():
        if name.startswith(prefix):
            return f"{what} names that begin with {prefix!r} are {whose}", hint
    return None
