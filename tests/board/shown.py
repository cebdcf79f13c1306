"""A board that a real browser looks at."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import quote

from playwright.async_api import Browser

from resolute.temporal.client.client import RunHandle
from resolute.temporal.client.links import PATH
from resolute_worker.boarding import BOARD
from tests.board.chromium import Screen, Theme, screen
from tests.board.site import Site


@dataclass
class Shown:
    """The board, where it is served, and the browser that looks at it."""

    browser: Browser
    site: Site
    address: str

    @asynccontextmanager
    async def to(
        self, name: str = "", *, width: int = 1280, theme: Theme = "light", script: bool = True, address: str = ""
    ) -> AsyncGenerator[Screen]:
        """A window of somebody who has logged in, or of nobody; on another board, if it has another address."""
        cookies = [self.site.cookie(name)] if name else []
        async with screen(
            self.browser, address or self.address, width=width, theme=theme, script=script, cookies=cookies
        ) as window:
            yield window

    def link(self, token: str) -> str:
        """Where a link to a gate leads, on the server that serves the board."""
        return f"{self.address.removesuffix(BOARD)}{PATH}{token}"


def place_of(run: RunHandle, step: str = "") -> str:
    """Where the board shows a run, or a step of it."""
    return f"run?id={quote(run.workflow_id)}" + (f"&step={quote(step)}" if step else "")


def approval_of(run: RunHandle, gate: str) -> str:
    """Where somebody decides a gate of a run."""
    return f"approval?id={quote(run.workflow_id)}&gate={quote(gate)}"
