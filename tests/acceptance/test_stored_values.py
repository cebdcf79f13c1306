"""Large values in a store: Temporal refers to them, everything reads them, and nothing is removed that is used."""

import asyncio
import os
import socket
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import BaseModel
from temporalio.client import Client
from temporalio.worker import Worker

from resolute import Flow, every, flow, input_data, manual, node
from resolute.execution.executor import NodeExecutor
from resolute.execution.secrets import Environment
from resolute.plan.triggers import Schedule
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import RunHandle, start_run
from resolute.temporal.history.runs import describe_run
from resolute.temporal.schedules.change import Release
from resolute.temporal.schedules.control import delete_schedule, list_schedules
from resolute.temporal.schedules.schedules import deploy_schedules
from resolute.temporal.schedules.spec import ScheduledFlow
from resolute.temporal.values.ciphers import UnreadablePayloadError
from resolute.temporal.values.folder import FolderStore
from resolute.temporal.values.stored import StoredValues
from resolute.temporal.wire.start import start_argument
from resolute.temporal.worker import temporal_worker
from resolute_worker.codec_app import PageCodec
from resolute_worker.storing import check_store, clean_store
from tests.buckets import Buckets, Place, bucket_server
from tests.keys import KEYS, PAYLOAD_KEY, encrypting
from tests.patience import PATIENCE
from tests.worker.processes import resolute

PRIVATE = "zz-private-zz"
LARGE = PRIVATE * 10_000


class Word(BaseModel):
    """What a run is given."""

    word: str


@node
async def double(word: str) -> str:
    return word + word


@node
async def length(word: str) -> int:
    return len(word)


doubled = double(input_data(Word).word).as_("doubled")
large = (
    flow("stored-large")
    .triggered_by(manual("go", input=Word))
    .then(doubled)
    .then(length(doubled.output).lane("local").as_("length"))
    .returns(doubled.output)
    .build()
)
FLOWS: list[Flow] = [large]


def worker(client: Client, queue: str) -> Worker:
    """A worker that forgets each run between two tasks."""
    activities = Activities(FLOWS, NodeExecutor.for_flows(FLOWS, environment=Environment({})), KEYS)
    return temporal_worker(client, activities, task_queue=queue, graceful_shutdown=timedelta(0), max_cached_workflows=0)


@pytest.fixture(scope="module")
def buckets() -> Generator[Buckets]:
    with bucket_server() as found:
        yield found


def files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


@pytest.mark.parametrize("kind", ["folder", "bucket"])
async def test_temporal_holds_references(
    temporal_client: Client, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch, buckets: Buckets
) -> None:
    """Input, arguments, outputs and results are in the store, encrypted, and are read by whoever has it."""
    buckets.enter(monkeypatch)
    name, queue = buckets.new(), uuid4().hex
    store = str(tmp_path / "store") if kind == "folder" else f"s3://{name}/values"
    client = encrypting(temporal_client, PAYLOAD_KEY, store=store)
    async with worker(client, queue):
        run = await start_run(client, large.plan, task_queue=queue, input_data={"word": LARGE}, keys=KEYS)
        result = await run.result()
    history = await client.get_workflow_handle(run.workflow_id).fetch_history()
    described = await describe_run(client, run.workflow_id)
    place = {"TEMPORAL_ADDRESS": temporal_client.service_client.config.target_host}
    keys = {"RESOLUTE_PAYLOAD_KEYS": PAYLOAD_KEY, **buckets.variables}
    shown = await resolute("show", run.workflow_id, folder=tmp_path, RESOLUTE_PAYLOAD_STORE=store, **keys, **place)
    without = await resolute("show", run.workflow_id, folder=tmp_path, **keys, **place)

    page = PageCodec(client.data_converter)
    argument = history.events[0].workflow_execution_started_event_attributes.input.payloads
    (on_page,) = await page.decode(argument)

    assert PRIVATE.encode() in on_page.data
    assert LARGE + LARGE == result
    assert described.report is not None
    assert LARGE + LARGE == described.report.steps[0].output
    assert 20_000 > sum(event.ByteSize() for event in history.events)
    kept = [file.read_bytes() for file in files(tmp_path / "store")] if kind == "folder" else buckets.contents(name)
    assert kept
    assert not [value for value in kept if PRIVATE.encode() in value]
    assert (0, 2) == (shown[0], without[0]), shown[2]
    assert "RESOLUTE_PAYLOAD_STORE is not set" in without[2]


async def test_a_store_that_does_not_answer_does_not_keep_a_worker_from_starting(
    temporal_client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says so: runs with small values need no store."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        Place(f"http://127.0.0.1:{nobody.getsockname()[1]}").enter(monkeypatch)
        await check_store(encrypting(temporal_client, store="s3://values"))

    assert "until then runs with large values wait" in caplog.text


async def test_a_run_waits_for_a_value_that_is_gone(temporal_client: Client, tmp_path: Path) -> None:
    """A store that is away fails the task, which says so, and not the run; the run goes on when it is back."""
    store, away, queue = tmp_path / "store", tmp_path / "away", uuid4().hex
    client = encrypting(temporal_client, store=store)
    started = await client.start_workflow(
        large.name,
        start_argument(large.plan, {"word": LARGE}, keys=KEYS),
        id=f"stored/{queue}",
        task_queue=queue,
        task_timeout=timedelta(seconds=2),
    )
    store.rename(away)
    async with worker(client, queue), asyncio.timeout(PATIENCE):
        while True:
            events = (await client.get_workflow_handle(started.id).fetch_history()).events
            if failed := [each for each in events if each.HasField("workflow_task_failed_event_attributes")]:
                break
            await asyncio.sleep(0.05)
        with pytest.raises(UnreadablePayloadError, match="is not in RESOLUTE_PAYLOAD_STORE"):
            await describe_run(client, started.id)
        away.rename(store)
        result = await RunHandle(started, large.name).result()

    assert "is not in RESOLUTE_PAYLOAD_STORE" in failed[0].workflow_task_failed_event_attributes.failure.message
    assert LARGE + LARGE == result


async def test_what_nothing_refers_to_is_removed(temporal_client: Client, tmp_path: Path) -> None:
    """What is older than all that Temporal keeps; never what a schedule starts its runs with."""
    client, name = encrypting(temporal_client, store=tmp_path), f"stored-{uuid4().hex[:8]}"
    unpackable = "".join(sha256(bytes([number % 256, number // 256])).hexdigest() for number in range(3000))
    made = flow(name).triggered_by(every(timedelta(days=1), paused=True)).then(length(unpackable)).build()
    trigger = next(each for each in made.plan.triggers if isinstance(each, Schedule))
    deployed = ScheduledFlow(name=name, schedule=trigger, start_argument=start_argument(made.plan, None, keys=KEYS))
    release = Release(task_queue=name, worker_set="", released=datetime.now(UTC), by=None)
    await deploy_schedules(client, [deployed], release)
    async with asyncio.timeout(PATIENCE):
        while name not in [each.flow for each in await list_schedules(client)]:
            await asyncio.sleep(0.05)  # the list is told of a schedule a moment after it was made
    (needed,) = files(tmp_path)
    old, fresh = (needed.with_name(each) for each in ("old", "fresh"))
    old.touch()
    fresh.touch()
    for each in (needed, old):
        os.utime(each, (1000, 1000))
    removed = await clean_store(client, StoredValues(FolderStore(tmp_path)))
    await delete_schedule(client, name)

    assert (1, {needed, fresh}) == (removed, set(files(tmp_path)))
