"""The board of a real worker process: it is served, and an open page outlives the process."""

from __future__ import annotations

import signal
from pathlib import Path
from uuid import uuid4

from playwright.async_api import Browser, expect
from pydantic import SecretStr
from temporalio.client import Client

from resolute.temporal.client.client import start_run
from resolute.temporal.trust.seals import PlanKeys
from tests.board.chromium import screen
from tests.board.flows import SLEEPING
from tests.board.shown import place_of
from tests.board.site import TOKENS
from tests.worker.processes import started

FLOWS = """
from datetime import timedelta
from resolute import flow, manual, sleep

sleeping = flow("board-sleeping").triggered_by(manual("go")).then(sleep(timedelta(hours=1)).as_("nap")).build()
"""
KEY = "a-key-of-this-test-and-of-nothing-else"


async def test_a_page_outlives_its_worker(browser: Browser, temporal_client: Client, tmp_path: Path) -> None:
    """`resolute worker --board` is killed and started anew under an open page, which then shows what has happened."""
    (tmp_path / "flows.py").write_text(FLOWS)
    queue = uuid4().hex
    variables = {
        "TEMPORAL_ADDRESS": temporal_client.service_client.config.target_host,
        "RESOLUTE_TASK_QUEUE": queue,
        "RESOLUTE_PLAN_KEYS": KEY,
        "RESOLUTE_BOARD_TOKEN": f"bob:viewer:{TOKENS['bob']}",
    }
    run = await start_run(temporal_client, SLEEPING.plan, task_queue=queue, keys=PlanKeys((SecretStr(KEY),)))
    command = ("worker", "--board", "flows.py")
    async with started(*command, "--http-port", "0", folder=tmp_path, **variables) as first:
        url = await first.url()
        async with screen(browser, f"{url}/board/") as bob:
            await bob.go(place_of(run, "nap"))
            await bob.page.get_by_label("Token").fill(TOKENS["bob"])
            await bob.page.get_by_role("button", name="Log in").click()
            await expect(bob.at("#s-nap")).to_contain_text("running")
            await bob.mark()
            await first.stopped(signal.SIGKILL)
            await expect(bob.at("body.offline")).to_be_attached()
            await run.handle.terminate()
            async with started(*command, "--http-port", url.rpartition(":")[2], folder=tmp_path, **variables):
                await expect(bob.at("h1 .state")).to_contain_text("terminated")
                await expect(bob.at("body.offline")).not_to_be_attached()
                assert await bob.is_same()
                await bob.page.close()  # before this worker ends as well
            bob.wrong.clear()  # the browser says that nobody answered meanwhile
