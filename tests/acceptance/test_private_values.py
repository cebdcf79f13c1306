"""With keys for values, nothing that a run is given, makes or says can be read in Temporal."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import BaseModel
from temporalio.client import Client

from resolute import Flow, FlowError, TerminalError, budget, child, each, every, flow, gate, input_data, manual, node
from resolute.execution.executor import NodeExecutor
from resolute.execution.secrets import Environment
from resolute.plan.triggers import Schedule
from resolute.plan.values import Json
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import RunHandle, start_run
from resolute.temporal.client.gates import decide_gate, open_gates_in
from resolute.temporal.history.exporting import export_run
from resolute.temporal.history.ledger import ledger
from resolute.temporal.history.runs import describe_run, list_runs
from resolute.temporal.schedules.change import Release
from resolute.temporal.schedules.schedules import deploy_schedules
from resolute.temporal.schedules.spec import ScheduledFlow
from resolute.temporal.values.ciphers import UnreadablePayloadError
from resolute.temporal.wire.finding import RunKey
from resolute.temporal.wire.start import start_argument
from resolute.temporal.worker import temporal_worker
from resolute_worker.embedded import EmbeddedServer
from tests.keys import KEYS, PAYLOAD_KEY, encrypting
from tests.patience import PATIENCE
from tests.worker.processes import resolute

PRIVATE = "zz-private-zz"
NEW_KEY = "newer:" + 32 * "6b"


class Case(BaseModel):
    """What a run is given."""

    names: list[str]


@node
async def greet(name: str) -> str:
    return f"hello {name}"


@node
async def refuse(name: str) -> None:
    raise TerminalError(f"{name} is not welcome")


greeting = greet(input_data(Case).names[0]).as_("greeting")
inner = flow("private-inner").triggered_by(manual("go", input=Case)).then(greeting).returns(greeting.output).build()
whole = (
    flow("private-whole")
    .triggered_by(manual("go", input=Case))
    .then(each(input_data(Case).names, lambda name: greet(name)).as_("greetings"))
    .then(child(inner, input={"names": input_data(Case).names}).as_("inner"))
    .then(budget("private-budget", at_most=9, per=timedelta(hours=1), key="eu").as_("granted"))
    .then(gate("approve", ask=input_data(Case).names[0]))
    .then(refuse(input_data(Case).names[0]).lane("local").retry(1).as_("refused"))
    .build()
)
waits = flow("private-waits").triggered_by(manual("go", input=Case)).then(gate("approve", ask="Go?")).build()
FLOWS: list[Flow] = [whole, inner, waits]
GIVEN: Json = {"names": [PRIVATE, f"{PRIVATE}-too"]}


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedServer]:
    """A server whose files nobody else writes to."""
    async with EmbeddedServer(tmp_path_factory.mktemp("private"), port=0) as server:
        yield server


@pytest.fixture
async def plain(server: EmbeddedServer) -> Client:
    """A client without keys."""
    return encrypting(await Client.connect(server.address))


def worker(client: Client, queue: str):
    """A worker that reads and writes with the client's keys, and forgets each run between two tasks."""
    activities = Activities(FLOWS, NodeExecutor.for_flows(FLOWS, environment=Environment({})), KEYS)
    return temporal_worker(client, activities, task_queue=queue, graceful_shutdown=timedelta(0), max_cached_workflows=0)


def key_of(run: RunHandle) -> RunKey:
    return RunKey(run.workflow_id, run.run_id or "")


async def approve(client: Client, run: RunHandle) -> None:
    """Approves a run's gate as soon as it is open, and says why."""
    async with asyncio.timeout(PATIENCE):
        while not await open_gates_in(client, key_of(run)):
            await asyncio.sleep(0.05)
    await decide_gate(client, key_of(run), "approve", approve=True, by="ada", reason=f"for {PRIVATE}", keys=KEYS)


async def test_nothing_that_a_run_says_is_on_the_servers_disk(
    server: EmbeddedServer, plain: Client, tmp_path: Path
) -> None:
    """Input, outputs, items, children, what runs share, decisions and failures; with the key all of it is read."""
    client, queue = encrypting(plain, PAYLOAD_KEY), uuid4().hex
    began = datetime.now(UTC)
    async with worker(client, queue):
        run = await start_run(
            client, whole.plan, task_queue=queue, input_data=GIVEN, keys=KEYS, started_by=f"{PRIVATE}", person=PRIVATE
        )
        await approve(client, run)
        with pytest.raises(FlowError, match=f"{PRIVATE} is not welcome"):
            await run.result()
        described = await describe_run(client, run.workflow_id)
        exported = await export_run(client, key_of(run))
    async with asyncio.timeout(PATIENCE):
        while not (listed := await list_runs(client, task_queue=queue, flows=[whole.name], status="failed")):
            await asyncio.sleep(0.1)  # the list is told of an end a moment later
    checks = (await ledger(client, whole.name, since=began)).checks
    place = {"TEMPORAL_ADDRESS": server.address, "RESOLUTE_TASK_QUEUE": queue}
    with_key = await resolute("show", run.workflow_id, folder=tmp_path, RESOLUTE_PAYLOAD_KEYS=PAYLOAD_KEY, **place)
    without = await resolute("show", run.workflow_id, folder=tmp_path, **place)
    stored = b"".join(file.read_bytes() for file in server.database.parent.rglob("*") if file.is_file())

    assert described.report is not None
    steps = {step.id: step for step in described.report.steps}
    assert ["hello zz-private-zz", "hello zz-private-zz-too"] == steps["greetings"].output
    assert f"{PRIVATE} is not welcome" == (steps["refused"].failure and steps["refused"].failure.message)
    assert "raise TerminalError" in steps["refused"].trace
    assert PRIVATE in exported.model_dump_json()
    assert [PRIVATE] == [each.started_by for each in listed]
    assert [run.workflow_id] == [each.run for each in checks]
    assert (0, True) == (with_key[0], f"{PRIVATE} is not welcome" in with_key[1])
    assert (2, True) == (without[0], "encrypted with key 'tests', which is not in RESOLUTE_PAYLOAD_KEYS" in without[2])
    assert run.workflow_id.encode() in stored
    assert (0, 0) == (stored.count(PRIVATE.encode()), stored.count(b"hello zz"))


async def test_keys_come_and_go_while_a_run_waits(plain: Client) -> None:
    """What began without a key goes on under one, and under the next; and ends readable by whoever has them all."""
    queue = uuid4().hex
    async with worker(plain, queue):
        run = await start_run(plain, waits.plan, task_queue=queue, input_data=GIVEN, keys=KEYS)
        async with asyncio.timeout(PATIENCE):
            while not await open_gates_in(plain, key_of(run)):
                await asyncio.sleep(0.05)
    first, both = encrypting(plain, PAYLOAD_KEY), encrypting(plain, NEW_KEY, PAYLOAD_KEY)
    async with worker(first, queue):
        later = await start_run(first, waits.plan, task_queue=queue, input_data=GIVEN, keys=KEYS)
        await approve(first, run)
        await RunHandle(first.get_workflow_handle(run.workflow_id), waits.name).result()
        async with asyncio.timeout(PATIENCE):
            while not await open_gates_in(first, key_of(later)):
                await asyncio.sleep(0.05)
    async with worker(both, queue):
        await approve(both, later)
        await RunHandle(both.get_workflow_handle(later.workflow_id), waits.name).result()
    ended = [await describe_run(both, each.workflow_id) for each in (run, later)]

    assert ["completed", "completed"] == [each.summary.status for each in ended]
    with pytest.raises(UnreadablePayloadError, match="key 'newer', which is not in RESOLUTE_PAYLOAD_KEYS"):
        await describe_run(first, later.workflow_id)


async def test_a_worker_without_the_key_leaves_a_run_as_it_is(plain: Client) -> None:
    """It fails the task, not the run: nothing is lost, and a worker with the key goes on."""
    client, queue = encrypting(plain, PAYLOAD_KEY), uuid4().hex
    argument = start_argument(inner.plan, GIVEN, keys=KEYS)
    short = timedelta(seconds=2)  # how long Temporal waits until it gives a task that failed to another worker
    started = await client.start_workflow(
        inner.name, argument, id=f"private-inner/{queue}", task_queue=queue, task_timeout=short
    )
    run = RunHandle(started, inner.name)
    async with worker(plain, queue), asyncio.timeout(PATIENCE):
        while True:
            events = (await plain.get_workflow_handle(run.workflow_id).fetch_history()).events
            failed = [each for each in events if each.HasField("workflow_task_failed_event_attributes")]
            if failed:
                break
            await asyncio.sleep(0.05)
    async with worker(client, queue):
        result = await run.result()

    assert "encrypted with key 'tests'" in failed[0].workflow_task_failed_event_attributes.failure.message
    assert f"hello {PRIVATE}" == result


async def test_schedules_are_written_anew_with_the_key_that_encrypts_now(plain: Client) -> None:
    """A deployment with other keys changes nothing but that, and says so; the next one changes nothing."""
    name, release = (
        f"private-{uuid4().hex[:8]}",
        Release(task_queue="private", worker_set="", released=datetime.now(UTC), by=None),
    )
    trigger = every(timedelta(days=1), paused=True)
    made = flow(name).triggered_by(trigger).then(greet(PRIVATE)).build()
    scheduled = next(each for each in made.plan.triggers if isinstance(each, Schedule))
    argument = start_argument(made.plan, None, keys=KEYS)
    deployed = [ScheduledFlow(name=name, schedule=scheduled, start_argument=argument)]
    said: list[tuple[str, tuple[str, ...]]] = []
    for client in (plain, encrypting(plain, PAYLOAD_KEY), encrypting(plain, NEW_KEY, PAYLOAD_KEY)):
        for _ in range(2):
            (change,) = await deploy_schedules(client, deployed, release)
            said.append((change.action, change.differs))
    described = await plain.get_schedule_handle(f"resolute:{name}").describe()

    assert [
        ("created", ()),
        ("unchanged", ()),
        ("updated", ("encryption: key none -> tests",)),
        ("unchanged", ()),
        ("updated", ("encryption: key tests -> newer",)),
        ("unchanged", ()),
    ] == said
    assert PRIVATE.encode() not in described.raw_description.SerializeToString()
    assert name in json.dumps(described.raw_description.schedule.action.start_workflow.workflow_id)
