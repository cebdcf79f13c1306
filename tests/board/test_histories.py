"""Of a run that was read before only what is new is fetched, and what is read so is what a first reading gives."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import (
    Client,
    FetchWorkflowHistoryEventsInput,
    Interceptor,
    OutboundInterceptor,
    WorkflowHistoryEventAsyncIterator,
)
from temporalio.converter import PayloadCodec

from resolute import branch, flow, gate, manual, node
from resolute.execution.executor import NodeExecutor
from resolute.execution.secrets import Environment
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import RunHandle, start_run
from resolute.temporal.client.gates import decide_gate, gate_in, gate_of_run
from resolute.temporal.history import histories
from resolute.temporal.history.histories import Histories, ReadRun
from resolute.temporal.history.runs import describe_run
from resolute.temporal.values.converting import PLAIN
from resolute.temporal.wire.finding import RunKey
from resolute.temporal.wire.start import start_argument
from resolute.temporal.worker import temporal_worker
from tests.keys import KEYS
from tests.patience import PATIENCE


@node
async def say(word: str) -> str:
    """Says it."""
    return word


STOPPING = (
    flow("histories")
    .triggered_by(manual("go"))
    .then(say("a").as_("a"))
    .then(gate("one"))
    .then(say("b").as_("b"))
    .then(gate("two"))
    .then(say("c").as_("c"))
    .build()
)


ASKING = (
    flow("asking")
    .triggered_by(manual("go"))
    .then_parallel(
        gate("all", approvers=["ada", "bob"], quorum=2),
        branch().then(say("a").as_("a")).then(gate("two")).then(say("b").as_("b")).then(gate("three")),
    )
    .build()
)
"""A gate waits while the run goes on beside it."""


def behind_two_steps(ended: int) -> bool:
    """When a history is to end."""
    return ended >= 2


class Counting(Interceptor):
    """Notes which histories are fetched from their beginning."""

    def __init__(self) -> None:
        self.begun: list[str | None] = []

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # so it is called there
        begun = self.begun

        class Noting(OutboundInterceptor):
            def fetch_workflow_history_events(
                self,
                input: FetchWorkflowHistoryEventsInput,  # as above
            ) -> WorkflowHistoryEventAsyncIterator:
                if input.next_page_token is None:
                    begun.append(input.run_id)
                return self.next.fetch_workflow_history_events(input)

        return Noting(next)


def told(read: ReadRun) -> Any:
    """What a reading says, to be compared."""
    recorded = read.recorded
    return read.report, recorded.tasks, recorded.continued, recorded.fired, recorded.said, recorded.has_ended


async def at_gate(client: Client, run: RunHandle, name: str) -> None:
    """Waits until the run asks."""
    while True:
        found = await describe_run(client, run.workflow_id)
        if found.report and any(each.id == name and each.status == "running" for each in found.report.steps):
            return


@pytest.mark.parametrize("continued", [False, True])
async def test_only_what_is_new_is_read(temporal_client: Client, continued: bool) -> None:
    """A run is read at each of its gates and at its end, also where it was continued: each history is fetched once."""
    counting = Counting()
    client = Client(temporal_client.service_client, namespace=temporal_client.namespace, interceptors=[counting])
    queue = uuid.uuid4().hex
    activities = Activities([STOPPING], NodeExecutor.for_flows([STOPPING], environment=Environment({})), KEYS)
    known, parts = Histories(client), set[str]()
    async with temporal_worker(
        temporal_client,
        activities,
        task_queue=queue,
        graceful_shutdown=timedelta(0),
        full=behind_two_steps if continued else None,
    ):
        run = await start_run(temporal_client, STOPPING.plan, task_queue=queue, keys=KEYS)
        for name in ("one", "two", ""):
            if name:
                await at_gate(temporal_client, run, name)
            else:
                await run.result()
            found = (await describe_run(temporal_client, run.workflow_id)).summary
            described = await temporal_client.get_workflow_handle(run.workflow_id, run_id=found.run_id).describe()
            length = described.raw_description.workflow_execution_info.history_length
            read = await known.read(run.workflow_id, found.run_id, length)
            again = await Histories(temporal_client).read(run.workflow_id, found.run_id, length)
            assert told(again) == told(read)
            assert read is await known.read(run.workflow_id, found.run_id, length)
            parts.add(found.run_id)
            if name:
                key = RunKey(run.workflow_id, found.run_id)
                await decide_gate(temporal_client, key, name, approve=True, by="ada", keys=KEYS)

    assert (len(parts), 1) == (len(counting.begun), len(known))
    assert parts == {*counting.begun}
    assert continued == (len(parts) > 1)


async def test_an_open_gate_stands_in_the_latest_history(temporal_client: Client) -> None:
    """However long a run is, its latest history is all that is read for a gate that waits."""
    counting = Counting()
    client = Client(temporal_client.service_client, namespace=temporal_client.namespace, interceptors=[counting])
    queue = uuid.uuid4().hex
    activities = Activities([ASKING], NodeExecutor.for_flows([ASKING], environment=Environment({})), KEYS)
    async with temporal_worker(
        temporal_client, activities, task_queue=queue, graceful_shutdown=timedelta(0), full=behind_two_steps
    ):
        run = await start_run(temporal_client, ASKING.plan, task_queue=queue, keys=KEYS)
        await at_gate(temporal_client, run, "two")
        for name in ("all", "two"):
            await decide_gate(temporal_client, RunKey(run.workflow_id, ""), name, approve=True, by="ada", keys=KEYS)
        await at_gate(temporal_client, run, "three")
        whole = await describe_run(temporal_client, run.workflow_id)
        waiting = [await gate_of_run(client, run.workflow_id, str(run.run_id), name) for name in ("all", "three")]
        read = list(counting.begun)
        over = await gate_of_run(client, run.workflow_id, str(run.run_id), "two")
        await run.handle.terminate()
        ended = await gate_of_run(client, run.workflow_id, str(run.run_id), "all")

    assert [whole.summary.run_id] * 2 == read
    assert run.run_id not in read
    assert [gate_in(whole, name) for name in ("all", "three")] == waiting
    assert (["ada"], True) == ([each["by"] for each in waiting[0].decisions], waiting[0].is_open)
    assert ("completed", "ada") == (over.status, over.decisions[0]["by"])
    assert not ended.is_open


async def test_what_is_kept_is_bounded(temporal_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more runs, or larger ones, those are kept that were asked for last; a run that is not there leaves nothing."""
    queue = uuid.uuid4().hex
    runs = [await temporal_client.start_workflow("any", id=uuid.uuid4().hex, task_queue=queue) for _ in range(4)]
    known = Histories(temporal_client)
    monkeypatch.setattr(histories, "MOST", 2)
    for run in runs[:3]:
        await known.read(run.id, str(run.first_execution_run_id), 2)
    by_number = len(known)
    monkeypatch.setattr(histories, "BYTES", 1)
    await known.read(runs[3].id, str(runs[3].first_execution_run_id), 2)
    with pytest.raises(Exception, match="not found"):
        await known.read("nobody", str(uuid.uuid4()), 2)
    for run in runs:
        await run.terminate()

    assert (2, 1) == (by_number, len(known))


class Far(PayloadCodec):
    """Decodes when it may, and counts how often it was asked for something."""

    def __init__(self) -> None:
        self.asked = 0
        self.is_asked, self.may = asyncio.Event(), asyncio.Event()

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return list(payloads)

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        self.asked += len(payloads) > 0
        self.is_asked.set()
        await self.may.wait()
        return list(payloads)


async def test_what_a_run_was_started_with_is_decoded_once(temporal_client: Client) -> None:
    """Who looks at a run while its history is read waits for the same plan: it may be large, encrypted and far away."""
    argument = start_argument(STOPPING.plan, keys=KEYS)
    run = await temporal_client.start_workflow("any", argument, id=uuid.uuid4().hex, task_queue=uuid.uuid4().hex)
    codec = Far()
    converter = replace(PLAIN, payload_codec=codec)
    known = Histories(
        Client(temporal_client.service_client, namespace=temporal_client.namespace, data_converter=converter)
    )
    run_id = str(run.first_execution_run_id)
    async with asyncio.timeout(PATIENCE):
        reading = asyncio.create_task(known.read(run.id, run_id, 2))
        await codec.is_asked.wait()
        looking = asyncio.create_task(known.so_far(run_id, 2, PATIENCE))
        for _ in range(10):
            await asyncio.sleep(0)  # it comes to where it has to wait
        codec.may.set()
        read, so_far = await asyncio.gather(reading, looking)
    await run.terminate()

    assert (STOPPING.plan, STOPPING.plan) == (read.plan, so_far.plan)
    assert 1 == codec.asked
