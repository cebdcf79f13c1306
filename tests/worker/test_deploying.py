"""What workers and people deploy to Temporal's schedules, and what stays whoever deploys."""

import asyncio
import json
import os
import pty
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import Client

from resolute import Flow, flow, node, schedule
from resolute.plan.errors import UnknownFlowError
from resolute.temporal.schedules.control import delete_schedule, describe_schedule, list_schedules
from resolute.temporal.schedules.spec import schedule_id
from resolute_worker.deploying import Load, Schedules, place_of, schedules_kept
from resolute_worker.embedded import EmbeddedServer
from resolute_worker.settings import Settings
from tests.keys import KEYS
from tests.patience import PATIENCE
from tests.worker.processes import RESOLUTE, environment, resolute, started

RELEASED = datetime(2026, 11, 1, 12, tzinfo=UTC)

FILE = """
from resolute import Flow, flow, node, schedule

@node
def tick() -> int:
    return 1

def ticking(name: str) -> Flow:
    return flow(name).triggered_by(schedule("0 0 29 2 *")).then(tick().as_("tick")).build()
"""


@node
def tick() -> int:
    return 1


def ticking(name: str, cron: str = "0 0 29 2 *") -> Flow:
    return flow(name).triggered_by(schedule(cron)).then(tick().as_("tick")).build()


@pytest.fixture
def name() -> str:
    return f"flow-{uuid4().hex[:8]}"


@pytest.fixture
def place(server: EmbeddedServer, name: str) -> dict[str, str]:
    """The environment of processes whose task queue is their own."""
    return {
        "TEMPORAL_ADDRESS": server.address,
        "RESOLUTE_TASK_QUEUE": f"queue-{name}",
        "RESOLUTE_HTTP_PORT": "0",
        "RESOLUTE_RELEASED": RELEASED.isoformat(),
    }


def write(folder: Path, *names: str) -> Path:
    """A folder to run commands in, with these flows in it."""
    (folder / "flows").mkdir(parents=True)
    built = [f"flow_{number} = ticking({name!r})" for number, name in enumerate(names)]
    (folder / "flows" / "flows.py").write_text("\n".join([FILE, *built, ""]))
    return folder


async def listed(client: Client, *names: str) -> None:
    """Once Temporal's list of schedules, which lags behind, has these."""
    async with asyncio.timeout(PATIENCE):
        while not {*names} <= {each.flow for each in await list_schedules(client)}:
            await asyncio.sleep(0.05)


async def answered(answer: str, *arguments: str, folder: Path, **variables: str) -> tuple[int, str]:
    """Runs a command on a terminal on which somebody types an answer: its exit code, and what it said."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, answer.encode() + b"\n")
        process = await asyncio.create_subprocess_exec(
            RESOLUTE,
            *arguments,
            cwd=folder,
            env=environment(variables),
            stdin=theirs,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(PATIENCE):
            said, _ = await process.communicate()
    finally:
        os.close(ours)
        os.close(theirs)
    return process.returncode or 0, said.decode()


async def test_a_worker_on_a_laptop_takes_nothing_away(
    tmp_path: Path, client: Client, name: str, place: dict[str, str]
) -> None:
    """It warns of schedules without a flow, with host, folder and time of who deployed them; all of them stay."""
    other = f"{name}-other"
    server, laptop = write(tmp_path / "server", name, other), write(tmp_path / "laptop", name)
    async with started("worker", folder=server, **place) as worker:
        await worker.line("task queue")
        await worker.stopped()
    await listed(client, name, other)
    newer = {**place, "RESOLUTE_RELEASED": (RELEASED + timedelta(days=1)).isoformat()}
    async with started("worker", folder=laptop, **newer) as worker:
        await worker.line("task queue")
        warned = await worker.line("schedule without a flow here")
        await worker.stopped()
    async with started("worker", folder=server, **place) as worker:
        await worker.line("task queue")
        await worker.stopped()

    assert f"deployed from {server / 'flows'} on " in warned
    assert other in warned
    assert "left unchanged" not in worker.output
    assert [name, other] == [(await describe_schedule(client, each)).flow for each in (name, other)]


async def test_a_worker_of_a_named_set_removes_what_the_set_deployed(
    tmp_path: Path, client: Client, name: str, place: dict[str, str]
) -> None:
    """The removal is a warning that names who deployed what is gone."""
    other, named = f"{name}-other", {**place, "RESOLUTE_WORKER_SET": f"set-{name}"}
    before, after = write(tmp_path / "before", name, other), write(tmp_path / "after", name)
    async with started("worker", folder=before, **named) as worker:
        await worker.line("task queue")
        await worker.stopped()
    await listed(client, name, other)
    async with started("worker", folder=after, **named) as worker:
        await worker.line("task queue")
        await worker.stopped()

    removed = next(line for line in worker.lines if "schedule removed" in line)
    assert f"deployed from {before / 'flows'} on " in removed
    with pytest.raises(UnknownFlowError):
        await describe_schedule(client, other)


async def test_a_missing_schedule_is_put_back_while_the_worker_runs(client: Client, name: str) -> None:
    """Nobody has to restart it."""
    load = Load(flows=[ticking(name)], released=RELEASED)
    schedules = Schedules(client, load, Settings(task_queue=f"queue-{name}"), KEYS)
    await schedules.deploy()
    await delete_schedule(client, name)

    async with schedules_kept(lambda: schedules, timedelta(milliseconds=10)), asyncio.timeout(PATIENCE):
        while True:
            try:
                found = await describe_schedule(client, name)
            except UnknownFlowError:
                await asyncio.sleep(0.02)  # Temporal announces nothing of a schedule
            else:
                break

    assert "0 0 29 2 * UTC" == (found.trigger.text if found.trigger else None)


async def test_deploy_shows_what_it_would_change_and_asks(
    tmp_path: Path, client: Client, name: str, place: dict[str, str]
) -> None:
    """No changes nothing and ends with 1; yes creates; the next one finds nothing to change."""
    folder = write(tmp_path, name)

    no, shown = await answered("n", "deploy", folder=folder, **place)
    with pytest.raises(UnknownFlowError):
        await describe_schedule(client, name)
    yes, _ = await answered("y", "deploy", folder=folder, **place)
    again, said = await answered("", "deploy", folder=folder, **place)

    assert (1, 0, 0) == (no, yes, again)
    assert f"{name} " in shown
    assert "created" in shown
    assert "Change 1 schedule(s)?" in shown
    assert "nothing to change" in said
    assert f"queue-{name}" == (await describe_schedule(client, name)).task_queue


async def test_deploy_prunes_when_asked(tmp_path: Path, client: Client, name: str, place: dict[str, str]) -> None:
    """Without --prune an orphan is shown and stays; with it, it goes; as JSON, for programs."""
    other = f"{name}-other"
    folder = write(tmp_path / "all", name, other)
    await resolute("deploy", "--yes", folder=folder, **place)
    await listed(client, name, other)
    folder = write(tmp_path / "some", name)

    _, kept, _ = await resolute("deploy", "--yes", "--json", folder=folder, **place)
    _, previewed, _ = await resolute("deploy", "--prune", "--json", folder=folder, **place)
    there = await describe_schedule(client, other)
    code, pruned, _ = await resolute("deploy", "--prune", "--yes", "--json", folder=folder, **place)

    def told(printed: str) -> tuple[bool, list[tuple[str, str]]]:
        value: dict[str, Any] = json.loads(printed)
        return value["applied"], [(each["flow"], each["action"]) for each in value["schedules"]]

    assert (True, [(name, "unchanged"), (other, "orphaned")]) == told(kept)
    assert (False, [(name, "unchanged"), (other, "removed")]) == told(previewed)
    assert other == there.flow
    assert (True, [(name, "unchanged"), (other, "removed")]) == told(pruned)
    assert 0 == code
    with pytest.raises(UnknownFlowError):
        await describe_schedule(client, other)


async def test_nothing_is_changed_where_nobody_can_be_asked(
    tmp_path: Path, client: Client, name: str, place: dict[str, str]
) -> None:
    """Without a terminal and without --yes, deploy and delete end with 2 and say what to give."""
    folder = write(tmp_path, name)

    refused, _, said = await resolute("deploy", folder=folder, **place)
    await resolute("deploy", "--yes", folder=folder, **place)
    kept, _, told = await resolute("schedules", "delete", name, folder=folder, **place)
    there = await describe_schedule(client, name)
    gone, _, _ = await resolute("schedules", "delete", name, "--yes", folder=folder, **place)
    unknown, _, _ = await resolute("schedules", "delete", name, "--yes", folder=folder, **place)

    assert (2, 2, 0, 2) == (refused, kept, gone, unknown)
    assert "add --yes" in said
    assert "add --yes" in told
    assert f"deployed from {folder / 'flows'} on " in told
    assert name == there.flow


def test_the_place_of_files_is_the_folder_that_they_share(tmp_path: Path) -> None:
    """One file has its own folder, none has no place."""
    files = [tmp_path / "flows" / "one.py", tmp_path / "flows" / "more" / "two.py"]

    assert tmp_path / "flows" == place_of(files)
    assert tmp_path / "flows" / "more" == place_of(files[1:])
    assert place_of([]) is None


def test_the_schedule_of_a_flow_has_its_name() -> None:
    """Which is how people find it in Temporal's own tools."""
    assert "resolute:smart-alerting" == schedule_id("smart-alerting")
