"""The watcher, on a real server: schedules that start nothing, runs that nobody takes up, and the sign of life."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr
from temporalio.client import Client

from resolute import Flow, TerminalError, every, flow, heartbeat, node, unverified
from resolute.execution.secrets import Environment
from resolute.plan.triggers import Schedule, schedule
from resolute.temporal.schedules.control import delete_schedule, pause_schedule, unpause_schedule
from resolute_pagerduty import PagerDuty
from resolute_pagerduty.simulator import Simulator
from resolute_pagerduty.simulator.world import WORLD
from resolute_worker.deploying import Load
from resolute_worker.embedded import EmbeddedServer
from resolute_worker.process import Running, running
from resolute_worker.settings import Settings
from resolute_worker.watch.beats import BeatsWatch
from resolute_worker.watch.findings import latest_due
from resolute_worker.watch.telling import Heartbeat, PagerDutyPager
from resolute_worker.watch.watcher import Watcher
from tests.patience import PATIENCE
from tests.providers.pagerduty.harness import config_for

QUICKLY: dict[str, Any] = {"every": timedelta(seconds=0.3), "margin": timedelta(seconds=2)}


@node(effect="pure")
async def well() -> str:
    return "ok"


@node(effect="pure")
async def ill() -> str:
    raise TerminalError("the service is gone")


def beating(step: Any) -> Flow:
    return flow(f"watched-{uuid4().hex[:6]}").triggered_by(every(timedelta(seconds=1))).then(step).build()


@contextlib.asynccontextmanager
async def at_work(client: Client, *flows: Flow, queue: str = "watched") -> AsyncGenerator[Running]:
    load = Load(flows=flows, released=datetime(2026, 1, 1, tzinfo=UTC))
    settings = Settings(task_queue=queue, http_port=0, shutdown_seconds=1, watch=False)
    of_its_own = await Client.connect(client.service_client.config.target_host)
    async with running(load, settings=settings, environment=Environment({}), client=of_its_own) as worker:
        yield worker


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[Client]:
    """A server without anybody else's schedules."""
    async with EmbeddedServer(tmp_path / "temporal", port=0) as server:
        yield await Client.connect(server.address)


async def found(watcher: Watcher, *kinds: str) -> None:
    """Looks until exactly that is wrong."""
    async with asyncio.timeout(PATIENCE):
        while True:
            await watcher.look()
            if sorted(kinds) == sorted(finding.kind for finding in watcher.open):
                return
            await asyncio.sleep(0.2)


async def test_a_schedule_that_starts_nothing_is_noticed(own: Client, caplog: pytest.LogCaptureFixture) -> None:
    """Paused, deleted behind the worker's back, and failing three times in a row: each is said once, and its end."""
    caplog.set_level(logging.INFO, "resolute_worker.watch.watcher")
    good, bad = beating(well()), beating(ill())
    # A busy machine starts runs late, which is another finding.
    watcher = Watcher(own, lambda: [good.name, bad.name], every=QUICKLY["every"], margin=timedelta(seconds=PATIENCE))
    async with at_work(own, good, bad):
        await found(watcher, "failing")
        await pause_schedule(own, good.name, "maintenance")
        await found(watcher, "failing", "paused")
        await unpause_schedule(own, good.name, "over")
        await found(watcher, "failing")
        await delete_schedule(own, good.name)
        await found(watcher, "failing", "deleted")

    assert [
        f"the last 3 runs of {bad.name} have failed",
        f"the schedule of {good.name} is paused: maintenance",
        f"over: the schedule of {good.name} is paused: maintenance",
        f"the schedule of {good.name} is gone from Temporal: resolute deploy creates it again",
    ] == [record.getMessage() for record in caplog.records if record.name == "resolute_worker.watch.watcher"]


async def test_heartbeats_are_watched(own: Client) -> None:
    """One that is gone, one whose run does not start because no worker is there, and one whose run has failed."""
    trigger = heartbeat("/beat", every=timedelta(seconds=1), grace=timedelta(), verify=unverified())
    bad = flow(f"beaten-{uuid4().hex[:6]}").triggered_by(trigger).then(ill()).build()
    watcher = Watcher(own, list, beats=BeatsWatch(own, lambda: [(bad.name, "/beat")], timedelta(seconds=1)), **QUICKLY)
    await found(watcher, "deleted")
    async with at_work(own, bad) as worker, httpx.AsyncClient(timeout=PATIENCE) as http:
        await found(watcher)
        (await http.get(f"{worker.http.url}/beat")).raise_for_status()
    await found(watcher, "missed")
    async with at_work(own, bad):
        await found(watcher, "failing")


async def test_a_worker_that_stops_is_noticed(own: Client) -> None:
    """Its schedule goes on starting runs that nobody takes up: another worker says so, and pages once for it."""
    tested = beating(well())
    async with Simulator.serve() as sim, PagerDuty(config_for(sim)) as accounts:
        pager = PagerDutyPager(accounts, SecretStr(WORLD.routing_key), "default")
        watcher = Watcher(own, list, pager=pager, **QUICKLY)
        async with at_work(own, tested):
            pass
        watching = asyncio.create_task(watcher.watch())
        await _until(lambda: "stopped" in [finding.kind for finding in watcher.open])
        await _until(lambda: paged(sim) == ["triggered"])
        async with at_work(own, tested):
            await _until(lambda: paged(sim) == ["resolved"])
        watching.cancel()

        assert ["resolved"] == paged(sim)


def paged(sim: Simulator) -> list[str]:
    """What has become of the pages for a worker that is gone; a busy machine may be paged for as well."""
    return [each.status for each in sim.incidents() if "no worker takes up run watched-" in each.title]


async def test_the_sign_of_life_falls_silent_with_temporal(tmp_path: Path) -> None:
    """What listens outside is asked for while the worker sees Temporal, and no longer when Temporal has stopped."""
    beats = asyncio.Event()
    count = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        beats.set()
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    listener = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/beat"
    async with listener:
        async with EmbeddedServer(tmp_path / "temporal", port=0) as server:
            client = await Client.connect(server.address)
            watcher = Watcher(client, list, beat=Heartbeat(SecretStr(url)), **QUICKLY)
            watching = asyncio.create_task(watcher.watch())
            async with asyncio.timeout(PATIENCE):
                await beats.wait()
        heard = count
        await asyncio.sleep(5 * QUICKLY["every"].total_seconds())
        watching.cancel()

    assert heard >= 1
    assert count - heard <= 1  # one may have been on its way when the server stopped


def test_the_latest_time_of_a_schedule_is_known() -> None:
    """Whether its times are seconds or months apart."""
    noon = datetime(2026, 3, 2, 12, 0, 30, tzinfo=UTC)
    times = {"* * * * *": (2, 12, 0), "0 9 * * mon": (2, 9, 0), "0 9 1 * *": (1, 9, 0)}
    for cron, (day, hour, minute) in times.items():
        trigger = schedule(cron).trigger
        assert isinstance(trigger, Schedule)
        assert datetime(2026, 3, day, hour, minute, tzinfo=UTC) == latest_due(trigger, noon)


async def _until(holds: Any) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0.1)
