"""The providers for flows: those that their files set up, and known ones configured by the environment."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final, cast

from resolute.plan.errors import ConfigurationError
from resolute.plan.provider import NodeDefinition, Provider
from resolute.plan.values import Json
from resolute.writing.flow import Flow


@dataclass(frozen=True)
class KnownProvider:
    """A provider that can be set up from the environment alone. `title` is what its service is called."""

    package: str
    type_name: str
    title: str

    def from_env(self) -> Provider:
        """The provider as the environment describes it."""
        return cast("Provider", self._type().from_env())

    def nodes(self) -> Sequence[NodeDefinition]:
        """Every node of the provider; this needs no configuration."""
        return cast("Sequence[NodeDefinition]", self._type().nodes())

    def paging(self, node: str, arguments: Mapping[str, Json]) -> str:
        """What a call of one of its nodes did to somebody's pager; see `Provider.paging`."""
        return str(self._type().paging(node, arguments))

    def _type(self) -> Any:
        return getattr(importlib.import_module(self.package), self.type_name)


KNOWN: Final = {
    "pagerduty": KnownProvider("resolute_pagerduty", "PagerDuty", "PagerDuty"),
    "slack": KnownProvider("resolute_slack", "Slack", "Slack"),
}


def providers_for(modules: Sequence[ModuleType]) -> list[Provider]:
    """The providers for the flows in modules.

    A module may set up providers itself and put them into a list `providers`. If others are missing, known ones come
    from the environment. A provider whose package is loaded counts as needed, so that a run in flight finds its nodes
    after the last of them was removed from the flow.

    Raises:
        ConfigurationError: a provider's settings are wrong.
    """
    found: dict[str, Provider] = {}
    for module in modules:
        given: object = getattr(module, "providers", ())
        for provider in cast("Sequence[object]", given) if isinstance(given, (list, tuple)) else ():
            if isinstance(provider, Provider):
                found.setdefault(provider.name, provider)
    for name, known in KNOWN.items():
        if name not in found and known.package in sys.modules:
            found[name] = known.from_env()
    return list(found.values())


def check_providers(flows: Iterable[Flow], providers: Iterable[Provider]) -> None:
    """Checks that every node of the flows has its provider, and that the provider may run it.

    Raises:
        ConfigurationError: a provider is missing, or lacks a grant that a node needs.
    """
    by_name = {provider.name: provider for provider in providers}
    problems: dict[str, None] = {}
    for flow in flows:
        for definition in flow.nodes.values():
            reason = _refusal(definition, by_name)
            if reason:
                problems[f"flow {flow.name!r}: {reason}"] = None
    if problems:
        raise ConfigurationError("; ".join(problems))


def refusals(flow: Flow, providers: Iterable[Provider]) -> list[str]:
    """Why these providers would not run nodes of the flow; a missing provider does not count."""
    given = list(providers)
    reasons = [
        provider.refusal(definition)
        for definition in flow.nodes.values()
        for provider in given
        if provider.name == definition.provider
    ]
    return [reason for reason in reasons if reason is not None]


def _refusal(definition: NodeDefinition, providers: dict[str, Provider]) -> str | None:
    if definition.provider is None:
        return None
    provider = providers.get(definition.provider)
    if provider is None:
        return (
            f"node {definition.name} needs provider {definition.provider!r}: pass it to the worker in providers=[...]"
        )
    return provider.refusal(definition)
