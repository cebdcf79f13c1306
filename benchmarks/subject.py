"""What is measured: the same three tiny nodes as a flow in each lane, and as a workflow written by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from resolute import Flow, flow, manual, node

PATIENCE = timedelta(seconds=30)


@node
async def measure(service: str) -> dict[str, Any]:
    """The first node."""
    return {"service": service, "load": len(service)}


@node
async def judge(service: str, load: int) -> dict[str, Any]:
    """The second node."""
    return {"service": service, "verdict": "busy" if load > 3 else "idle"}


@node
async def report(verdict: str) -> dict[str, Any]:
    """The third node."""
    return {"text": f"it is {verdict}"}


def three_nodes(lane: Literal["activity", "local"]) -> Flow:
    """The three nodes, one after the other, each reading what the one before returned."""
    first = measure("checkout").as_("first").lane(lane)
    second = judge(first.output["service"], first.output["load"]).as_("second").lane(lane)
    third = report(second.output["verdict"]).as_("third").lane(lane)
    return flow(f"bench-{lane}").triggered_by(manual("bench")).then(first).then(second).then(third).build()


@activity.defn(name="hand-measure")
async def hand_measure(given: dict[str, Any]) -> dict[str, Any]:
    """The first node, by hand."""
    return {"service": given["service"], "load": len(given["service"])}


@activity.defn(name="hand-judge")
async def hand_judge(given: dict[str, Any]) -> dict[str, Any]:
    """The second node, by hand."""
    return {"service": given["service"], "verdict": "busy" if given["load"] > 3 else "idle"}


@activity.defn(name="hand-report")
async def hand_report(given: dict[str, Any]) -> dict[str, Any]:
    """The third node, by hand."""
    return {"text": f"it is {given['verdict']}"}


@workflow.defn(name="hand-written")
class HandWritten:
    """What somebody writes who uses Temporal's SDK directly."""

    @workflow.run
    async def run(self, given: dict[str, Any]) -> dict[str, Any]:
        """The three activities, one after the other."""
        first = await workflow.execute_activity(hand_measure, given, start_to_close_timeout=PATIENCE)
        second = await workflow.execute_activity(hand_judge, first, start_to_close_timeout=PATIENCE)
        third = await workflow.execute_activity(hand_report, second, start_to_close_timeout=PATIENCE)
        return {"first": first, "second": second, "third": third}


def hand_written_worker(client: Client, task_queue: str, *, sandboxed: bool) -> Worker:
    """A worker for the workflow by hand, with the SDK's sandbox or without it."""
    return Worker(
        client,
        task_queue=task_queue,
        workflows=[HandWritten],
        activities=[hand_measure, hand_judge, hand_report],
        workflow_runner=SandboxedWorkflowRunner() if sandboxed else UnsandboxedWorkflowRunner(),
    )
