"""What a stranger has: Temporal's port, the SDK, and no key."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

from temporalio import activity, workflow
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.common import RawValue, RetryPolicy
from temporalio.exceptions import ApplicationError, FailureError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from resolute import flow, manual, node, secret
from resolute.execution.executor import NodeExecutor
from resolute.execution.secrets import Environment
from resolute.plan.values import Json, JsonObject
from resolute.temporal.activities.activities import Activities
from resolute.temporal.trust.seals import PlanKeys
from resolute.temporal.worker import temporal_worker
from resolute.writing.flow import Flow
from tests.keys import KEYS
from tests.patience import PATIENCE

SECRETS = {"CHAT_TOKEN": "token-that-a-flow-of-ours-reads", "DATABASE_PASSWORD": "password-that-no-flow-reads"}

TOLD: list[tuple[str, str]] = []
"""What the node `tell` sent, and to whom: the way out for whatever a stranger can put into its arguments."""


@node
async def tell(address: str, words: str) -> str:
    """Sends words to an address, as any node that speaks to the world does."""
    TOLD.append((address, words))
    return "told"


telling = (
    flow("telling").triggered_by(manual("tell")).then(tell("chat.example", secret("CHAT_TOKEN")).as_("told")).build()
)


def forged(*calls: JsonObject) -> dict[str, Any]:
    """A plan of a stranger's own, as JSON: calls of a node that the worker has, with these arguments."""
    plan = telling.plan.model_dump(mode="json")
    [step] = plan["steps"]
    steps = [{**step, "id": f"told-{number}", "arguments": arguments} for number, arguments in enumerate(calls)]
    return {**plan, "steps": steps, "outputs": []}


@dataclass
class Victim:
    """A worker of ours, and what its node has sent."""

    client: Client
    task_queue: str
    told: list[tuple[str, str]] = field(default_factory=lambda: TOLD)

    async def start(self, *argument: Any, name: str = "telling") -> str:
        """What became of a run that a client without Resolute starts: its result, or how it failed."""
        handle: WorkflowHandle[Any, Any] = await self.client.start_workflow(
            name, args=argument, id=f"attack-{uuid.uuid4().hex}", task_queue=self.task_queue
        )
        return await ended(handle)


async def ended(handle: WorkflowHandle[Any, Any]) -> str:
    """How a run ended, within seconds."""
    async with asyncio.timeout(PATIENCE):
        try:
            return str(await handle.result())
        except WorkflowFailureError as error:
            cause = error.cause
            return f"{cause.type}: {cause.message}" if isinstance(cause, ApplicationError) else str(cause)


@asynccontextmanager
async def victim(
    client: Client, keys: PlanKeys = KEYS, flows: Sequence[Flow] = (telling,), task_queue: str = ""
) -> AsyncGenerator[Victim]:
    """A worker with secrets in its environment, for the length of an `async with`."""
    TOLD.clear()
    queue = task_queue or f"victim-{uuid.uuid4().hex[:8]}"
    executor = NodeExecutor.for_flows(flows, environment=Environment(SECRETS), extra=[tell.definition])
    async with temporal_worker(
        client, Activities(flows, executor, keys), task_queue=queue, graceful_shutdown=timedelta(0)
    ):
        yield Victim(client, queue)


@workflow.defn(dynamic=True)
class Stranger:
    """A workflow of a stranger's own worker: has the victim's worker run an activity, and says what came of it."""

    @workflow.run
    async def run(self, args: Sequence[RawValue]) -> str:
        """Schedules one activity with arguments as they come."""
        queue, node_name, step, arguments = cast(
            "tuple[str, str, str, list[Any]]", workflow.payload_converter().from_payload(args[0].payload)
        )
        try:
            return str(
                await workflow.execute_activity(
                    node_name,
                    args=arguments,
                    activity_id=step,
                    task_queue=queue,
                    start_to_close_timeout=timedelta(seconds=10),
                    retry_policy=RetryPolicy(maximum_attempts=3, initial_interval=timedelta(milliseconds=50)),
                )
            )
        except FailureError as error:
            cause = error.cause
            return f"{cause.type}: {cause.message}" if isinstance(cause, ApplicationError) else str(cause or error)


@workflow.defn(dynamic=True)
class Thief:
    """Takes a run of ours: has its first step done by the thief's own worker, and leaves the rest to us."""

    @workflow.run
    async def run(self, args: Sequence[RawValue]) -> None:
        """Does what the interpreter would, so that the history replays."""
        envelope: Any = workflow.payload_converter().from_payload(args[0].payload)
        step = envelope["resolute"]["plan"]["steps"][0]
        await workflow.execute_activity(
            step["node"],
            step["arguments"],
            activity_id=step["id"],
            start_to_close_timeout=timedelta(seconds=10),
            summary=step["id"],
        )
        await workflow.wait_condition(lambda: False)


@activity.defn(name="tell")
async def told_by_a_thief(arguments: Any) -> str:
    """Does nothing, and says that it did."""
    return "told"


async def begun_by_a_thief(client: Client, task_queue: str, plan: JsonObject) -> WorkflowHandle[Any, Any]:
    """A run of ours whose first task and first step a stranger took from our queue."""
    async with Worker(
        client,
        task_queue=task_queue,
        workflows=[Thief],
        activities=[told_by_a_thief],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        handle: WorkflowHandle[Any, Any] = await client.start_workflow(
            "telling",
            {"resolute": {"plan": plan}, "input": None},
            id=f"stolen-{uuid.uuid4().hex}",
            task_queue=task_queue,
        )
        async for event in handle.fetch_history_events(wait_new_event=True):
            if event.HasField("activity_task_completed_event_attributes"):
                break
    await handle.signal("go-on")
    return handle


async def scheduled_by_a_stranger(
    prey: Victim, arguments: Sequence[Json], *, name: str = "telling", node_name: str = "tell", step: str = "told"
) -> str:
    """What comes of an activity that a stranger's workflow, under a name of ours, has the victim run."""
    queue = f"stranger-{uuid.uuid4().hex[:8]}"
    async with Worker(prey.client, task_queue=queue, workflows=[Stranger], workflow_runner=UnsandboxedWorkflowRunner()):
        given = [prey.task_queue, node_name, step, list(arguments)]
        handle: WorkflowHandle[Any, Any] = await prey.client.start_workflow(
            name, given, id=f"stranger-{uuid.uuid4().hex}", task_queue=queue
        )
        return await ended(handle)
