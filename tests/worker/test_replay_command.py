"""`resolute replay`: recorded runs are replayed by this release, and those that would go another way are named."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.client import Client, WorkflowHistory

from resolute import flow, gate, manual, node
from resolute.execution.executor import NodeExecutor
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import start_run
from resolute.temporal.replay import UnreadableHistoryError, flow_of, history_in, recorded_of, replay
from resolute.temporal.wire.finding import find_run
from resolute.temporal.worker import temporal_worker
from resolute_worker.cli.app import run
from tests.keys import KEYS
from tests.worker.listing import listed
from tests.worker.processes import resolute

HISTORIES = Path(__file__).parents[1] / "replay" / "histories"


@node
async def greet(name: str) -> str:
    return f"hello {name}"


GREETING = flow("greeting").triggered_by(manual("go")).then(greet("a")).then(greet("b")).build()
ASKING = flow("asking").triggered_by(manual("go")).then(gate("sign", ask="?")).build()
ACTIVITIES = Activities([GREETING, ASKING], NodeExecutor.for_flows([GREETING, ASKING]), KEYS)


def _changed(folder: Path) -> Path:
    """A history whose steps had other names when it was recorded."""
    file = folder / "changed.json"
    recorded = (HISTORIES / "v2-everything.json").read_text()
    file.write_text(recorded.replace('"activityId": "', '"activityId": "x-'))
    return file


def test_histories_in_files_are_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Files that Temporal exports replay with code 0; one that would go another way is named, with why, and code 1."""
    good = str(HISTORIES / "v2-undone.json")
    fine = run(["replay", good])
    first = capsys.readouterr().out
    broken = run(["replay", good, str(_changed(tmp_path)), "--json"])
    told = json.loads(capsys.readouterr().out)

    assert (0, 1) == (fine, broken)
    assert "1 history replayed without a difference" in first
    assert (2, ["changed"]) == (told["replayed"], [each["workflow_id"] for each in told["broken"]])
    assert "'x-measured' does not match" in told["broken"][0]["problem"]


@pytest.mark.parametrize("text", ["no JSON", "[]", '{"events": []}', '{"events": [{"eventId": "1"}]}', '{"events": 7}'])
def test_a_file_without_a_history_is_refused(tmp_path: Path, text: str) -> None:
    """What holds no history is a mistake that is told by its file, and never a traceback."""
    file = tmp_path / "odd.json"
    file.write_text(text)

    with pytest.raises(UnreadableHistoryError, match=r"odd\.json holds no history"):
        history_in(file)


@pytest.mark.parametrize(
    "words", [["no-such.json"], [str(HISTORIES), "--last", "3"], ["--save", "x", str(HISTORIES / "v2-late.json")]]
)
def test_what_cannot_be_meant_is_refused(words: list[str]) -> None:
    """A file that is not there and options that would be ignored end with code 2."""
    assert run(["replay", *words]) == 2


async def test_the_latest_runs_are_replayed_and_saved(temporal_client: Client, tmp_path: Path) -> None:
    """The latest runs of the queue, one that has ended and one that waits, replay, and are kept in files."""
    queue = uuid4().hex
    async with temporal_worker(temporal_client, ACTIVITIES, task_queue=queue):
        ended = await start_run(temporal_client, GREETING.plan, task_queue=queue, keys=KEYS)
        waiting = await start_run(temporal_client, ASKING.plan, task_queue=queue, keys=KEYS)
        await ended.result()
        while (await waiting.handle.describe()).history_length <= 3:
            await asyncio.sleep(0.05)
        await listed(temporal_client, ended.workflow_id, waiting.workflow_id)
    place = {"TEMPORAL_ADDRESS": temporal_client.service_client.config.target_host, "RESOLUTE_TASK_QUEUE": queue}
    code, printed, _ = await resolute("replay", "--last", "5", "--save", "kept", "--json", folder=tmp_path, **place)
    await waiting.handle.terminate()
    kept = [history_in(file) for file in (tmp_path / "kept").iterdir()]

    assert (0, {"replayed": 2, "broken": []}) == (code, json.loads(printed))
    assert {(ended.run_id, "greeting"), (waiting.run_id, "asking")} == {(each.run_id, flow_of(each)) for each in kept}


async def test_every_history_of_a_continued_run_is_replayed(temporal_client: Client) -> None:
    """A run that was sealed and continued replays in each of its histories without the keys."""
    queue = uuid4().hex

    def full(ended: int) -> bool:
        return ended >= 1

    async with temporal_worker(temporal_client, ACTIVITIES, task_queue=queue, full=full):
        run = await start_run(temporal_client, GREETING.plan, task_queue=queue, keys=KEYS)
        await run.result()
    parts = await recorded_of(temporal_client, await find_run(temporal_client, run.workflow_id))

    async def read() -> AsyncIterator[WorkflowHistory]:
        for part in parts:
            yield part

    assert ["", ""] == [each.problem async for each in replay(read(), full=full)]
