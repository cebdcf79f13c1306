"""Whoever reaches Temporal can signal and update runs. Without a key no message is taken, and no start is kept."""

import asyncio
import uuid
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr
from temporalio.client import Client, WorkflowUpdateFailedError

from resolute import flow, manual, node, signal, wait_for
from resolute.execution.executor import NodeExecutor
from resolute.execution.secrets import Environment
from resolute.running.line import Start
from resolute.running.messages import EVENT, Message, MessageRefusedError
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import start_run
from resolute.temporal.client.keyed import hand_in
from resolute.temporal.trust.seals import NO_KEYS, PlanKeys
from resolute.temporal.wire.finding import RunKey
from resolute.temporal.wire.messages import ASK, TELL, ask_run, sealed, tell_run
from resolute.temporal.wire.start import without_plan
from resolute.temporal.worker import temporal_worker
from tests.keys import KEYS
from tests.patience import PATIENCE

OTHER_KEYS = PlanKeys((SecretStr("a-key-that-the-attacked-worker-does-not-have"),))


class Order(BaseModel):
    """An event."""

    by: str


@node
async def obey(by: str) -> str:
    """Does as it is told."""
    return by


heard = wait_for(signal("order", Order)).as_("heard")
listening = flow("listening-to-orders").triggered_by(manual("go")).then(heard).then(obey(heard.output.by)).build()


def order(by: str) -> Message:
    """A message."""
    return Message(to=EVENT + "order", word="tell", id=f"{by}-{uuid.uuid4().hex}", data={"by": by})


async def test_messages_of_strangers(temporal_client: Client) -> None:
    """Signals and updates without a seal, with another key's, or with one for another run change nothing."""
    executor = NodeExecutor.for_flows([listening], environment=Environment({}))
    worker = temporal_worker(
        temporal_client,
        Activities([listening], executor, KEYS),
        task_queue=(queue := uuid.uuid4().hex),
        graceful_shutdown=timedelta(0),
    )
    async with worker, asyncio.timeout(PATIENCE):
        run = await start_run(temporal_client, listening.plan, task_queue=queue, keys=KEYS)
        key = RunKey(run.workflow_id, run.run_id or "")
        mallory = order("mallory")
        stolen: Any = sealed(order("stolen"), listening.name, "another-run", KEYS).as_json()
        edited: Any = {**stolen, "message": mallory.as_json()}
        for keys in (NO_KEYS, OTHER_KEYS):
            await tell_run(temporal_client, listening.name, key.workflow_id, mallory, keys)
            with pytest.raises(MessageRefusedError, match="not sealed by a key of this worker"):
                await ask_run(temporal_client, key, mallory, keys)
        for letter in (stolen, edited, mallory.as_json(), None, {"message": {"to": 1}}):
            await run.handle.signal(TELL, letter)
            with pytest.raises(WorkflowUpdateFailedError):
                await run.handle.execute_update(ASK, letter)  # pyright: ignore[reportUnknownMemberType]  # the SDK's own types
        taken = await ask_run(temporal_client, key, order("ada"), KEYS)
        result: Any = await run.result()

    assert {"taken": True, "step": "heard"} == taken
    assert {"heard": {"by": "ada"}} == result


async def test_starts_of_strangers(temporal_client: Client) -> None:
    """A start that is not sealed by a key of the worker is not kept in line, whoever the line was started by."""
    executor = NodeExecutor.for_flows([listening], environment=Environment({}))
    worker = temporal_worker(
        temporal_client,
        Activities([listening], executor, KEYS),
        task_queue=(queue := uuid.uuid4().hex),
        graceful_shutdown=timedelta(0),
    )
    start = Start(id="1", argument=without_plan(None), while_running="queue")
    async with worker, asyncio.timeout(PATIENCE):
        for keys in (NO_KEYS, OTHER_KEYS):
            with pytest.raises(MessageRefusedError, match="not sealed by a key of this worker"):
                await hand_in(
                    temporal_client,
                    listening.name,
                    f"{listening.name}/key/{uuid.uuid4().hex}",
                    start,
                    task_queue=queue,
                    keys=keys,
                )
