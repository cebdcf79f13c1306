"""Nodes that no flow has any more, kept for the runs in flight that still name them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any, cast

from resolute.plan.provider import NodeDefinition
from resolute.writing.flow import Flow
from resolute.writing.node import NodeFactory


def nodes_beside(flows: Sequence[Flow], modules: Iterable[ModuleType] = ()) -> list[NodeDefinition]:
    """Every `@node` in the given modules, and in those that the flows' nodes come from, less those of the flows."""
    homes: dict[str, ModuleType] = {module.__name__: module for module in modules}
    for flow in flows:
        for definition in flow.nodes.values():
            home = definition.function.__module__
            if definition.provider is None and home in sys.modules:
                homes.setdefault(home, sys.modules[home])
    taken = {name for flow in flows for name in flow.nodes}
    found: dict[str, NodeDefinition] = {}
    for module in homes.values():
        for value in list(vars(module).values()):
            if isinstance(value, NodeFactory):
                definition = cast("NodeFactory[..., Any]", value).definition
                if definition.provider is None and definition.name not in taken:
                    found.setdefault(definition.name, definition)
    return list(found.values())
