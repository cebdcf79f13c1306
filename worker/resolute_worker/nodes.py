"""Nodes and decisions that no flow has any longer, kept for the runs in flight that still refer to them."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from resolute.plan.provider import NodeDefinition
from resolute.writing.decision import can_decide, kept_decision
from resolute.writing.flow import Flow
from resolute.writing.node import NodeFactory


def nodes_beside(flows: Sequence[Flow], modules: Iterable[ModuleType] = ()) -> list[NodeDefinition]:
    """What the given modules, and those that the flows' nodes come from, contain beyond what the flows use.

    That is every `@node`, and every function that could have been passed to `when`: a run in flight may still use it
    after its flow has stopped.
    """
    homes: dict[str, ModuleType] = {module.__name__: module for module in modules}
    for flow in flows:
        for definition in flow.nodes.values():
            home = definition.function.__module__
            if definition.provider is None and home in sys.modules:
                homes.setdefault(home, sys.modules[home])
    taken = {name for flow in flows for name in flow.nodes}
    found: dict[str, NodeDefinition] = {}
    for module in homes.values():
        for definition in (*nodes_in(module), *_decisions_in(module, homes)):
            if definition.provider is None and definition.name not in taken:
                found.setdefault(definition.name, definition)
    return list(found.values())


def nodes_in(module: ModuleType) -> list[NodeDefinition]:
    """The nodes that stand at the top level of a module."""
    values = list(vars(module).values())
    return [cast("NodeFactory[..., Any]", value).definition for value in values if isinstance(value, NodeFactory)]


def _decisions_in(module: ModuleType, homes: Mapping[str, ModuleType]) -> list[NodeDefinition]:
    """The functions of a module that could be decisions; imported ones only if they are from a module of the flows."""
    values = list(vars(module).values())
    for value in [each for each in values if inspect.isclass(each) and each.__module__ == module.__name__]:
        values += [each.__func__ for each in vars(value).values() if isinstance(each, staticmethod)]
    return [kept_decision(value) for value in values if can_decide(value) and _beside(value, module, homes)]


def _beside(function: Any, module: ModuleType, homes: Mapping[str, ModuleType]) -> bool:
    if function.__module__ in homes:
        return True
    file, own = getattr(sys.modules.get(function.__module__), "__file__", None), getattr(module, "__file__", None)
    if not file or not own or "site-packages" in Path(file).parts:
        return False
    return Path(file).resolve().is_relative_to(Path(own).resolve().parent)
