"""Runs that stay with the build of the worker that began them, on the embedded server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from temporalio.api.workflowservice.v1 import DescribeWorkerDeploymentRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from resolute import NodeError, Retry, flow, heartbeat, manual, node, unverified
from resolute.execution.code import Code
from resolute.execution.executor import NodeExecutor
from resolute.plan.errors import ConfigurationError
from resolute.temporal.client.beating import find_heartbeat
from resolute.temporal.client.client import start_run
from resolute.temporal.history.open_runs import CheckedRun, check_open_runs
from resolute.temporal.history.runs import is_polled, list_runs
from resolute.temporal.versions import Build, make_current
from resolute.writing.flow import Flow
from resolute_worker.deploying import Load
from resolute_worker.embedded import NAMESPACE, EmbeddedServer
from resolute_worker.process import running
from resolute_worker.settings import Settings
from resolute_worker.versioning import build_of
from tests.keys import KEYS
from tests.patience import PATIENCE

QUEUE = "pinned"
RELEASED = datetime(2026, 3, 1, tzinfo=UTC)
OPEN = asyncio.Event()


def code(build: str) -> Flow:
    """The same flow with the nodes of a build: each says which build it is of."""

    @node(name="which")
    async def which() -> str:
        return build

    @node(name="wait_until_open", retry=Retry(attempts=0, initial=0.1, maximum=0.1))
    async def wait_until_open() -> str:
        if not OPEN.is_set():
            raise NodeError("the gate is shut")
        return build

    return (
        flow("journey")
        .triggered_by(manual("go"))
        .then(which().as_("first"))
        .then(wait_until_open().as_("gate"))
        .then(which().as_("last"))
        .build()
    )


def settings(build: str) -> Settings:
    """The settings of a worker whose runs are pinned to a build."""
    return Settings(
        task_queue=QUEUE,
        versioning="pinned",
        build_id=build,
        http_port=0,
        plan_keys=KEYS.keys,
        shutdown_seconds=1,
    )


def load(build: str, released: datetime) -> Load:
    """What a worker of a build runs."""
    return Load(flows=[code(build)], released=released)


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    """A client of an embedded server."""
    async with EmbeddedServer(tmp_path / "state", 0) as server:
        yield await Client.connect(server.address, namespace=NAMESPACE)


async def test_a_run_goes_on_with_its_build_while_another_is_current(client: Client) -> None:
    """A run begun on build a ends there while b has the new runs, which an older worker does not take back.

    Code that does not have its nodes does not break it either: its build has them.
    """
    OPEN.clear()
    later = RELEASED + timedelta(hours=1)
    async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE):
        await stack.enter_async_context(running(load("a", RELEASED), settings=settings("a"), client=client))
        old = await start_run(client, code("a").plan, task_queue=QUEUE, keys=KEYS)
        while (await old.handle.describe()).raw_description.pending_activities == []:
            await asyncio.sleep(0.1)
        await stack.enter_async_context(running(load("b", later), settings=settings("b"), client=client))
        new = await start_run(client, code("b").plan, task_queue=QUEUE, keys=KEYS)
        current = await make_current(client, Build(deployment=QUEUE, id="a", released=RELEASED), [QUEUE])
        polled = await is_polled(client, QUEUE)
        while len([run for run in await check(client) if run.pinned]) < 2:
            await asyncio.sleep(0.1)  # the list is told a moment later that a run has begun, and with which build
        checked = await check(client)
        OPEN.set()
        results = [await old.result(), await new.result()]

    assert [{"first": each, "gate": each, "last": each} for each in ("a", "b")] == results
    assert ("b", True) == (current, polled)
    assert [(True, ())] * 2 == [(run.pinned, run.findings) for run in checked]


async def check(client: Client) -> list[CheckedRun]:
    """The open runs, held against code that has no nodes."""
    return await check_open_runs(client, Code(NodeExecutor([])), task_queue=QUEUE)


def beaten(build: str, every: timedelta) -> Flow:
    """A flow with a heartbeat, and the node of a build."""

    @node(name="which")
    async def which() -> str:
        return build

    trigger = heartbeat("/beat", every=every, grace=timedelta(0), verify=unverified())
    return flow("beaten").triggered_by(trigger).then(which().as_("first")).build()


async def test_a_heartbeat_moves_on_to_the_newest_build(client: Client) -> None:
    """What one build has heard the next one knows, and the run for a missed beat begins with it, though both are up."""
    later = RELEASED + timedelta(hours=1)
    before, after = beaten("a", timedelta(hours=1)), beaten("b", timedelta(seconds=1))
    async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE):
        old = Load(flows=[before], released=RELEASED)
        first = await stack.enter_async_context(running(old, settings=settings("a"), client=client))
        async with httpx.AsyncClient(timeout=PATIENCE) as http:
            heard = await http.get(f"{first.http.url}/beat")
        new = Load(flows=[after], released=later)
        await stack.enter_async_context(running(new, settings=settings("b"), client=client))
        while not (runs := [run for run in await list_runs(client, flows=["beaten"]) if run.status == "completed"]):
            await asyncio.sleep(0.1)
        result = await client.get_workflow_handle(runs[-1].workflow_id, run_id=runs[-1].run_id).result()
        known = await find_heartbeat(client, "beaten", "/beat")

    assert (200, {"first": "b"}) == (heard.status_code, result)
    assert known is not None
    assert known.last_beat is not None


async def test_a_controller_decides_which_build_new_runs_begin_with(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker takes the names that its pod was given, and leaves it to the controller which build is current."""
    monkeypatch.setenv("TEMPORAL_DEPLOYMENT_NAME", "resolute/worker")
    monkeypatch.setenv("TEMPORAL_WORKER_BUILD_ID", "v2-ddb6")
    given = settings("a").model_copy(update={"versioning": "controller", "build_id": None})
    build = build_of(given, load("a", RELEASED))

    async with running(load("a", RELEASED), settings=given, client=client), asyncio.timeout(PATIENCE):
        while not ((found := await _deployment(client, "resolute/worker")) and found[0]):
            await asyncio.sleep(0.1)

    assert build == Build(deployment="resolute/worker", id="v2-ddb6", released=RELEASED)
    assert (["v2-ddb6"], "") == found


async def _deployment(client: Client, name: str) -> tuple[list[str], str] | None:
    """The builds of a deployment that the server has seen, and the current one."""
    try:
        answer = await client.workflow_service.describe_worker_deployment(
            DescribeWorkerDeploymentRequest(namespace=client.namespace, deployment_name=name)
        )
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
        return None
    info = answer.worker_deployment_info
    return (
        [each.deployment_version.build_id for each in info.version_summaries],
        info.routing_config.current_deployment_version.build_id,
    )


def test_a_build_of_a_controller_is_named_by_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside its pods, or with a name of one's own, the error says what to do."""
    monkeypatch.delenv("TEMPORAL_WORKER_BUILD_ID", raising=False)
    with pytest.raises(ConfigurationError, match="sets in the pods of a WorkerDeployment"):
        build_of(Settings(versioning="controller"), load("a", RELEASED))
    with pytest.raises(ConfigurationError, match="unset RESOLUTE_BUILD_ID"):
        build_of(Settings(versioning="controller", build_id="a"), load("a", RELEASED))


def test_the_name_of_a_build_is_that_of_its_release() -> None:
    """Without a name it is the time of the release, the same wherever the worker starts; unpinned there is none."""
    pinned, unpinned = Settings(task_queue=QUEUE, versioning="pinned"), Settings(task_queue=QUEUE)
    build = build_of(pinned, load("a", RELEASED))

    assert build == Build(deployment=QUEUE, id="20260301T000000Z", released=RELEASED)
    assert build_of(unpinned, load("a", RELEASED)) is None
    with pytest.raises(ConfigurationError, match="set both or neither"):
        build_of(Settings(build_id="a"), load("a", RELEASED))
