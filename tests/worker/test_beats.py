"""Heartbeats on a real server: a run for a beat that does not come, one for each outage, whatever workers there are."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from temporalio.client import Client

from resolute import (
    Flow,
    MissedBeat,
    TerminalError,
    bearer_token,
    flow,
    heartbeat,
    input_data,
    node,
    path_token,
    secret,
    unverified,
)
from resolute.execution.secrets import Environment
from resolute.running import beats
from resolute.running.shared import attendance
from resolute.running.switches import OFF, Thrown
from resolute.temporal.client.beat_changes import preview_heartbeats
from resolute.temporal.client.beating import KeptHeartbeat, find_heartbeat, list_heartbeats
from resolute.temporal.history.runs import list_runs
from resolute.temporal.schedules.change import Release
from resolute.temporal.trust.seals import NO_KEYS
from resolute.temporal.wire.switches import change_switches
from resolute_worker.deploying import Load
from resolute_worker.process import Running, running
from resolute_worker.serving.beats import heartbeats_of
from resolute_worker.settings import Settings
from tests.patience import PATIENCE

SECRETS = {"BEAT_TOKEN": "token-of-the-backup"}
OFTEN: dict[str, Any] = {"every": timedelta(seconds=1), "grace": timedelta(seconds=0.5)}
SELDOM: dict[str, Any] = {"every": timedelta(hours=24), "grace": timedelta(minutes=15)}
PATH = "/beat/backup"


@node(effect="pure")
async def keep(beat: MissedBeat) -> MissedBeat:
    return beat


def watching(name: str = "", **options: Any) -> Flow:
    """A flow that keeps what it was started with."""
    options = {"verify": unverified(), **SELDOM, **options}
    trigger = heartbeat(PATH, **options)
    step = keep(input_data(MissedBeat)).as_("kept")
    name = name or f"backup-{uuid4().hex[:6]}"
    return flow(name).triggered_by(trigger).then(step).returns(step.output).build()


@asynccontextmanager
async def serving(
    client: Client, *flows: Flow, queue: str = "", variables: Mapping[str, str] = SECRETS, **settings: Any
) -> AsyncGenerator[Running]:
    """A worker that hears the heartbeats of flows on a free port."""
    released = settings.pop("released", datetime(2026, 1, 1, tzinfo=UTC))
    load = Load(flows=flows, released=released)
    given = Settings(task_queue=queue or uuid4().hex, http_port=0, shutdown_seconds=1, watch=False, **settings)
    of_its_own = await Client.connect(client.service_client.config.target_host)
    async with running(load, settings=given, environment=Environment(variables), client=of_its_own) as worker:
        yield worker


async def ask(worker: Running, path: str = PATH, method: str = "GET", **options: Any) -> httpx.Response:
    async with httpx.AsyncClient(timeout=PATIENCE) as http:
        return await http.request(method, worker.http.url + path, **options)


async def beat_of(client: Client, built: Flow) -> KeptHeartbeat:
    found = await find_heartbeat(client, built.name, PATH)
    assert found is not None
    return found


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await holds():
            await asyncio.sleep(0.1)


async def runs_of(client: Client, built: Flow, count: int) -> list[MissedBeat]:
    """What the runs of a flow were started with, as soon as so many have ended, oldest first."""
    found: list[Any] = []

    async def are_there() -> bool:
        found[:] = [run for run in await list_runs(client, flows=[built.name]) if run.status == "completed"]
        return len(found) >= count

    await eventually(are_there)
    results = [await client.get_workflow_handle(run.workflow_id, run_id=run.run_id).result() for run in reversed(found)]
    return [MissedBeat.model_validate(each) for each in results]


async def test_a_missing_beat_starts_one_run_and_its_return_another(client: Client) -> None:
    """One run for an outage however long it lasts, with two workers, and one when the beat is back."""
    built, queue = watching(**OFTEN, recovered=True), uuid4().hex
    async with serving(client, built, queue=queue) as one, serving(client, built, queue=queue) as other:
        assert "new" == (await beat_of(client, built)).state
        heard = [await ask(one), await ask(other, method="HEAD"), await ask(other, method="POST", content=b"log " * 99)]
        assert [200] * 3 == [each.status_code for each in heard]
        assert {"status": "heard", "flows": [{"flow": built.name, "status": "heard"}]} == heard[0].json()
        # Longer than another beat takes to be missed: the outage is still the same.
        await eventually(lambda: _has_missed(client, built, 3))
        due = (await beat_of(client, built)).due
        await ask(one)
        runs: list[MissedBeat] = []

        async def is_over() -> bool:  # a busy machine may have had another outage between the beats above
            runs[:] = [each for each in await runs_of(client, built, 2) if each.due == due]
            return len(runs) >= 2

        await eventually(is_over)
        assert ["missing", "recovered"] == [each.state for each in runs]
        missed = runs[0]
        assert (PATH, 0, 0) == (missed.path, missed.reminder, missed.deaf_seconds)
        assert missed.last_beat is not None
        assert missed.due == missed.last_beat + timedelta(seconds=1)
        assert runs[1].missed >= 3


async def _has_missed(client: Client, built: Flow, beats: int) -> bool:
    return (await beat_of(client, built)).missed >= beats


async def test_a_beat_is_kept_by_temporal_and_not_by_a_worker(client: Client) -> None:
    """The next worker knows the last beat, also where it has other terms; runs of one outage are in one line."""
    name, queue = f"backup-{uuid4().hex[:6]}", uuid4().hex
    async with serving(client, watching(name), queue=queue) as worker:
        await ask(worker)
        before = await beat_of(client, watching(name))
    edited = watching(name, every=timedelta(hours=1))
    async with serving(client, edited, queue=queue):
        after = await beat_of(client, edited)
    assert before.last_beat == after.last_beat
    assert [86400, 3600] == [each.terms.every for each in (before, after) if each.terms]
    assert after.last_beat is not None
    assert after.due == after.last_beat + timedelta(hours=1)


@pytest.mark.parametrize(
    ("verify", "path", "headers", "status"),
    [
        (bearer_token(secret("BEAT_TOKEN")), PATH, {"Authorization": "Bearer token-of-the-backup"}, 200),
        (bearer_token(secret("BEAT_TOKEN")), PATH, {}, 403),
        (path_token(secret("BEAT_TOKEN")), f"{PATH}/token-of-the-backup", {}, 200),
        (path_token(secret("BEAT_TOKEN")), f"{PATH}/another", {}, 403),
        (path_token(secret("BEAT_TOKEN")), PATH, {}, 403),
        (unverified(), f"{PATH}/token-of-the-backup", {}, 404),
    ],
)
async def test_a_beat_is_verified(
    client: Client,
    verify: Any,
    path: str,
    headers: Mapping[str, str],
    status: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """By a token in a header or in the path, which never stands in the log; one that is refused is no beat."""
    built = watching(verify=verify)
    async with serving(client, built) as worker:
        assert status == (await ask(worker, path, headers=headers)).status_code
        assert ("up" if status == 200 else "new") == (await beat_of(client, built)).state
    assert "token-of-the-backup" not in caplog.text


async def test_a_flood_of_beats_costs_temporal_little(client: Client) -> None:
    """Beats of the same moment are one; a method that is no beat is refused, and so is what is too much at once."""
    built = watching()
    async with serving(client, built, max_deliveries=4) as worker:
        assert 405 == (await ask(worker, method="DELETE")).status_code
        async with httpx.AsyncClient(timeout=PATIENCE) as http:
            answers = await asyncio.gather(*(http.get(worker.http.url + PATH) for _ in range(60)))
        assert {each.status_code for each in answers} <= {200, 503}
        assert 200 in {each.status_code for each in answers}
        assert all("Retry-After" in each.headers for each in answers if each.status_code == 503)
        handle = client.get_workflow_handle(f"resolute.Heartbeat/{built.name}{PATH}")
        assert (await handle.describe()).history_length < 60


async def test_a_heartbeat_that_a_named_set_no_longer_has_is_removed(client: Client) -> None:
    """A newer release removes it, and an older one brings it back as little as it undoes an edit."""
    name, queue = f"backup-{uuid4().hex[:6]}", uuid4().hex
    of_it: dict[str, Any] = {"worker_set": f"set-{uuid4().hex[:6]}"}
    other, newer = watching(), datetime(2026, 2, 1, tzinfo=UTC)
    async with serving(client, watching(name), queue=queue, **of_it):
        pass

    async def is_gone() -> bool:
        async with serving(client, other, queue=queue, released=newer, **of_it):
            return await find_heartbeat(client, name, PATH) is None

    await eventually(is_gone)
    async with serving(client, watching(name), queue=queue, **of_it):
        assert await find_heartbeat(client, name, PATH) is None


async def test_a_beat_that_nobody_could_hear_is_waited_for_once_more(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then a run starts, and says for how long nobody listened; one that fails is started again."""
    monkeypatch.setattr(attendance, "LONGEST_PAUSE", 0.2)  # so that the first word is the last for long
    monkeypatch.setattr(beats, "FIRST_LOOK", 0.3)
    failures: list[MissedBeat] = []

    @node(effect="pure")
    async def fail_once(beat: MissedBeat) -> MissedBeat:
        if not failures:
            failures.append(beat)
            raise TerminalError("PagerDuty is down")
        return beat

    step = fail_once(input_data(MissedBeat)).as_("told")
    trigger = heartbeat(PATH, verify=unverified(), **OFTEN)
    built = flow(f"backup-{uuid4().hex[:6]}").triggered_by(trigger).then(step).returns(step.output).build()
    async with serving(client, built) as worker:
        await ask(worker)
        (told,) = await runs_of(client, built, 1)
    assert failures == [told]
    assert told.deaf_seconds > 0.2


@pytest.mark.parametrize("word", ["pause", "brake"])
async def test_a_stopped_heartbeat_hears_and_its_runs_wait(client: Client, word: str) -> None:
    """While the flow is paused, or the brake is on, beats are heard and a missed one starts its run, which waits."""
    written: list[MissedBeat] = []

    @node
    async def write(beat: MissedBeat) -> MissedBeat:
        written.append(beat)
        return beat

    step = write(input_data(MissedBeat)).as_("written")
    name = f"backup-{uuid4().hex[:6]}"
    built = flow(name).triggered_by(heartbeat(PATH, verify=unverified(), **OFTEN)).then(step).returns(step.output)
    ada = Thrown(by="ada", since=datetime.now(UTC).isoformat(), reason="a bad deploy")
    async with serving(client, built.build()) as worker:
        await change_switches(
            client, NO_KEYS, lambda known: known.with_brake(ada) if word == "brake" else known.with_pause(name, ada)
        )
        try:
            await worker.switches.look(timedelta(seconds=PATIENCE))
            assert 200 == (await ask(worker)).status_code

            async def waits() -> bool:
                runs = await list_runs(client, flows=[name])
                return [(run.status, bool(run.paused or run.stopped)) for run in runs] == [("running", True)]

            await eventually(waits)
            before = (await beat_of(client, built.build())).last_beat
            assert 200 == (await ask(worker)).status_code
            after = (await beat_of(client, built.build())).last_beat
            assert before is not None
            assert after is not None
            assert before < after
            assert [] == written
        finally:
            await change_switches(client, NO_KEYS, lambda _: OFF)
        await worker.switches.look(timedelta(seconds=PATIENCE))
        missed = await runs_of(client, built.build(), 1)
    assert missed[0] in written  # the beat after it may be missed by now as well, and its run be the quicker one
    assert "missing" == missed[0].state


async def test_what_a_deploy_changes_about_heartbeats_is_shown_before(client: Client) -> None:
    """As the worker that starts does it: what is new, edited, kept for a newer release, gone or somebody else's."""
    queue, of_set = uuid4().hex, f"set-{uuid4().hex[:6]}"
    first, gone, foreign = watching(), watching(), watching()
    edited = watching(first.name, every=timedelta(hours=1))
    release = Release(task_queue=queue, worker_set=of_set, released=datetime(2026, 1, 1, tzinfo=UTC), by=None)

    async def shown(*flows: Flow, **changed: Any) -> dict[str, tuple[str, str, tuple[str, ...]]]:
        own = [(each.flow.name, each.beat) for each in heartbeats_of(flows)]
        changes = await preview_heartbeats(client, own, replace(release, **changed))
        return {each.flow: (each.action, each.reason, each.differs) for each in changes}

    assert {first.name: ("created", "", ())} == await shown(first)
    async with serving(client, foreign, queue=queue):
        pass
    async with serving(client, first, gone, queue=queue, worker_set=of_set):
        pass

    async def are_listed() -> bool:
        return len(await list_heartbeats(client, task_queue=queue)) == 3

    await eventually(are_listed)
    assert {
        first.name: ("updated", "", ("every",)),
        gone.name: ("removed", "it is gone from its worker set", ()),
        foreign.name: ("orphaned", "no flow here has it", ()),
    } == await shown(edited)
    assert ("unchanged", "", ()) == (await shown(first))[first.name]
    earlier = {"released": datetime(2025, 1, 1, tzinfo=UTC)}
    assert ("kept", "a newer release has deployed it", ("every",)) == (await shown(edited, **earlier))[first.name]
    assert "kept" == (await shown(edited, worker_set=""))[first.name][0]
    async with serving(client, edited, gone, queue=queue, worker_set=of_set):
        assert ("unchanged", "", ()) == (await shown(edited, gone))[first.name]
