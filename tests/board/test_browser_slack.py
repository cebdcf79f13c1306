"""A gate that is decided in Slack, watched on the board in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.async_api import Browser, expect
from temporalio.client import Client

from resolute_worker.boarding import BOARD
from tests.board.chromium import screen
from tests.board.shown import place_of
from tests.board.site import TOKENS
from tests.clicking import ADA, office


async def test_a_gate_is_approved_by_slack_button(browser: Browser, temporal_client: Client, tmp_path: Path) -> None:
    """Somebody presses the button in Slack; whoever has the run open sees by whom, and its end, without a reload."""
    settings: dict[str, Any] = {"board": True, "board_token": f"bob:viewer:{TOKENS['bob']}", "state_dir": tmp_path}
    async with (
        office(temporal_client, **settings) as at,
        screen(browser, f"{at.worker.http.url}{BOARD}") as bob,
    ):
        run, message = await at.ask()
        await bob.go(place_of(run, "approve"))
        await bob.at("[name=token]").fill(TOKENS["bob"])
        await bob.page.get_by_role("button", name="Log in").click()
        await expect(bob.at("h1 .state")).to_contain_text("running")
        await bob.mark()

        assert 200 == (await at.click(message, "Approve", by=ADA)).status_code

        await expect(bob.at("aside")).to_contain_text("approved by Ada@Example.com")
        await expect(bob.at("h1 .state")).to_contain_text("completed")
        assert await bob.is_same()
