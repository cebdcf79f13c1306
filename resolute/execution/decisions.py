"""Finds the function of a decision for a run in flight, whose plan names it as it was called then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from resolute.plan.context import CallContext
from resolute.plan.provider import NodeDefinition
from resolute.plan.step import plan_name
from resolute.writing.decision import PREFIX

_OLDER: Final = "."
"""Older plans name a function by its module: `decision.alerting.is_bad`."""


def decision_for(call: CallContext, definitions: Mapping[str, NodeDefinition]) -> NodeDefinition | None:
    """The decision that a call refers to, if no node has its name any longer; None if nothing is left of it.

    A function is found by its name, wherever the flow uses it now, or even if it is only defined in the file. For one
    without a name, or whose name is gone, it is the function that decides at that step of that flow now.
    """
    if not call.node.startswith(PREFIX):
        return None
    decisions = [each for name, each in definitions.items() if name.startswith(PREFIX)]
    return _by_function(call, decisions) or _by_step(call, decisions)


def _by_function(call: CallContext, decisions: list[NodeDefinition]) -> NodeDefinition | None:
    _, named, wanted = call.node.partition(":")
    found = [
        each
        for each in decisions
        if (name := each.name.rpartition(":")[2]) != each.name
        and (name == wanted if named else call.node.endswith(f"{_OLDER}{name}"))
    ]
    own = [each for each in found if each.name.startswith(f"{PREFIX}{call.flow}.")]
    for candidates in (own, found):
        if len({each.origin for each in candidates}) == 1:
            return candidates[0]
    return None  # none, or several functions with the same name in different modules


def _by_step(call: CallContext, decisions: list[NodeDefinition]) -> NodeDefinition | None:
    step = f"{PREFIX}{call.flow}.{plan_name(call.step)}"
    return next((each for each in decisions if each.name.partition(":")[0] == step), None)
