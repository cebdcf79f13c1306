"""A run whose history is slow to come is shown at once as far as it is known, and completed by itself."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from playwright.async_api import Browser, expect
from temporalio.client import Client

from resolute import flow, manual, node
from resolute.execution.executor import NodeExecutor
from resolute.execution.secrets import Environment
from resolute.plan.errors import NodeFailedError, TerminalError
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import RunHandle, start_run
from resolute.temporal.history.histories import Histories
from resolute.temporal.history.runs import describe_run
from resolute.temporal.wire.finding import RunKey
from resolute.temporal.worker import temporal_worker
from resolute_worker.board.app import board_app
from resolute_worker.board.board import Board
from resolute_worker.board.reads import Reads
from resolute_worker.boarding import BOARD, Boarding
from resolute_worker.serving.server import HttpServer
from resolute_worker.settings import Settings
from tests.board.chromium import screen
from tests.board.slow import Slowly
from tests.keys import KEYS
from tests.patience import PATIENCE


@node
async def say(word: str) -> str:
    """Says it."""
    return word


class BrokenError(TerminalError):
    """It is broken."""


@node
async def breaks(word: str) -> str:
    """Fails."""
    raise BrokenError(word)


WORDS = ("first", "second", "third", "fourth", "fifth")
made = flow("slow-history").triggered_by(manual("go"))
for each in WORDS:
    made = made.then(say(each).as_(each))
FAILING = made.then(breaks("the disk is full").as_("last")).build()


@pytest.fixture(scope="module", params=["one history", "continued"])
async def run(request: pytest.FixtureRequest, temporal_client: Client) -> RunHandle:
    """A run that has failed at its last step, in one history or in several."""
    queue = uuid.uuid4().hex
    worker = temporal_worker(
        temporal_client,
        Activities([FAILING], NodeExecutor.for_flows([FAILING], environment=Environment({})), KEYS),
        task_queue=queue,
        graceful_shutdown=timedelta(0),
        full=(lambda ended: ended >= 3) if request.param == "continued" else None,
    )
    async with worker:
        started = await start_run(temporal_client, FAILING.plan, task_queue=queue, keys=KEYS)
        with pytest.raises(NodeFailedError):
            await started.result()
    return started


@dataclass
class Site:
    """A board on a slow connection, and somebody who looks at it."""

    slowly: Slowly
    http: httpx.AsyncClient
    address: str

    async def answered(self, page: str) -> str:
        """A page that is there, however slowly Temporal sends histories."""
        async with asyncio.timeout(PATIENCE):
            answer = await self.http.get(page)
        assert 200 == answer.status_code, answer.text
        return answer.text

    async def begun(self, page: str) -> str:
        """The page as soon as it shows what can be known while the rest of the history does not come."""
        async with asyncio.timeout(PATIENCE):
            while True:
                text = await self.answered(page)
                if "s-completed" in text and "the disk is full" in text:
                    return text
                await asyncio.sleep(0.02)

    @asynccontextmanager
    async def events(self, page: str, last: str) -> AsyncGenerator[AsyncIterator[str]]:
        """The lines that an open page is sent."""
        async with self.http.stream("GET", f"live?at={quote(page, safe='')}&last={last}") as answer:
            lines = answer.aiter_lines()
            await anext(lines)
            yield lines


@pytest.fixture
async def site(temporal_client: Client, tmp_path: Path) -> AsyncIterator[Site]:
    """A board that does not look by itself, so that it reads only what it is asked for."""
    slowly = Slowly(pages=1, events=5)
    client = slowly.client(temporal_client)
    board = Board(client, KEYS, Settings(state_dir=tmp_path), Environment({}), Boarding(is_open=True))
    async with (
        HttpServer(board_app(board), "127.0.0.1", 0) as server,
        httpx.AsyncClient(base_url=f"{server.url}{BOARD}", timeout=PATIENCE) as http,
    ):
        yield Site(slowly, http, f"{server.url}{BOARD}")
        slowly.going_on.set()
        board.closing.set()
        board.reads.close()


def page_of(run: RunHandle) -> str:
    """Where the board shows a run."""
    return f"run?id={quote(run.workflow_id)}"


def version_in(page: str) -> str:
    """The version of a page."""
    return page.partition('data-version="')[2].partition('"')[0]


async def whole(lines: AsyncIterator[str]) -> str:
    """The events of a page up to the one that shows all of it; every page before says that it does not."""
    async with asyncio.timeout(PATIENCE):
        text = ""
        async for line in lines:
            text += line
            if not line and "event: page" in text:
                if "is still being read" not in text:
                    return text
                text = ""
    raise AssertionError("the board closed the stream")


async def test_what_is_known_is_shown_at_once(site: Site, run: RunHandle) -> None:
    """While the rest of a history does not come, a page says so, with the plan, why the run failed, and what was read.

    It completes by itself for all who have it open, and asks Temporal for the history once.
    """
    page = page_of(run)
    shown = await site.begun(page)
    described = await site.answered(f"{page}&step=last")

    assert "The history of this run is still being read" in shown
    assert "events so far" in shown
    assert '<noscript><meta http-equiv="refresh"' in shown
    assert "state s-unread" in shown
    assert "state s-running" not in shown
    assert "state s-pending" not in shown
    assert all(f"step={word}" in shown for word in (*WORDS, "last"))
    assert "the disk is full" in shown
    assert "What became of last has not been read yet" in described

    last = version_in(shown)
    async with site.events(page, last) as one, site.events(page, last) as other:
        site.slowly.going_on.set()
        pages = [await whole(one), await whole(other)]
    again = await site.answered(page)

    assert pages[0] == pages[1]
    for text in (pages[0], again):
        assert len(WORDS) == text.count('<div class="step completed')
        assert "s-unread" not in text
        assert "the disk is full" in text
    assert len(set(site.slowly.begun)) == len(site.slowly.begun)


async def test_what_nobody_waits_for_is_not_read(temporal_client: Client, run: RunHandle) -> None:
    """A history that nobody wants any more is not read to its end; who comes later goes on where that was."""
    slowly = Slowly(pages=1, events=5)
    client = slowly.client(temporal_client)
    reads, key = Reads(client, Histories(client), linger=0), RunKey(run.workflow_id, "")
    waits = asyncio.create_task(reads.staged(key))
    async with asyncio.timeout(PATIENCE):
        await slowly.waiting.wait()
        while (early := await reads.staged(key, 0)).found.report is None:
            await asyncio.sleep(0.02)
        assert not slowly.given_up.is_set()
        waits.cancel()
        await slowly.given_up.wait()
        slowly.going_on.set()
        late = await reads.staged(key)
    expected = (await describe_run(temporal_client, run.workflow_id)).report

    assert early.progress is not None
    assert early.version != late.version
    assert None is late.progress
    assert expected == late.found.report


async def test_a_page_completes_in_a_browser(site: Site, run: RunHandle, browser: Browser) -> None:
    """A page says that it is not whole, and becomes so without a reload; without JavaScript it loads itself again."""
    async with screen(browser, site.address) as ada, screen(browser, site.address, script=False) as bob:
        for person in (ada, bob):
            await person.go(page_of(run))
            await expect(person.at("main")).to_contain_text("is still being read")
            await expect(person.at("main")).to_contain_text("the disk is full")
        await expect(bob.page.get_by_role("link", name="look again")).to_be_visible()
        await ada.mark()
        site.slowly.going_on.set()
        for person in (ada, bob):
            await expect(person.at("main")).not_to_contain_text("is still being read")
            await expect(person.at("#s-fifth > .completed")).to_be_visible()
        assert await ada.is_same()
