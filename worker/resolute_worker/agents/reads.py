"""Nodes that only read, as tools: called directly, in this process."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import cast

from resolute.plan.errors import NodeError
from resolute.plan.expressions import encode
from resolute.plan.provider import NodeDefinition, Provider
from resolute.plan.values import Json, JsonObject
from resolute_worker.agents.results import Result, Shown, result_of
from resolute_worker.agents.tools import AgentTool, description_of, is_offered, is_read, schema_of, tool_name
from resolute_worker.calling import Caller


def read_tools(provider: Provider, caller: Caller, *, size: int, bounds: Sequence[Provider] = ()) -> list[AgentTool]:
    """A tool for each node of a provider that only reads and that its grants allow.

    Args:
        provider: the provider, which is open.
        caller: calls its nodes.
        size: the maximum length of one result, in characters.
        bounds: providers whose grants apply as well.
    """
    session = f"read-{secrets.token_hex(4)}"
    return [
        _tool(definition, provider, caller, session, size)
        for definition in provider.nodes()
        if is_read(definition) and is_offered(definition, provider, bounds)
    ]


def _tool(definition: NodeDefinition, provider: Provider, caller: Caller, session: str, size: int) -> AgentTool:
    name = tool_name(provider.name, definition.function.__name__)

    async def call(arguments: JsonObject) -> Result:
        # Encoded, so that text such as {"$secret": ...} stays text and is never resolved.
        encoded = cast("JsonObject", encode(arguments))
        try:
            output = await caller.call(definition.name, encoded, run_id=session, step=name)
        except NodeError as error:
            return Result(caller.executor.failure_facts(error).message, is_error=True)
        return result_of(output, size=size, advice=lambda shown: _paging(definition, arguments, output, shown))

    return AgentTool(
        name=name,
        description=description_of(definition),
        schema=schema_of(definition, provider),
        writes=False,
        call=call,
    )


def _paging(definition: NodeDefinition, arguments: JsonObject, output: Json, shown: Shown) -> Sequence[str]:
    """How to read the rest."""
    if "offset" not in definition.parameters or not isinstance(output, Mapping):
        return ["narrow the request to see the rest"] if shown else []
    listed = next(((name, value) for name, value in output.items() if isinstance(value, (list, tuple))), None)
    if listed is None:
        return []
    name, items = listed
    count, _ = shown.get(name, (len(items), 0))
    if not output.get("more") and count == len(items):
        return []
    begin = arguments.get("offset")
    after = count + (begin if isinstance(begin, int) else 0)
    return [f"there are more: call again with offset={after}, or narrow the filters"]
