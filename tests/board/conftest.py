"""A browser and a Temporal server, for everybody who looks at the board in these tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, expect
from temporalio.client import Client

from tests.board.chromium import PATIENCE, chromium, program
from tests.board.flows import FIXED
from tests.board.shown import Shown
from tests.board.site import Site
from tests.servers import temporal_server


@pytest.fixture(scope="session")
async def temporal_client() -> AsyncIterator[Client]:
    """A server for boards alone: they look at all of its runs, of which other tests leave hundreds that wait."""
    async with temporal_server() as client:
        yield client


@pytest.fixture(autouse=True)
def nothing_is_fixed() -> None:
    """What one test has mended is broken for the next."""
    FIXED.clear()


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The browser of the session."""
    expect.set_options(timeout=PATIENCE)
    async with chromium(program()) as opened:
        yield opened


@pytest.fixture(scope="module")
async def shown(browser: Browser, site: Site) -> AsyncIterator[Shown]:
    """The same board, on a port for browsers."""
    async with site.served() as address:
        yield Shown(browser, site, address)
