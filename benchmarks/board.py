"""How quickly the board shows a namespace with many runs, and a run of many steps; what more watchers cost."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from math import inf
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
from pydantic import SecretStr
from temporalio.client import Client, WorkflowFailureError

from benchmarks.figures import Figure, at_most
from benchmarks.onlooker import Onlooker, live
from benchmarks.processes import resident
from benchmarks.servers import tuned
from benchmarks.watchers import watching
from resolute import Flow, flow, manual, node, sleep
from resolute.execution.executor import NodeExecutor
from resolute.execution.secrets import Environment
from resolute.plan.errors import FlowError
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import start_run
from resolute.temporal.history.runs import describe_run
from resolute.temporal.trust.seals import PlanKeys
from resolute.temporal.worker import temporal_worker
from resolute_worker.board.app import board_app
from resolute_worker.board.board import Board
from resolute_worker.boarding import Boarding
from resolute_worker.serving.server import HttpServer
from resolute_worker.settings import Settings

RUNS = 10_000
STEPS = 2_000
BUSY_STEPS = 40
WATCHERS = 50
TIMES = 20
WATCHED_SECONDS = 10.0
RECONNECTS = 400
AT_ONCE = 50

KEYS = PlanKeys((SecretStr("a-key-of-the-benchmark-and-of-nothing-else"),))
QUEUE = "board-bench"


@node
def step(number: int) -> int:
    """A step that does nothing."""
    return number


async def measure() -> list[Figure]:
    """The figures."""
    many, busy = _many_steps(), _busy()
    with tempfile.TemporaryDirectory(prefix="resolute-bench-") as folder:
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(tuned(Path(folder) / "tuned"))
            filled = time.perf_counter()
            await _fill(client)
            filled = time.perf_counter() - filled
            await stack.enter_async_context(_worker(client, [many, busy]))
            board, looker = await stack.enter_async_context(_board(client, Path(folder)))
            run = await start_run(client, many.plan, task_queue=QUEUE, keys=KEYS)
            await run.result()
            await _read(board)
            page = f"run?id={quote(run.workflow_id)}"
            seen = await looker.completed(page)
            warm = await looker.shown(page, TIMES)
            fresh = Board(client, KEYS, board.settings, Environment({}), Boarding(is_open=True))
            fresh.pages.prepare()  # as a board does when it starts
            async with _served(fresh) as other:
                unseen = await other.completed(page)
            fresh.reads.close()
            now, static = await looker.shown("", TIMES), await looker.shown("static/board.css", TIMES)
            sent, drawn = await _changes(client, busy, looker)
            one, all_of_them = await _used(client, busy, looker, 1), await _used(client, busy, looker, WATCHERS)
            grown, tasks = await _growth(looker)
    return [
        Figure(f"{RUNS:,} runs are in Temporal after", f"{filled:.0f} s"),
        at_most("the first byte of Now beside them", now.first, 100, "ms"),
        at_most("Now, whole", now.whole, 200, "ms"),
        Figure("times as long as a file of the same server", f"{now.whole / static.whole:.1f}"),
        at_most(f"a run of {STEPS:,} steps, which Now has shown, for the first time", seen.whole, 300, "ms"),
        at_most("of which this board has never heard, on the screen", unseen.first, 300, "ms"),
        Figure("and complete, as it was sent the rest of its history", f"{unseen.whole:.0f} ms"),
        at_most("and again, while nothing has changed", warm.whole, 300, "ms"),
        at_most("a change of a step is sent within (19 of 20)", sent * 1000, 500, "ms"),
        Figure("and is on a screen within", "there is no browser here")
        if drawn is None
        else at_most("and is on a screen within", drawn * 1000, 500, "ms"),
        Figure("a busy run and its board, one watcher, of a core", f"{one * 100:.1f} %"),
        at_most(f"{WATCHERS} watchers beyond one, of a core", (all_of_them - one) * 100, 5, "%", 1),
        at_most(f"{RECONNECTS:,} reconnects more need", grown, 4, "MB", 1),
        at_most("and leave tasks behind", tasks, 0, "tasks"),
    ]


def _many_steps() -> Flow:
    made = flow("many-steps").triggered_by(manual("bench"))
    for number in range(STEPS):
        made = made.then(step(number).as_(f"step_{number}"))
    return made.build()


def _busy() -> Flow:
    """A flow that changes more than twice a second: each step begins, ends, and another wait begins."""
    made = flow("busy").triggered_by(manual("bench"))
    for number in range(BUSY_STEPS):
        made = made.then(sleep(timedelta(seconds=0.5)).as_(f"nap_{number}")).then(step(number).as_(f"step_{number}"))
    return made.build()


async def _read(board: Board) -> None:
    """Until the board has read what ended, as it does by itself."""
    await board.poll.anew()
    while board.poll.sight is None or board.poll.sight.unread:  # noqa: ASYNC110  # nothing tells
        await asyncio.sleep(0.2)


async def _changes(client: Client, busy: Flow, looker: Onlooker) -> tuple[float, float | None]:
    """Seconds from the event in Temporal that ends a step until it is sent, and until it is on a screen."""
    run = await start_run(client, busy.plan, task_queue=QUEUE, keys=KEYS)
    page = f"run?id={quote(run.workflow_id)}"
    async with looker.events(page) as sent, looker.screen(page) as drawn:
        await run.result()
        await asyncio.sleep(1)
    told = await describe_run(client, run.workflow_id)
    ended = {each.id: each.ended_at.timestamp() for each in told.report.steps if each.ended_at} if told.report else {}
    latest = list(ended)[-BUSY_STEPS:]  # the browser was opened meanwhile
    return _nearly_all([sent[each] - ended[each] for each in latest if each in sent]), (
        None if drawn is None else _nearly_all([drawn[each] - ended[each] for each in latest if each in drawn])
    )


def _nearly_all(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.95)] if times else inf


async def _used(client: Client, busy: Flow, looker: Onlooker, watchers: int) -> float:
    """The part of a core that this process needs while so many watch a busy run."""
    run = await start_run(client, busy.plan, task_queue=QUEUE, keys=KEYS)
    place = urlsplit(looker.address + live(f"run?id={quote(run.workflow_id)}"))
    assert place.port is not None  # of a server of ours
    async with watching(place.port, f"{place.path}?{place.query}", watchers):
        await asyncio.sleep(1)
        began, used = time.perf_counter(), time.process_time()
        await asyncio.sleep(WATCHED_SECONDS)
        found = (time.process_time() - used) / (time.perf_counter() - began)
    await run.handle.cancel()
    with suppress(FlowError, WorkflowFailureError):
        await run.result()
    return found


async def _growth(looker: Onlooker) -> tuple[float, int]:
    """Megabytes and tasks that are more after many reconnects than after some."""
    await looker.reconnects("", RECONNECTS // 4)
    memory, tasks = resident(os.getpid()), len(asyncio.all_tasks())
    await looker.reconnects("", RECONNECTS)
    await asyncio.sleep(1)
    return resident(os.getpid()) - memory, max(len(asyncio.all_tasks()) - tasks, 0)


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
async def _board(client: Client, folder: Path) -> AsyncGenerator[tuple[Board, Onlooker]]:
    board = Board(client, KEYS, Settings(state_dir=folder, task_queue=QUEUE), Environment({}), Boarding(is_open=True))
    async with _served(board) as looker, board.kept():
        await looker.shown("", 1)
        await _read(board)
        yield board, looker


@asynccontextmanager
async def _served(board: Board) -> AsyncGenerator[Onlooker]:
    async with HttpServer(board_app(board), "127.0.0.1", 0) as server, httpx.AsyncClient(timeout=60) as http:
        yield Onlooker(http, f"{server.url}/board/")
