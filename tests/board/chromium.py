"""A real browser for the tests: Debian's chromium, driven by playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Literal

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Error, Locator, Page, async_playwright

PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome")
MISSING: Final = "no browser to look at the board with: install chromium (Debian: apt-get install chromium)"
PATIENCE: Final = 120_000
"""Milliseconds until something on a page must have happened: a busy machine takes its time."""

Theme = Literal["light", "dark"]


def program(environ: Mapping[str, str] = os.environ) -> str:
    """The browser of this machine. Where it has none, tests are left out; what decides on changes fails instead."""
    for name in PROGRAMS:
        if found := shutil.which(name, path=environ.get("PATH")):
            return found
    if environ.get("CI"):
        pytest.fail(MISSING, pytrace=False)
    pytest.skip(MISSING)


@asynccontextmanager
async def chromium(executable: str) -> AsyncGenerator[Browser]:
    """A browser for the length of an `async with`. As root it has no sandbox: it is shown nothing but the board."""
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    args = ["--disable-gpu", "--disable-dev-shm-usage", *(["--no-sandbox"] if is_root else [])]
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=executable, args=args, timeout=2 * PATIENCE)
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Screen:
    """A page that somebody looks at, and what went wrong on it."""

    page: Page
    address: str
    wrong: list[str] = field(default_factory=list[str])

    async def go(self, place: str = "") -> None:
        """Opens a page of the board."""
        await self.page.goto(f"{self.address}{place}")

    def at(self, selector: str) -> Locator:
        """What a selector finds; it waits until it is there."""
        return self.page.locator(selector)

    async def mark(self) -> None:
        """Makes this document known, so that `is_same` sees a reload."""
        await self.page.evaluate("() => { window.marked = true }")

    async def is_same(self) -> bool:
        """Whether the document is still the one that was marked."""
        return bool(await self.page.evaluate("() => window.marked === true"))

    async def overflow(self) -> int:
        """Pixels by which the page is wider than the screen."""
        return int(await self.page.evaluate("() => document.documentElement.scrollWidth - window.innerWidth"))

    async def focused(self) -> str:
        """The text of what the keyboard is at."""
        return str(await self.page.evaluate("() => document.activeElement?.textContent ?? ''"))


@asynccontextmanager
async def screen(
    browser: Browser,
    address: str,
    *,
    width: int = 1280,
    height: int = 800,
    theme: Theme = "light",
    script: bool = True,
    scale: float = 1,
    cookies: Sequence[tuple[str, str]] = (),
) -> AsyncGenerator[Screen]:
    """A window of its own, with nobody else's cookies; at the end nothing may have gone wrong on its pages."""
    context: BrowserContext = await browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=theme,
        java_script_enabled=script,
        device_scale_factor=scale,
        reduced_motion="reduce",
    )
    context.set_default_timeout(PATIENCE)
    try:
        await context.add_cookies([{"name": name, "value": value, "url": address} for name, value in cookies])
        shown = Screen(await context.new_page(), address)

        def said(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                shown.wrong.append(f"{message.text} ({message.location.get('url', '')})")

        def failed(error: Error) -> None:
            shown.wrong.append(str(error))

        shown.page.on("console", said)
        shown.page.on("pageerror", failed)
        yield shown
    finally:
        await context.close()
    assert not shown.wrong, shown.wrong
