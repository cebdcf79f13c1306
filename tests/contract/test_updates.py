"""What is asked of a run, or of what runs share, is answered though it is refused at first, and counts once."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.common.v1 import GrpcStatus
from temporalio.api.errordetails.v1 import WorkflowNotReadyFailure
from temporalio.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    StartWorkflowUpdateInput,
    StartWorkflowUpdateWithStartInput,
)
from temporalio.service import RPCError, RPCStatusCode

from resolute import flow, gate, manual, node
from resolute.execution.executor import NodeExecutor
from resolute.execution.secrets import Environment
from resolute.running.messages import EVENT, Message
from resolute.running.shared.asking import Asking
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import RunHandle, start_run
from resolute.temporal.client.gates import open_gates_in
from resolute.temporal.client.sharing import ask_shared_once
from resolute.temporal.wire.finding import RunKey
from resolute.temporal.wire.messages import NoAnswerYetError, ask_run, tell_run
from resolute.temporal.worker import temporal_worker
from tests.keys import KEYS

PATIENCE = timedelta(minutes=2)
NOT_READY = "Unable to perform workflow execution update due to unexpected workflow task failure."


@node
async def begin() -> None:
    """Ends at once."""


asking = (
    flow("asking").triggered_by(manual("go")).then(begin()).then(gate("approve")).then(begin().as_("went_on")).build()
)


def approval() -> Message:
    """A decision of the gate."""
    return Message(to="gate:approve", word="approve", id=uuid.uuid4().hex, data={"reason": ""}, by="ada")


def not_ready() -> RPCError:
    """What Temporal says of an update whose workflow task has failed."""
    status = GrpcStatus(code=RPCStatusCode.FAILED_PRECONDITION, message=NOT_READY)
    status.details.add().Pack(WorkflowNotReadyFailure())
    return RPCError(NOT_READY, RPCStatusCode.FAILED_PRECONDITION, status.SerializeToString())


def _refused(status: RPCStatusCode, message: str) -> Callable[[], RPCError]:
    return lambda: RPCError(message, status, b"")


ANSWERS = {
    "task-failed": not_ready,
    "given-up": _refused(RPCStatusCode.UNAVAILABLE, "workflow update was aborted"),
    "closing": _refused(RPCStatusCode.RESOURCE_EXHAUSTED, "workflow operation can not be applied"),
    "aborted": _refused(RPCStatusCode.ABORTED, "workflow update was aborted by closing workflow"),
}


@dataclass
class Refusing(Interceptor):
    """A client whose first updates the server refuses; every second one has reached the workflow by then."""

    refusal: Callable[[], RPCError]
    times: int
    update_ids: list[str] = field(default_factory=list[str])

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # the SDK's name
        """See `Interceptor`."""
        return _Refuses(next, self)


class _Refuses(OutboundInterceptor):
    def __init__(self, after: OutboundInterceptor, by: Refusing) -> None:
        super().__init__(after)
        self._by = by

    async def start_workflow_update(self, input: StartWorkflowUpdateInput) -> Any:  # the SDK's name
        return await self._sent(str(input.update_id), lambda: super(_Refuses, self).start_workflow_update(input))

    async def start_update_with_start_workflow(
        self,
        input: StartWorkflowUpdateWithStartInput,  # the SDK's name
    ) -> Any:
        update_id = str(input.update_workflow_input.update_id)
        return await self._sent(update_id, lambda: super(_Refuses, self).start_update_with_start_workflow(input))

    async def _sent(self, update_id: str, send: Callable[[], Any]) -> Any:
        self._by.update_ids.append(update_id)
        number = len(self._by.update_ids)
        sent = await send() if number > self._by.times or number % 2 == 0 else None
        if number <= self._by.times:
            raise self._by.refusal()
        return sent


@asynccontextmanager
async def _worker(client: Client, full: Callable[[int], bool] | None = None) -> AsyncGenerator[str]:
    executor = NodeExecutor.for_flows([asking], environment=Environment({}))
    worker = temporal_worker(
        client,
        Activities([asking], executor, KEYS),
        task_queue=(queue := f"updates-{uuid.uuid4().hex[:8]}"),
        graceful_shutdown=timedelta(0),
        full=full,
    )
    async with worker, asyncio.timeout(PATIENCE.total_seconds()):
        yield queue


async def _begun(client: Client, queue: str) -> tuple[RunHandle, RunKey]:
    run = await start_run(client, asking.plan, task_queue=queue, keys=KEYS)
    return run, RunKey(run.workflow_id, run.run_id or "")


async def _at_its_gate(client: Client, queue: str) -> tuple[RunHandle, RunKey]:
    """A run that takes a decision: before its gate is open it refuses one for good."""
    run, key = await _begun(client, queue)
    while not await open_gates_in(client, key):
        await asyncio.sleep(0.02)
    return run, key


def _refusing(client: Client, refusal: Callable[[], RPCError], times: int = 3) -> tuple[Client, Refusing]:
    config = client.config()
    config["interceptors"] = [by := Refusing(refusal, times)]
    return Client(**config), by


async def test_a_decision_at_the_end_of_a_history(temporal_client: Client) -> None:
    """A decision that ends a history is taken, also where something else happens in that moment.

    Temporal refuses the end of the history then, and with it the decision that was sent in the same workflow task.
    """
    ending, told = threading.Event(), threading.Event()

    def full(ended: int) -> bool:
        if ended >= 1 and armed.is_set() and not ending.is_set():
            ending.set()
            told.wait(1.5)  # what the SDK takes for a workflow that hangs is half a second more
        return ended >= 1

    armed = threading.Event()
    async with _worker(temporal_client, full) as queue:
        run, key = await _begun(temporal_client, queue)
        while (part := await _part_of(temporal_client, run)) == run.run_id or not await open_gates_in(
            temporal_client, RunKey(run.workflow_id, part)
        ):
            await asyncio.sleep(0.02)
        armed.set()
        decided = asyncio.create_task(ask_run(temporal_client, key, approval(), KEYS, patience=PATIENCE))
        await asyncio.to_thread(ending.wait)
        event = Message(to=EVENT + "else", word="tell", id="else")
        await tell_run(temporal_client, asking.name, run.workflow_id, event, KEYS)
        told.set()
        answer: Any = await decided
        await run.result()

    assert answer["approved"] is True


async def _part_of(client: Client, run: RunHandle) -> str:
    return (await client.get_workflow_handle(run.workflow_id).describe()).run_id


@pytest.mark.parametrize("answer", ANSWERS)
async def test_a_run_is_asked_again(answer: str, temporal_client: Client) -> None:
    """A message that Temporal refuses for the moment is sent again under its id, and taken once."""
    client, refused = _refusing(temporal_client, ANSWERS[answer])
    async with _worker(temporal_client) as queue:
        run, key = await _at_its_gate(temporal_client, queue)
        decided: Any = await ask_run(client, key, approval(), KEYS, patience=PATIENCE)
        await run.result()

    assert decided["approved"] is True
    assert {refused.update_ids[0]} == set(refused.update_ids)
    assert 4 <= len(refused.update_ids)  # a server that is busy refuses one more


@pytest.mark.parametrize("answer", ANSWERS)
async def test_what_is_shared_is_asked_again(answer: str, temporal_client: Client) -> None:
    """A question that Temporal refuses for the moment is asked again under its id, and counts once."""
    client, refused = _refusing(temporal_client, ANSWERS[answer])
    question = Asking(step="test", of="budget/pages", word="take", data={"at_most": 2, "per": 3600, "take": 1})
    async with _worker(temporal_client) as queue:
        taken: Any = await ask_shared_once(client, queue, question, keys=KEYS, asked="one")

    assert (True, 1) == (taken["granted"], taken["left"])
    assert {refused.update_ids[0]} == set(refused.update_ids)
    assert 4 <= len(refused.update_ids)


async def test_who_asks_is_told_in_the_log(temporal_client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """Who waits for a run that cannot take a message is told so, once."""
    client, _ = _refusing(temporal_client, not_ready, times=4)
    async with _worker(temporal_client) as queue:
        run, key = await _at_its_gate(temporal_client, queue)
        await ask_run(client, key, message := approval(), KEYS, patience=PATIENCE)

    said = [record.getMessage() for record in caplog.records if record.name == "resolute.temporal.wire.updates"]
    expected = f"message {message.id} to run {run.workflow_id} is sent again, because it has not been taken yet: "
    assert [expected + NOT_READY] == said


async def test_a_run_whose_tasks_fail(temporal_client: Client) -> None:
    """A message is not sent for ever: who asks is told what Temporal says, and where to look."""
    client, _ = _refusing(temporal_client, not_ready, times=1000)
    _, key = await _begun(temporal_client, uuid.uuid4().hex)

    with pytest.raises(NoAnswerYetError, match=r"within 0\.3 s \(Temporal says: Unable to perform.*log of its worker"):
        await ask_run(client, key, approval(), KEYS, patience=timedelta(seconds=0.3))


async def test_a_run_without_a_worker(temporal_client: Client) -> None:
    """Nobody waits for ever for a run that no worker runs."""
    _, key = await _begun(temporal_client, uuid.uuid4().hex)

    with pytest.raises(NoAnswerYetError, match=r"has not answered within 0\.3 s: start a worker"):
        await ask_run(temporal_client, key, approval(), KEYS, patience=timedelta(seconds=0.3))


async def test_who_is_cancelled_while_waiting(temporal_client: Client) -> None:
    """Who is cancelled while the run does not answer is cancelled, and gets no answer of another kind."""
    _, key = await _begun(temporal_client, uuid.uuid4().hex)
    waiting = asyncio.create_task(ask_run(temporal_client, key, approval(), KEYS))
    await asyncio.wait([waiting], timeout=0.3)

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_refusal_for_good(temporal_client: Client) -> None:
    """What Temporal refuses for good is not sent again."""
    client, refused = _refusing(temporal_client, _refused(RPCStatusCode.INVALID_ARGUMENT, "too large"))
    _, key = await _begun(temporal_client, uuid.uuid4().hex)

    with pytest.raises(RPCError, match="too large"):
        await ask_run(client, key, approval(), KEYS)
    assert 1 == len(refused.update_ids)
