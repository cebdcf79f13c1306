"""`resolute show`: what a run was given, did, compared and met, without any other tool."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from resolute_worker.embedded import EmbeddedServer
from tests.worker.processes import resolute, started

FLOWS = """
import asyncio
from datetime import timedelta
from resolute import NodeError, Retry, current_call, each, flow, manual, node, secret, sleep

@node(retry=Retry(initial=0.01, attempts=3))
async def flaky(until: int, token: str) -> str:
    attempt = current_call().attempt
    if attempt < until:
        raise NodeError(f"attempt {attempt} did not get through")
    return f"through at {attempt}"

@node
async def nap(seconds: float) -> float:
    await asyncio.sleep(seconds)
    return seconds

@node(retry=Retry(attempts=0), heartbeat=timedelta(minutes=2))
async def crawl() -> None:
    current_call().heartbeat("page", 7)
    await asyncio.Event().wait()

@node(retry=Retry(attempts=1))
async def check(host: str) -> bool:
    if host == "c":
        raise NodeError("no route")
    return True

start = manual("start")
again = flaky(3, secret("TOKEN"))
mended = flow("mended").triggered_by(start).then(again).build()
broken = flow("broken").triggered_by(start).then(flaky(9, "x").lane("local").as_("quick")).build()
short, long = nap(0).as_("short"), nap(1.5).as_("long")
looking = (
    flow("looking").triggered_by(start)
    .then_parallel(short, long)
    .when(short.output > long.output).then(nap(0).as_("never")).end_when()
    .build()
)
checks = each(["a", "b", "c"], lambda host: check(host), on_error="collect").as_("checks")
pause = sleep(timedelta(seconds=0.1)).as_("pause")
looping = flow("looping").triggered_by(start).then(checks).then(pause).build()
crawling = flow("crawling").triggered_by(start).then(crawl().as_("crawl")).build()
"""


@pytest.fixture(scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory, server: EmbeddedServer) -> AsyncIterator[dict[str, str]]:
    """The variables and, under FOLDER, the place of a worker at work on the flows above."""
    folder = tmp_path_factory.mktemp("shown")
    (folder / "flows").mkdir()
    (folder / "flows" / "shown.py").write_text(FLOWS)
    place = {"TEMPORAL_ADDRESS": server.address, "RESOLUTE_TASK_QUEUE": uuid4().hex, "RESOLUTE_HTTP_PORT": "0"}
    async with started("worker", folder=folder, TOKEN="never-to-be-shown", **place) as worker:  # a test's
        await worker.url()
        yield {**place, "FOLDER": str(folder)}


async def _shown(flow: str, place: dict[str, str]) -> tuple[str, dict[str, dict[str, Any]]]:
    """A run of a flow, after its end, as text and as JSON by step."""
    folder = Path(place["FOLDER"])
    ran = await resolute("run", flow, "--json", folder=folder, **place)
    run = json.loads(ran[1])["run"]
    _, text, _ = await resolute("show", run, folder=folder, **place)
    _, printed, _ = await resolute("show", run, "--json", folder=folder, **place)
    return text, {step["id"]: step for step in json.loads(printed)["report"]["steps"]}


async def test_arguments_outputs_and_every_attempt(place: dict[str, str]) -> None:
    """A step without a name shows what it was given, what it gave, and each failed attempt, even after success."""
    text, steps = await _shown("mended", place)

    assert "  until = 3" in text
    assert "  token = secret('TOKEN')" in text
    assert '  → "through at 3"' in text
    assert [1, 2] == [attempt["number"] for attempt in steps["flaky"]["attempts"]]
    assert "attempt 2 failed at " in text
    assert "NodeError: attempt 1 did not get through" in text
    assert "never-to-be-shown" not in text + json.dumps(steps)


async def test_attempts_in_the_local_lane(place: dict[str, str]) -> None:
    """A quick step that failed for good shows all its attempts, and the author's line."""
    text, _ = await _shown("broken", place)

    assert "✗ quick: flaky" in text
    for number in (1, 2, 3):
        assert f"NodeError: attempt {number} did not get through" in text
    assert 'File "flows/shown.py", line 10, in flaky' in text


async def test_conditions_and_branches(place: dict[str, str]) -> None:
    """A condition shows the values that it compared, a block not taken has no tick, each branch its own time."""
    text, steps = await _shown("looking", place)

    assert "short was 0.0" in text
    assert "long was 1.5" in text
    assert "- when short > long" in text
    assert str(steps["short"]["ended_at"]) < str(steps["long"]["ended_at"])


async def test_a_step_at_work_shows_its_heartbeat(place: dict[str, str]) -> None:
    """While a step is at work, what it said last is shown."""
    folder = Path(place["FOLDER"])
    begun = await resolute("run", "crawling", "--no-wait", "--json", folder=folder, **place)
    run = json.loads(begun[1])["run"]
    text = ""
    while "heartbeat" not in text:
        _, text, _ = await resolute("show", run, folder=folder, **place)
    await resolute("cancel", run, folder=folder, **place)

    assert '  heartbeat: "page", 7' in text


async def test_a_run_that_no_worker_takes_up(place: dict[str, str]) -> None:
    """A run on a queue without a worker says so instead of looking as if it were at work."""
    folder, elsewhere = Path(place["FOLDER"]), {**place, "RESOLUTE_TASK_QUEUE": f"nobody-{uuid4().hex}"}
    begun = await resolute("run", "mended", "--no-wait", "--json", folder=folder, **elsewhere)
    _, text, _ = await resolute("show", json.loads(begun[1])["run"], folder=folder, **elsewhere)

    assert f"no worker polls task queue {elsewhere['RESOLUTE_TASK_QUEUE']}" in text


async def test_loops_and_waits(place: dict[str, str]) -> None:
    """A loop shows how many items came to what and what it gave, each item its own step, a pause no output."""
    shown, steps = await _shown("looping", place)

    assert "check  failed\n  2 completed, 1 failed" in shown
    assert "  → [" in shown.partition("checks  each  completed")[2]
    assert "failed" == steps["checks[2].check"]["status"]
    assert "→ null" not in shown.partition("\npause  sleep  completed")[2].partition("\n\n")[0]
