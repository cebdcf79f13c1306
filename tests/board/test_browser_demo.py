"""The demo's incident, watched in a browser."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Browser, expect
from rich.console import Console

from resolute_worker.demo.scene import scene
from resolute_worker.demo.story import story
from tests.board.chromium import Screen, screen


async def see(watcher: Screen, turn: str) -> None:
    """Waits until the page shows a turn of the story."""
    paged = watcher.at("section[aria-labelledby=paged]")
    if turn == "quiet":
        await expect(watcher.at("main")).to_contain_text("checks found all well")
        await expect(paged).to_contain_text("Nobody was paged")
    elif turn == "paged":
        await expect(paged.get_by_role("row").filter(has_text="paged").first).to_contain_text("critical")
    else:
        await expect(paged.get_by_role("row").filter(has_text="resolved").first).to_contain_text("healthy")


async def test_an_incident_is_watched_from_its_first_check_to_its_end(browser: Browser, tmp_path: Path) -> None:
    """On one page, without a reload: all is well, somebody is paged and why, and the incident is resolved."""
    turns: list[str] = []
    async with scene(Console(quiet=True), tmp_path) as demo, screen(browser, demo.board) as watcher:
        await watcher.go()
        await watcher.mark()

        async def pace(turn: str) -> None:
            await see(watcher, turn)
            turns.append(turn)

        await story(demo, pace)
        assert await watcher.is_same()

    assert ["quiet", "paged", "resolved"] == turns
