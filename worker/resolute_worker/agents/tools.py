"""A tool as an agent sees it, and what all tools share."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from resolute.plan.provider import NodeDefinition, Provider
from resolute.plan.values import JsonObject, digest
from resolute_worker.agents.results import Result
from resolute_worker.reference.describe import input_schema
from resolute_worker.reference.docstrings import docstring_of
from resolute_worker.reference.phrases import without_null

Schema = dict[str, Any]

ACTOR: Final = "agent"
"""The name of the flow of an agent's calls, in runs and in the audit log."""

KEY: Final = "idempotency_key"
_KEY_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "string",
    "pattern": "^[A-Za-z0-9._:-]{8,128}$",
    "description": (
        "Names this one intention, such as a new UUID. Call again with the same key and arguments after a timeout: "
        "it is done once, and its result is given. Use a new key for everything else."
    ),
}

_LONGEST_NAME: Final = 64


@dataclass(frozen=True, kw_only=True)
class AgentTool:
    """Something that an agent can do.

    Attributes:
        name: at most 64 letters, digits, `_` and `-`.
        description: what it is for.
        schema: the JSON Schema of its arguments.
        writes: whether it may change something.
        call: does it. The arguments fit the schema.
    """

    name: str
    description: str
    schema: Schema
    writes: bool
    call: Callable[[JsonObject], Awaitable[Result]]


def tool_name(*words: str) -> str:
    """A name that every client accepts.

    >>> tool_name("flow", "restart.service")
    'flow_restart_service'
    """
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", "_".join(words))
    if len(plain) <= _LONGEST_NAME:
        return plain
    return f"{plain[: _LONGEST_NAME - 9]}_{digest('_'.join(words))[:8]}"


def with_key(schema: Schema) -> Schema:
    """The schema with a required idempotency key."""
    properties = {**schema.get("properties", {}), KEY: dict(_KEY_SCHEMA)}
    return {**schema, "type": "object", "properties": properties, "required": [*schema.get("required", ()), KEY]}


def is_read(definition: NodeDefinition) -> bool:
    """Whether its provider says that a node only reads; otherwise it may write."""
    return definition.effect != "write"


def is_offered(definition: NodeDefinition, provider: Provider, bounds: Sequence[Provider] = ()) -> bool:
    """Whether a node is offered to agents.

    Not if the grants of the provider or of `bounds` refuse it. Not if it writes a file on the worker, because the agent
    would choose which. And not if it reads a whole list that can also be read by page: agents drown in long results.
    """
    siblings = {each.name for each in provider.nodes()}
    return (
        all(each.refusal(definition) is None for each in (provider, *bounds) if each.name == provider.name)
        and not any(name.endswith("_file") for name in definition.parameters)
        and definition.name.replace(".All", ".List") not in siblings - {definition.name}
    )


def schema_of(definition: NodeDefinition, provider: Provider) -> Schema:
    """The arguments that an agent gives to a node.

    Secrets are left out: the provider has its own, and none should pass through an agent. So is the choice of an
    account if there is only one.
    """
    accounts: Mapping[str, object] = getattr(provider, "configs", {})
    schema = input_schema(definition)
    properties: Schema = {}
    for name, described in schema["properties"].items():
        if definition.is_secret(name) or (name == "account" and len(accounts) < 2):
            continue
        described = {**without_null(described), **_kept(described)}
        properties[name] = {**described, "enum": list(accounts)} if name == "account" else described
    return {**schema, "properties": properties}


def description_of(definition: NodeDefinition) -> str:
    """A node's purpose in the words of its docstring, without the parts for authors."""
    said = docstring_of(definition.function)
    text = " ".join(f"{said.summary} {said.body}".split())
    return re.sub(r"\s*`all_\w+`[^.]*\.", "", text)


def _kept(described: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: described[name] for name in ("description", "default") if name in described}
