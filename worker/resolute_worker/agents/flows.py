"""Flows with a manual trigger as tools, where a call starts a real run; and the tool that shows a run's status."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from resolute.execution.inputs import read_input
from resolute.plan.errors import InvalidInputError, ResoluteError
from resolute.plan.plan import Plan
from resolute.plan.provider import Provider
from resolute.plan.triggers import Manual
from resolute.plan.values import Json, JsonObject, jsonable
from resolute.temporal.history.runs import describe_run
from resolute.writing.flow import Flow
from resolute_worker.agents.durable import STATUS_TOOL, Durable
from resolute_worker.agents.results import Result, result_of
from resolute_worker.agents.tools import ACTOR, KEY, AgentTool, tool_name, with_key
from resolute_worker.providers import refusals
from resolute_worker.undone import undone

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
    """A tool for each flow with a manual trigger, one for a dry run of it, and one to look at runs."""
    tools = [
        make(flow, trigger, durable)
        for flow in flows
        for trigger in flow.plan.triggers
        if isinstance(trigger, Manual)
        for make in (_tool, _dry_tool)
    ]
    return [*{tool.name: tool for tool in tools}.values(), _status_tool(durable)]


def _tool(flow: Flow, trigger: Manual, durable: Durable) -> AgentTool:
    plan = flow.plan

    async def call(arguments: JsonObject) -> Result:
        given = {field: value for field, value in arguments.items() if field != KEY}
        try:
            value = _input(flow, trigger, given)
        except InvalidInputError as error:
            return Result(str(error), is_error=True)
        return await durable.run(plan, f"{plan.name}/{ACTOR}/{arguments[KEY]}", input_data=value)

    return AgentTool(
        name=tool_name("flow", plan.name),
        description=f"{_purpose(plan)}. Starts a run of the flow {plan.name!r}, which may take long.",
        schema=with_key(_schema(trigger)),
        writes=True,
        call=call,
    )


def _dry_tool(flow: Flow, trigger: Manual, durable: Durable) -> AgentTool:
    plan = flow.plan.in_mode("dry")

    async def call(arguments: JsonObject) -> Result:
        run = f"{plan.name}/{ACTOR}/dry/{uuid.uuid4().hex}"
        try:
            said = await durable.run(plan, run, input_data=_input(flow, trigger, arguments))
        except InvalidInputError as error:
            return Result(str(error), is_error=True)
        return said if said.is_error else await _would_have_done(run, said, durable)

    return AgentTool(
        name=tool_name("dry_run", plan.name),
        description=f"{_purpose(plan)}: a dry run of the flow {plan.name!r}. It reads and decides as the flow does, "
        "writes nothing anywhere, and says which steps would have written what.",
        schema={**_schema(trigger), "type": "object"},
        writes=False,
        call=call,
    )


async def _would_have_done(run: str, said: Result, durable: Durable) -> Result:
    """What a dry run came to and would have written; as it was said, where it still goes on."""
    from temporalio.service import RPCError

    try:
        found = await describe_run(durable.client, run)
    except (ResoluteError, RPCError):
        return said
    if found.report is None or found.summary.status == "running":
        return said
    value = {"status": found.summary.status, "result": found.report.result, "would_have_done": undone(found.report)}
    return result_of(jsonable(value), size=durable.size, advice=lambda _: [f"dry run {run}: nothing was written"])


def _purpose(plan: Plan) -> str:
    return (plan.description or f"Runs the flow {plan.name}").rstrip(".")


def _schema(trigger: Manual) -> dict[str, Any]:
    return dict(trigger.input_schema or {"properties": {}, "additionalProperties": False})


def _input(flow: Flow, trigger: Manual, given: JsonObject) -> Json:
    return read_input(flow, trigger, given) if trigger.input_schema else None


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
