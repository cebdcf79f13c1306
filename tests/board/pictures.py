"""The pictures of the board in the README, taken while the demo runs: `make pictures`."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import Final
from urllib.parse import quote

from playwright.async_api import expect
from rich.console import Console

from resolute_worker.demo.evidence import closed_runs, opening_run
from resolute_worker.demo.scene import Scene, scene
from resolute_worker.demo.story import at_once, story
from tests.board.chromium import PATIENCE, Screen, Theme, chromium, program, screen

THEMES: Final[tuple[Theme, ...]] = ("light", "dark")
LARGEST: Final = 200_000
"""Bytes of a picture, which everybody who opens the README fetches."""


async def pictures(folder: Path) -> None:
    """Writes `now-light.png`, `run-light.png` and the same in the dark."""
    expect.set_options(timeout=PATIENCE)
    os.environ["LOGNAME"] = "ada"  # who looks, as the pages say
    with tempfile.TemporaryDirectory() as state:
        async with scene(Console(), Path(state)) as demo, chromium(program(os.environ)) as browser:
            await story(demo, at_once)
            run = await _opening(demo)
            for theme in THEMES:
                async with screen(browser, demo.board, width=1240, height=1000, theme=theme, scale=1.1) as window:
                    await window.go()
                    resolved = (
                        window.at("section[aria-labelledby=paged]").get_by_role("row").filter(has_text="resolved")
                    )
                    await expect(resolved.first).to_be_visible()
                    await _take(window, folder / f"now-{theme}.png")
                    await window.go(f"run?id={quote(run)}&step=trigger_event")
                    await expect(window.at("h1")).to_contain_text("completed")
                    await _take(window, folder / f"run-{theme}.png")


async def _opening(demo: Scene) -> str:
    """The run that opened the incident."""
    runs = await closed_runs(demo.worker.client)
    found = await opening_run(demo.worker.client, runs)
    assert found is not None
    return found[0].workflow_id


async def _take(window: Screen, file: Path) -> None:
    await window.page.screenshot(path=file, full_page=True, animations="disabled")
    size = file.stat().st_size
    if size > LARGEST:
        sys.exit(f"{file} has more than {LARGEST:,} bytes")


if __name__ == "__main__":
    asyncio.run(pictures(Path(sys.argv[1])))
