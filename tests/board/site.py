"""A board under test, and browsers of people who look at it."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Literal

import httpx
from pydantic import SecretStr
from temporalio.client import Client

from resolute.execution.executor import NodeExecutor
from resolute.execution.secrets import Environment
from resolute.providing.audit import AuditEntry, read_audit
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import RunHandle, start_run
from resolute.temporal.history.runs import RunDescription, describe_run
from resolute.temporal.worker import temporal_worker
from resolute.writing.flow import Flow
from resolute_pagerduty.simulator import Simulator
from resolute_worker.board.app import board_app
from resolute_worker.board.board import Board
from resolute_worker.board.sessions import COOKIE
from resolute_worker.boarding import BOARD, Boarding
from resolute_worker.journal import Journal
from resolute_worker.serving.app import http_app
from resolute_worker.serving.deliveries import Deliveries
from resolute_worker.serving.gate_pages import GatePages
from resolute_worker.serving.health import Health
from resolute_worker.serving.intake import Intake
from resolute_worker.serving.server import HttpServer
from resolute_worker.settings import Settings
from tests.board.flows import FLOWS
from tests.keys import KEYS
from tests.patience import PATIENCE

HOST: Final = "https://ops.test"
TOKENS: Final = {name: f"{name}-token-0123456789abcdef" for name in ("ada", "bob", "olga")}
ROLES: Final = {"ada": "operator+approver", "bob": "viewer", "olga": "operator"}


@dataclass
class Browser:
    """What one person does; it keeps cookies, and sends what browsers send."""

    http: httpx.AsyncClient
    headers: dict[str, str] = field(default_factory=lambda: {"Origin": HOST})

    async def get(self, path: str, **options: Any) -> httpx.Response:
        """A page."""
        return await self.http.get(f"/board/{path}", **options)

    async def text(self, path: str) -> str:
        """A page that is there, as soon as it shows all that there is."""
        async with asyncio.timeout(PATIENCE):
            while True:
                answer = await self.get(path)
                assert 200 == answer.status_code, answer.text
                if "is still being read" not in answer.text:
                    return answer.text
                await asyncio.sleep(0.05)

    async def until(self, path: str, *said: str) -> str:
        """A page as soon as it says all that: Temporal's list of runs lags, and what is read from it does too."""
        page = ""
        with suppress(TimeoutError):  # what the page lacks says more
            async with asyncio.timeout(PATIENCE):
                while [text for text in said if text not in page]:
                    page = await self.text(path)
        assert [] == [text for text in said if text not in page], page
        return page

    async def form_token(self) -> str:
        """What the forms of this browser send."""
        page = (await self.get("login")).text
        found = re.search(r'name="form" value="([^"]+)"', page)
        assert found is not None
        return found[1]

    async def post(self, path: str, *, form: str | None = None, **fields: str) -> httpx.Response:
        """A form that is sent."""
        token = await self.form_token() if form is None else form
        return await self.http.post(f"/board/{path}", data={"form": token, **fields}, headers=self.headers)

    async def log_in(self, name: str) -> Browser:
        """Logs somebody in."""
        answer = await self.post("login", token=TOKENS[name], to="runs")
        assert (303, "/board/runs") == (answer.status_code, answer.headers["location"])
        return self


@dataclass
class Site:
    """A board, the worker beside it, and its audit log."""

    client: Client
    queue: str
    board: Board

    @classmethod
    @asynccontextmanager
    async def of(
        cls,
        client: Client,
        queue: str,
        folder: Path,
        environment: Environment,
        simulator: Simulator | None = None,
        **settings: Any,
    ) -> AsyncGenerator[Site]:
        """A board that keeps looking, for the length of an `async with`."""
        settings.setdefault("board_hosts", ("ops.test",))
        tokens = " ".join(f"{name}:{ROLES[name]}:{token}" for name, token in TOKENS.items())
        made = Settings(
            task_queue=queue,
            state_dir=folder,
            board_token=SecretStr(tokens),
            **settings,
        )
        board = Board(client, KEYS, made, environment, Boarding(simulator=simulator))
        async with board.kept():
            yield cls(client, queue, board)

    @classmethod
    @asynccontextmanager
    async def with_worker(cls, client: Client, folder: Path) -> AsyncGenerator[Site]:
        """A board, and a worker of a few flows beside it."""
        queue = f"board-{uuid.uuid4().hex[:8]}"
        environment = Environment({"TOKEN": "a-secret-of-the-tests"})
        executor = NodeExecutor.for_flows(FLOWS, environment=environment)
        activities = Activities(FLOWS, executor, KEYS)
        worker = temporal_worker(client, activities, task_queue=queue, graceful_shutdown=timedelta(0))
        async with worker, cls.of(client, queue, folder, environment) as site:
            yield site

    @asynccontextmanager
    async def browser(self, name: str = "", peer: str = "203.0.113.7") -> AsyncGenerator[Browser]:
        """A browser from somewhere, of somebody who has logged in or of nobody."""
        transport = httpx.ASGITransport(board_app(self.board), client=(peer, 40_000))
        async with httpx.AsyncClient(transport=transport, base_url=HOST, timeout=PATIENCE) as http:
            browser = Browser(http)
            yield await browser.log_in(name) if name else browser

    @asynccontextmanager
    async def served(self, port: int = 0) -> AsyncGenerator[str]:
        """The address at which real browsers find the board; links to gates are answered beside it."""
        intake = Intake()
        deliveries = Deliveries(
            self.client, task_queue=self.queue, verifiers={}, environment=Environment({}), keys=KEYS
        )
        app = http_app(
            deliveries,
            Health(),
            intake,
            GatePages(self.client, KEYS, intake, Journal(self.board.settings, "links")),
            board_app(self.board),
        )
        async with HttpServer(app, "127.0.0.1", port) as server:
            yield f"{server.url}{BOARD}"

    def cookie(self, name: str) -> tuple[str, str]:
        """What a browser keeps of somebody who has logged in."""
        person = self.board.access.tokens.person(TOKENS[name])
        return COOKIE, self.board.access.sessions.cookie(self.board.access.sessions.fresh(person))

    async def start(self, flow: Flow, input_data: Any = None) -> RunHandle:
        """A run of a flow."""
        return await start_run(self.client, flow.plan, task_queue=self.queue, input_data=input_data, keys=KEYS)

    async def until(self, run: RunHandle, holds: Callable[[RunDescription], bool]) -> RunDescription:
        """The run as soon as something holds of it."""
        async with asyncio.timeout(PATIENCE):
            while not holds(found := await describe_run(self.client, run.workflow_id)):
                await asyncio.sleep(0.05)
        return found

    async def at(self, run: RunHandle, step: str, status: str) -> RunDescription:
        """The run as soon as a step of it stands so."""
        return await self.until(
            run,
            lambda found: (
                any(each.id == step and each.status == status for each in found.report.steps) if found.report else False
            ),
        )

    async def seen(self, how: Literal["running", "waiting", "ended"], *runs: RunHandle) -> None:
        """Has the board look until it has seen that runs stand so: Temporal's list of runs lags, and announces nothing.

        `waiting` runs have a gate that is open, or a step that is held.
        """
        async with asyncio.timeout(PATIENCE):
            while not {run.workflow_id for run in runs} <= self._in_sight(how):
                await self.board.poll.anew()

    def _in_sight(self, how: str) -> set[str]:
        sight = self.board.poll.sight
        if sight is None:
            return set()
        if how == "waiting":
            return {each.workflow_id for each in (*sight.gates, *sight.standing)}
        return {each.workflow_id for each in (sight.running if how == "running" else sight.ended)}

    async def end(self, *runs: RunHandle) -> None:
        """Cancels runs, and sees them end: a worker that stops with runs at hand leaves them to the collector."""
        for run in runs:
            await run.handle.cancel()
        for run in runs:
            await self.until(run, lambda found: found.summary.status != "running")

    def audit(self) -> list[AuditEntry]:
        """What the audit log says."""
        return list(read_audit(self.board.journal.path))
