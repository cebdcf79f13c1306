"""Flows with a manual trigger as tools, where a call starts a real run; and the tool that shows a run's status."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from resolute.execution.inputs import read_input
from resolute.plan.errors import InvalidInputError, ResoluteError
from resolute.plan.provider import Provider
from resolute.plan.triggers import Manual
from resolute.plan.values import JsonObject, jsonable
from resolute.temporal.runs import describe_run
from resolute.writing.flow import Flow
from resolute_worker.agents.durable import STATUS_TOOL, Durable
from resolute_worker.agents.results import Result, result_of
from resolute_worker.agents.tools import ACTOR, KEY, AgentTool, tool_name, with_key
from resolute_worker.providers import refusals

log = logging.getLogger(__name__)


def within_grants(flows: Iterable[Flow], providers: Sequence[Provider]) -> list[Flow]:
    """The flows whose nodes these providers would all run; the log says why others are not offered.

    A run carries the sealed plan that was checked against the grants here. So a worker with more grants runs that plan
    and nothing else, whatever it has under the flow's name.
    """
    offered: list[Flow] = []
    for flow in flows:
        if reasons := refusals(flow, providers):
            log.warning("not offered to agents: %s", "; ".join(dict.fromkeys(reasons)), extra={"flow": flow.name})
        else:
            offered.append(flow)
    return offered


def flow_tools(flows: Iterable[Flow], durable: Durable) -> list[AgentTool]:
    """A tool for each flow with a manual trigger, and one to look at runs."""
    tools = [
        _tool(flow, trigger, durable) for flow in flows for trigger in flow.plan.triggers if isinstance(trigger, Manual)
    ]
    return [*{tool.name: tool for tool in tools}.values(), _status_tool(durable)]


def _tool(flow: Flow, trigger: Manual, durable: Durable) -> AgentTool:
    plan = flow.plan
    schema: dict[str, Any] = dict(trigger.input_schema or {"properties": {}, "additionalProperties": False})

    async def call(arguments: JsonObject) -> Result:
        given = {field: value for field, value in arguments.items() if field != KEY}
        try:
            value = read_input(flow, trigger, given) if trigger.input_schema else None
        except InvalidInputError as error:
            return Result(str(error), is_error=True)
        return await durable.run(plan, f"{plan.name}/{ACTOR}/{arguments[KEY]}", input_data=value)

    description = plan.description or f"Runs the flow {plan.name}"
    return AgentTool(
        name=tool_name("flow", plan.name),
        description=f"{description.rstrip('.')}. Starts a run of the flow {plan.name!r}, which may take long.",
        schema=with_key(schema),
        writes=True,
        call=call,
    )


def _status_tool(durable: Durable) -> AgentTool:
    async def call(arguments: JsonObject) -> Result:
        from temporalio.service import RPCError

        try:
            found = await describe_run(durable.client, str(arguments["run"]))
        except (ResoluteError, RPCError) as error:
            return Result(str(error), is_error=True)
        value = {**asdict(found.summary), "report": found.report}
        return result_of(jsonable(value), size=durable.size)

    return AgentTool(
        name=STATUS_TOOL,
        description="Shows the status of a run, each step with its output, and why one failed.",
        schema={
            "type": "object",
            "properties": {
                "run": {"type": "string", "description": "The run id that the tool which started it returned."}
            },
            "required": ["run"],
            "additionalProperties": False,
        },
        writes=False,
        call=call,
    )
