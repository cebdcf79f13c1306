"""A board by itself, beside a Temporal that is anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from temporalio.client import Client

from resolute.execution.secrets import Environment
from resolute_worker.board.app import board_app
from resolute_worker.board.board import Board
from resolute_worker.boarding import BOARD
from resolute_worker.connection import checked_client
from resolute_worker.keys import keys_for_client, payload_keys, remember
from resolute_worker.logs import set_up_logs
from resolute_worker.serving.app import beside_board
from resolute_worker.serving.server import HttpServer
from resolute_worker.settings import Settings
from resolute_worker.signals import StopSignals


@asynccontextmanager
async def board_server(client: Client, settings: Settings, environment: Environment) -> AsyncGenerator[HttpServer]:
    """Serves a board for the length of an `async with`.

    Raises:
        ConfigurationError: nobody could log in, the port is taken, or the audit log cannot be written.
    """
    keys = await keys_for_client(client, settings)
    remember(keys, environment, payload_keys(settings))
    board = Board(client, keys, settings, environment)
    server = HttpServer(beside_board(board_app(board), _to_board), settings.http_host, settings.http_port)
    async with server, board.kept():
        yield server


def serve_board(
    settings: Settings, address: str | None, ready: Callable[[str], None]
) -> Callable[[StopSignals], Coroutine[Any, Any, None]]:
    """The work of a process that serves a board until it is stopped; `ready` is told its address."""

    async def work(signals: StopSignals) -> None:
        environment, stop = Environment(), asyncio.Event()
        set_up_logs(environment, settings.log_format, settings.log_level)
        signals.sets(stop)
        client = await checked_client(settings, address)
        async with board_server(client, settings, environment) as server:
            ready(f"{server.url}{BOARD}")
            await stop.wait()

    return work


async def _to_board(scope: Scope, receive: Receive, send: Send) -> None:
    to_board: ASGIApp = RedirectResponse(BOARD, status_code=307)
    if scope["type"] == "http":
        await to_board(scope, receive, send)
