"""A worker of a few flows, its board, and a browser, for everybody who looks at it in these tests."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect
from temporalio.client import Client

from resolute.execution.executor import NodeExecutor
from resolute.execution.secrets import Environment
from resolute.temporal.activities import Activities
from resolute.temporal.worker import temporal_worker
from tests.board.chromium import PATIENCE, chromium, program
from tests.board.flows import FLOWS
from tests.board.shown import Shown
from tests.board.site import Site
from tests.keys import KEYS


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The browser of the session."""
    expect.set_options(timeout=PATIENCE)
    async with chromium(program()) as opened:
        yield opened


@pytest.fixture(scope="module")
async def site(temporal_client: Client, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """A board whose people are ada (approver), bob (viewer) and olga (operator), and a worker beside it."""
    queue = f"board-{uuid.uuid4().hex[:8]}"
    environment = Environment({"TOKEN": "a-secret-of-the-tests"})
    executor = NodeExecutor.for_flows(FLOWS, environment=environment)
    worker = temporal_worker(
        temporal_client, Activities(FLOWS, executor, KEYS), task_queue=queue, graceful_shutdown=timedelta(0)
    )
    folder: Path = tmp_path_factory.mktemp("board")
    async with worker, Site.of(temporal_client, queue, folder, environment) as site:
        yield site


@pytest.fixture(scope="module")
async def shown(browser: Browser, site: Site) -> AsyncIterator[Shown]:
    """The same board, on a port for browsers."""
    async with site.served() as address:
        yield Shown(browser, site, address)
