"""The provider's nodes, by topic."""

from __future__ import annotations

from typing import Any, Final, TypeGuard

from resolute.writing.node import NodeFactory
from resolute_slack.nodes import asking, messages, people


def is_factory(value: object) -> TypeGuard[NodeFactory[..., Any]]:
    """Whether a value is a declared node."""
    return isinstance(value, NodeFactory)


FACTORIES: Final[tuple[NodeFactory[..., Any], ...]] = tuple(
    value for module in (messages, people, asking) for value in vars(module).values() if is_factory(value)
)
"""Every node of the provider."""
