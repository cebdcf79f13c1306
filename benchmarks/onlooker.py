"""Somebody who looks at the board: how long a page takes, and how soon a change is on it."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import statistics
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import quote

import httpx

_DONE = re.compile(r'id="s-(\w+)"><div class="step completed')
_VERSION = re.compile(r'data-version="([^"]*)"')
_READING = "is still being read"
_LOOK = """() => {
  window.seen = {};
  const look = () => {
    for (const each of document.querySelectorAll('li[id] > .step.completed')) {
      window.seen[each.parentElement.id.slice(2)] ??= Date.now();
    }
  };
  look();
  new MutationObserver(look).observe(document, {subtree: true, childList: true, attributes: true});
}"""


@dataclass(frozen=True)
class Shown:
    """How long a page takes, in milliseconds: its first byte, and all of it."""

    first: float
    whole: float


class Onlooker:
    """Somebody who looks at the board at an address."""

    def __init__(self, http: httpx.AsyncClient, address: str) -> None:
        self._http = http
        self.address = address

    async def shown(self, page: str, times: int) -> Shown:
        """A page that is loaded several times, and what is in the middle of them."""
        found = [await self._once(page) for _ in range(times)]
        return Shown(statistics.median(each.first for each in found), statistics.median(each.whole for each in found))

    async def _once(self, page: str) -> Shown:
        began = time.perf_counter()
        async with self._http.stream("GET", self.address + page) as answer:
            answer.raise_for_status()
            first = 0.0
            async for _ in answer.aiter_raw():
                first = first or time.perf_counter() - began
        return Shown(first * 1000, (time.perf_counter() - began) * 1000)

    async def completed(self, page: str) -> Shown:
        """A page that is loaded once: when it was on the screen, in `first`, and when it showed all that there is."""
        began = time.perf_counter()
        answer = await self._http.get(self.address + page)
        answer.raise_for_status()
        first, version = time.perf_counter() - began, _VERSION.search(answer.text)
        if _READING in answer.text and version is not None:
            async with self._http.stream("GET", f"{self.address}{live(page)}&last={quote(version[1])}") as events:
                event = ""
                async for line in events.aiter_lines():
                    event += line
                    if not line:
                        if "event: page" in event and _READING not in event:
                            break
                        event = ""
        return Shown(first * 1000, (time.perf_counter() - began) * 1000)

    async def reconnects(self, page: str, times: int) -> None:
        """Opens the events of a page, waits for what comes first, and closes them; several times."""
        for _ in range(times):
            async with self._http.stream("GET", self.address + live(page)) as answer:
                async for line in answer.aiter_lines():
                    if line.startswith("event:"):
                        break

    @asynccontextmanager
    async def events(self, page: str) -> AsyncGenerator[dict[str, float]]:
        """When each step was first seen as completed in the events of a page, by the clock of this machine."""
        seen: dict[str, float] = {}
        connected = asyncio.Event()

        async def look() -> None:
            async with self._http.stream("GET", self.address + live(page)) as answer:
                async for line in answer.aiter_lines():
                    connected.set()
                    for step in _DONE.findall(line):
                        seen.setdefault(step, time.time())

        looking = asyncio.create_task(look())
        await connected.wait()
        try:
            yield seen
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    @asynccontextmanager
    async def screen(self, page: str) -> AsyncGenerator[dict[str, float] | None]:
        """The same on the screen of a browser; None where this machine has none."""
        program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
        if program is None:
            yield None
            return
        from playwright.async_api import async_playwright

        args = ["--disable-gpu", "--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        async with async_playwright() as driver:
            browser = await driver.chromium.launch(executable_path=program, args=args)
            window = await browser.new_page()
            await window.goto(self.address + page)
            await window.evaluate(_LOOK)
            seen: dict[str, float] = {}
            try:
                yield seen
                found: Mapping[str, float] = await window.evaluate("() => window.seen")
                seen.update({step: at / 1000 for step, at in found.items()})
            finally:
                await browser.close()


def live(page: str) -> str:
    """Where the events of a page are."""
    return f"live?at={quote(page, safe='')}"
