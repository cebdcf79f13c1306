"""Nodes that write, as tools: each call is a run of one step on Temporal, which a worker does once for its key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from pydantic import JsonValue

from resolute.plan.expressions import encode
from resolute.plan.kinds.call import Call
from resolute.plan.plan import Plan
from resolute.plan.provider import NodeDefinition, Provider
from resolute.plan.values import Json, JsonObject
from resolute_worker.agents.durable import Durable
from resolute_worker.agents.results import Result
from resolute_worker.agents.tools import (
    ACTOR,
    KEY,
    AgentTool,
    description_of,
    is_offered,
    is_read,
    schema_of,
    tool_name,
    with_key,
)


def write_tools(provider: Provider, durable: Durable, *, bounds: Sequence[Provider] = ()) -> list[AgentTool]:
    """A tool for each node of a provider that writes and that its grants, and those of `bounds`, allow."""
    return [
        _tool(definition, provider, durable)
        for definition in provider.nodes()
        if not is_read(definition) and is_offered(definition, provider, bounds)
    ]


def _tool(definition: NodeDefinition, provider: Provider, durable: Durable) -> AgentTool:
    name = tool_name(provider.name, definition.function.__name__)
    step = definition.function.__name__

    async def call(arguments: JsonObject) -> Result:
        given = {field: value for field, value in arguments.items() if field != KEY}
        return await durable.run(
            _plan(definition, step, given), f"{ACTOR}/{name}/{arguments[KEY]}", output=lambda result: _of(result, step)
        )

    return AgentTool(
        name=name,
        description=description_of(definition),
        schema=with_key(schema_of(definition, provider)),
        writes=True,
        call=call,
    )


def _plan(definition: NodeDefinition, step: str, arguments: JsonObject) -> Plan:
    # Encoded, so that text such as {"$secret": ...} stays text and is never resolved.
    encoded = cast("dict[str, JsonValue]", encode(arguments))
    call = Call(id=step, node=definition.name, arguments=encoded, policy=definition.policy, queue=definition.queue)
    return Plan(name=ACTOR, description=f"{definition.name} for an agent", steps=(call,), outputs=(step,))


def _of(result: Json, step: str) -> Json:
    return result.get(step) if isinstance(result, Mapping) else result
