"""How quickly the board shows a namespace with many runs, and a run of many steps; what more watchers cost."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import httpx
from pydantic import SecretStr
from temporalio.client import Client

from benchmarks.figures import Figure, at_most
from benchmarks.servers import tuned
from resolute import Flow, flow, manual, node, sleep
from resolute.execution.executor import NodeExecutor
from resolute.execution.secrets import Environment
from resolute.temporal.activities import Activities
from resolute.temporal.client import start_run
from resolute.temporal.seals import PlanKeys
from resolute.temporal.worker import temporal_worker
from resolute_worker.board.app import board_app
from resolute_worker.board.board import Board
from resolute_worker.boarding import Boarding
from resolute_worker.http_server import HttpServer
from resolute_worker.settings import Settings

RUNS = 10_000
STEPS = 2_000
WATCHERS = 50
TIMES = 20
WATCHED_SECONDS = 10.0
AT_ONCE = 50

KEYS = PlanKeys((SecretStr("a-key-of-the-benchmark-and-of-nothing-else"),))
QUEUE = "board-bench"


@node
def step(number: int) -> int:
    """A step that does nothing."""
    return number


@dataclass(frozen=True)
class Shown:
    """How long a page takes, in milliseconds: its first byte, and all of it."""

    first: float
    whole: float


class Browser:
    """Somebody who looks at the board."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def shown(self, page: str, times: int = TIMES) -> Shown:
        """A page that is loaded several times, and what is in the middle of them."""
        found = [await self._once(page) for _ in range(times)]
        return Shown(statistics.median(each.first for each in found), statistics.median(each.whole for each in found))

    async def _once(self, page: str) -> Shown:
        began = time.perf_counter()
        async with self.http.stream("GET", page) as answer:
            answer.raise_for_status()
            first = 0.0
            async for _ in answer.aiter_raw():
                first = first or time.perf_counter() - began
        return Shown(first * 1000, (time.perf_counter() - began) * 1000)

    @asynccontextmanager
    async def watching(self, page: str, many: int) -> AsyncGenerator[None]:
        """Open pages: each is told of what changes, and fetches it."""

        async def one(ready: asyncio.Event) -> None:
            async with self.http.stream("GET", page) as answer:
                async for line in answer.aiter_lines():
                    ready.set()
                    if line.startswith("event: changed"):
                        pass

        waiting = [asyncio.Event() for _ in range(many)]
        tasks = [asyncio.create_task(one(ready)) for ready in waiting]
        await asyncio.gather(*(ready.wait() for ready in waiting))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def measure() -> list[Figure]:
    """The figures."""
    many = flow("many-steps").triggered_by(manual("bench"))
    for number in range(STEPS):
        many = many.then(step(number).as_(f"step_{number}"))
    built = many.build()
    waits = flow("waits").triggered_by(manual("bench")).then(sleep(timedelta(hours=1)).as_("nap")).build()
    with tempfile.TemporaryDirectory(prefix="resolute-bench-") as folder:
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(tuned(Path(folder) / "tuned"))
            filled = time.perf_counter()
            await _fill(client)
            filled = time.perf_counter() - filled
            await stack.enter_async_context(_worker(client, [built, waits]))
            browser = await stack.enter_async_context(_board(client, Path(folder)))
            run = await start_run(client, built.plan, task_queue=QUEUE, keys=KEYS)
            await run.result()
            page = f"run?id={quote(run.workflow_id)}"
            cold = await browser.shown(page, 1)
            warm = await browser.shown(page)
            now, static = await browser.shown(""), await browser.shown("static/board.css")
            watched = await start_run(client, waits.plan, task_queue=QUEUE, keys=KEYS)
            live = f"live?of=run&id={quote(watched.workflow_id)}"
            one, all_of_them = await _busy(browser, live, 1), await _busy(browser, live, WATCHERS)
    return [
        Figure(f"{RUNS:,} runs are in Temporal after", f"{filled:.0f} s"),
        at_most("the first byte of Now beside them", now.first, 100, "ms"),
        at_most("Now, whole", now.whole, 200, "ms"),
        Figure("times as long as a file of the same server", f"{now.whole / static.whole:.1f}"),
        Figure(f"a run of {STEPS:,} steps, for the first time", f"{cold.whole:.0f} ms"),
        at_most("and again, while nothing has changed", warm.whole, 300, "ms"),
        at_most(f"{WATCHERS} watchers beyond one, of a core", (all_of_them - one) * 100, 5, "%", 1),
    ]


async def _fill(client: Client) -> None:
    """Runs that have ended: no worker takes them, and each is out of time after a moment."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with turns:
            await client.start_workflow(
                f"filling-{number % 20}",
                id=f"filling/{number}",
                task_queue="nobody",
                execution_timeout=timedelta(seconds=1),
            )

    await asyncio.gather(*(one(number) for number in range(RUNS)))
    while (await client.count_workflows("ExecutionStatus = 'Running'")).count:  # noqa: ASYNC110  # nothing tells
        await asyncio.sleep(0.5)


@asynccontextmanager
async def _worker(client: Client, flows: list[Flow]) -> AsyncGenerator[None]:
    executor = NodeExecutor.for_flows(flows, environment=Environment({}))
    activities = Activities(flows, executor, KEYS)
    async with temporal_worker(client, activities, task_queue=QUEUE, graceful_shutdown=timedelta(0)):
        yield


@asynccontextmanager
async def _board(client: Client, folder: Path) -> AsyncGenerator[Browser]:
    board = Board(client, KEYS, Settings(state_dir=folder, task_queue=QUEUE), Environment({}), Boarding(is_open=True))
    server = HttpServer(board_app(board), "127.0.0.1", 0)
    async with server, board.kept(), httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=200)) as http:
        http.base_url = f"{server.url}/board/"
        await http.get("")
        await asyncio.sleep(15)  # it reads what the latest runs came to, a few at a time
        yield Browser(http)


async def _busy(browser: Browser, live: str, watchers: int) -> float:
    """The part of a core that this process needs while so many watch."""
    async with browser.watching(live, watchers):
        await asyncio.sleep(1)
        began, used = time.perf_counter(), time.process_time()
        await asyncio.sleep(WATCHED_SECONDS)
        return (time.process_time() - used) / (time.perf_counter() - began)
