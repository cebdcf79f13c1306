"""Pages are told when what they show has changed: once each, by one look at Temporal for all."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import quote

import httpx
import pytest
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.common import RawValue
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from resolute.temporal.client.client import RunHandle
from resolute.temporal.wire.finding import RunKey
from resolute_worker.board import live
from resolute_worker.board.app import board_app
from resolute_worker.board.assets import VENDORED, assets
from resolute_worker.serving.server import HttpServer
from resolute_worker.switching import put_brake_on, release_brake
from tests.board.flows import GREETING, SLEEPING
from tests.board.site import Site
from tests.keys import KEYS
from tests.patience import PATIENCE


class Stream:
    """The events of one page, as a browser gets them."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()

    async def line(self, begins: str) -> str:
        """The next line that begins so."""
        async with asyncio.timeout(PATIENCE):
            async for line in self._lines:
                if line.startswith(begins):
                    return line.removeprefix(begins).strip()
        return ""

    async def until(self, text: str) -> str:
        """The next event that holds a text."""
        async with asyncio.timeout(PATIENCE):
            event = ""
            async for line in self._lines:
                event += line.removeprefix("data: ")
                if not line:
                    if text in event:
                        return event
                    event = ""
        return ""

    async def version(self) -> str:
        """What the next event says."""
        return await self.line("id:")


class Server:
    """The board over HTTP, and somebody who has logged in."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    @asynccontextmanager
    async def stream(self, query: str, **headers: str) -> AsyncGenerator[Stream]:
        """An open page."""
        async with self.http.stream("GET", f"live?{query}", headers=headers) as response:
            assert "text/event-stream; charset=utf-8" == response.headers["content-type"]
            yield Stream(response)


@pytest.fixture
async def server(site: Site) -> AsyncIterator[Server]:
    """The board on a port of its own."""
    async with HttpServer(board_app(site.board), "127.0.0.1", 0) as served:
        base = f"{served.url}/board/"
        async with site.browser("bob") as bob:
            cookie = next(iter(bob.http.cookies.jar)).value
        headers = {"Cookie": f"resolute_board={cookie}"}
        async with httpx.AsyncClient(base_url=base, headers=headers, timeout=PATIENCE) as http:
            yield Server(http)


def of_run(run: RunHandle, last: str = "") -> str:
    """What the page of a run asks for."""
    return f"at={quote(f'run?id={quote(run.workflow_id)}')}&last={last}"


async def nobody_watches(site: Site) -> None:
    """Waits until no run is watched: a server learns a moment later that a browser is gone."""
    async with asyncio.timeout(PATIENCE):
        while site.board.watches.followed:
            await asyncio.sleep(0.02)


async def test_a_run_tells_of_each_change(site: Site, server: Server) -> None:
    """A watched run tells of its steps; who has seen the latest version is told nothing until the next one."""
    run = await site.start(SLEEPING)
    await site.at(run, "nap", "running")

    async with server.stream(of_run(run)) as first:
        known = await first.version()
        async with server.stream(of_run(run), **{"Last-Event-ID": known}) as again:
            await run.handle.cancel()
            following = await again.version()
        assert await first.version()

    assert known != following
    await nobody_watches(site)


async def test_nothing_is_added_to_a_history(site: Site, server: Server) -> None:
    """A run that is watched has the history that it would have had."""
    run = await site.start(SLEEPING)
    async for event in run.handle.fetch_history_events(wait_new_event=True):
        if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED:
            break
    before = len((await run.handle.fetch_history()).events)

    async with server.stream(of_run(run)) as stream:
        await stream.version()
        await server.http.get(f"run?id={run.workflow_id}")
    after = len((await run.handle.fetch_history()).events)
    await run.handle.cancel()

    assert before == after


async def test_all_watch_by_one_look(site: Site, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many pages are open, Temporal is looked at once for all of them, and a run is followed once."""
    await nobody_watches(site)
    run = await site.start(SLEEPING)
    tasks: set[int] = set()
    async with server.stream(of_run(run)) as first:
        await first.version()
        streams = [server.stream(of_run(run)) for _ in range(10)]
        for stream in streams:
            await (await stream.__aenter__()).version()
        followed = site.board.watches.followed
        tasks |= {id(task) for task in asyncio.all_tasks() if task.get_name() == "board run"}
        for stream in streams:
            await stream.__aexit__(None, None, None)
    await run.handle.cancel()

    assert [RunKey(run.workflow_id, "")] == [*followed]
    assert 1 == len(tasks)


async def test_the_first_page_tells_of_changes(site: Site, server: Server) -> None:
    """Now tells of a run that has begun, and says by comments that the connection stands."""
    async with server.stream("at=") as stream:
        before = await stream.version()
        run = await site.start(SLEEPING)
        after = await stream.version()
    await run.handle.cancel()

    assert before != after


async def test_every_page_is_told_of_the_brake(site: Site, server: Server) -> None:
    """Where nothing but the brake changes, an open page is told, whatever it shows; of some pages only that is sent."""
    run = await site.start(SLEEPING)
    await site.at(run, "nap", "running")
    whole, parts = [of_run(run), "at=", "at=runs"], ["at=alarms", f"at={quote(f'ledger?flow={GREETING.name}')}"]
    said: dict[str, list[str]] = {}
    async with AsyncExitStack() as stack:
        streams = {query: await stack.enter_async_context(server.stream(query)) for query in (*whole, *parts)}
        for stream in streams.values():
            await stream.version()
        await put_brake_on(site.client, KEYS, by="olga", reason="a test of the board")
        try:
            for query, stream in streams.items():
                said[query] = [await stream.until("a test of the board")]
        finally:
            await release_brake(site.client, KEYS)
        for query, stream in streams.items():
            said[query].append(await stream.until('<div id="notices"></div>'))
    await site.end(run)

    assert {query: [query in whole] * 2 for query in said} == {
        query: ["<h1>" in text for text in texts] for query, texts in said.items()
    }


@workflow.defn(name="of-others")
class OfOthers:
    """A workflow that somebody has written by hand: a timer without a summary, and a result of no known encoding."""

    @workflow.run
    async def run(self) -> RawValue:
        """Sleeps, and returns what nobody here can read."""
        await workflow.sleep(0.01)
        return RawValue(Payload(metadata={"encoding": b"somebody/else"}, data=b"?"))


async def test_workflows_of_others_are_no_obstacle(site: Site, server: Server) -> None:
    """What the board cannot read it shows by name and status, says so once, and goes on looking."""
    queue = uuid.uuid4().hex
    async with server.stream("at=") as stream:
        await stream.version()
        async with Worker(
            site.client, task_queue=queue, workflows=[OfOthers], workflow_runner=UnsandboxedWorkflowRunner()
        ):
            await site.client.execute_workflow("of-others", id=queue, task_queue=queue, result_type=RawValue)
        await stream.version()
        run = await site.start(SLEEPING)
        assert await stream.version()
    await run.handle.cancel()
    async with site.browser("bob") as bob:
        await bob.until("runs", queue)


async def test_a_quiet_stream_says_that_it_stands(site: Site, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing changes, a comment comes instead, before a proxy gives the connection up."""
    assert live.QUIET == 15.0
    monkeypatch.setattr(live, "QUIET", 0.05)
    run = await site.start(GREETING, {"names": []})
    await run.result()

    async with server.stream(of_run(run)) as stream:
        await stream.version()
        assert "still here" == await stream.line(":")


async def test_streams_end_with_the_board(site: Site, server: Server) -> None:
    """A board that is closed lets every page go at once, which then connects again by itself."""
    async with server.stream("at=") as stream:
        await stream.version()
        site.board.closing.set()
        assert not await stream.line("id: nothing")
    site.board.closing.clear()

    async with server.stream("at=") as stream:
        assert await stream.version()


def test_what_is_vendored_is_what_was_published() -> None:
    """A library of others is the file that its authors published, with its licence, and all scripts stay small."""
    import gzip

    known = assets()

    assert VENDORED == {name: known[name].digest for name in VENDORED}
    assert {name.replace(".min.js", ".LICENSE.txt") for name in VENDORED} <= set(known)
    sent = sum(len(gzip.compress(each.content)) for each in known.values() if not each.name.endswith(".txt"))
    assert sent < 30_000, sent
