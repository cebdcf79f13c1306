"""`resolute mute`, `mutes` and `unmute`, beside a worker whose alarm is about to page."""

import asyncio
import io
import json
from collections.abc import Callable, Coroutine
from contextlib import redirect_stderr, redirect_stdout
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import Client

from resolute_worker.cli.app import run
from tests.acceptance.pager_watch import PATIENCE, PagerWatch, watched

Command = Callable[..., Coroutine[Any, Any, tuple[int, str, str]]]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[PagerWatch], Command]:
    """Runs commands for the worker of a watch: how they end, what they print, and what they say of it."""

    def beside(watch: PagerWatch) -> Command:
        for name, value in watch.variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(watch.folder.parent)  # where there are no flows

        async def says(*arguments: str) -> tuple[int, str, str]:
            printed, said = io.StringIO(), io.StringIO()
            with redirect_stdout(printed), redirect_stderr(said):
                code = await asyncio.to_thread(run, arguments)
            return code, printed.getvalue(), said.getvalue()

        return says

    return beside


async def test_a_muted_alarm_pages_when_the_mute_is_over(
    client: Client, tmp_path: Path, command: Callable[[PagerWatch], Command]
) -> None:
    """A name that nothing has is refused; a mute withholds the page, is listed, and ends by itself or by command."""
    flow = f"muted-{uuid4().hex[:6]}"
    async with watched(client, tmp_path / "worker", {flow: "after=1"}) as watch:
        says, monitor = command(watch), watch.monitors[flow]
        await monitor.check("ok")
        await listed_in(says, flow, "quiet")
        mute = ("mute", "service", "--reason", "it moves", "--by", "ada")

        refused = [
            await says("mute", name, "--for", "1h", "--reason", "it moves") for name in ("servcie", f"{flow}/servcie")
        ]
        nothing = json.loads((await says("mutes", "--json"))[1])
        muted = await says(*mute, "--for", "1h")
        withheld = [await monitor.check("bad") for _ in range(2)]
        ledger = await listed_in(says, flow, "muted", "muted", "quiet")
        listed = json.loads((await says("mutes", "--json"))[1])
        unmuted = await says("unmute", "service")
        again = json.loads((await says("mute", f"{flow}/service", "--for", "3s", "--reason", "it moves", "--json"))[1])
        async with asyncio.timeout(PATIENCE):
            while not monitor.incidents:
                await monitor.check("bad")
        left = json.loads((await says("mutes", "--json"))[1])
        foreseen = await says("mute", "not-yet", "--for", "1h", "--reason", "it comes", "--anyway")

    assert [2, 2] == [code for code, _, _ in refused]
    assert "did you mean 'service'?" in refused[0][2]
    assert f"did you mean '{flow}/service'?" in refused[1][2]
    assert ([], 0) == (nothing, muted[0])
    assert ["completed", "completed"] == withheld
    assert ledger[0]["said"].startswith("muted until ")
    assert ledger[0]["said"].endswith(" by ada: it moves")
    assert [("service", "ada", "it moves")] == [(each["name"], each["by"], each["reason"]) for each in listed]
    assert (0, []) == (unmuted[0], left)
    assert monitor.incidents[0].created_at >= datetime.fromisoformat(again["until"])
    assert 0 == foreseen[0]


async def listed_in(says: Command, flow: str, *outcomes: str) -> list[dict[str, Any]]:
    """The lines of the ledger, as soon as they are these: Temporal's list lags behind, and announces nothing."""
    lines: list[dict[str, Any]] = []
    async with asyncio.timeout(PATIENCE):
        while [each["outcome"] for each in lines] != [*outcomes]:
            lines = json.loads((await says("why", flow, "--json"))[1])
    return lines
