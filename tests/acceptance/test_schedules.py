"""Schedules on a real Temporal server: the times it is told, deploys that repeat, cross and age, and runs on demand."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio import workflow
from temporalio.api.workflowservice.v1 import ListScheduleMatchingTimesRequest
from temporalio.client import Client, ScheduleActionStartWorkflow, ScheduleState
from temporalio.common import RawValue
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from resolute.plan.cron import CronError
from resolute.plan.errors import UnknownFlowError
from resolute.plan.triggers import Overlap, Schedule, every, schedule
from resolute.temporal.schedules.change import Release, ScheduleChange
from resolute.temporal.schedules.control import (
    FlowBusyError,
    ScheduledRun,
    delete_schedule,
    describe_schedule,
    list_schedules,
    pause_schedule,
    trigger_schedule,
    unpause_schedule,
)
from resolute.temporal.schedules.record import Record, write_record
from resolute.temporal.schedules.schedules import deploy_schedules, find_orphans, preview_schedules, remove_orphans
from resolute.temporal.schedules.spec import MARK, Deployer, ScheduledFlow, schedule_id, temporal_schedule
from tests.patience import PATIENCE

T = TypeVar("T")

QUEUE = "schedules"
RELEASED = datetime(2026, 11, 1, 12, tzinfo=UTC)
NEVER_SOON = "0 0 29 2 *"


@workflow.defn(dynamic=True)
class Interpreter:
    """Counts its runs, from one run to the next; waits for `go` where its start argument says so."""

    def __init__(self) -> None:
        self.gone = False

    @workflow.signal
    def go(self) -> None:
        self.gone = True

    @workflow.run
    async def run(self, args: Sequence[RawValue]) -> Any:
        given = workflow.payload_converter().from_payload(args[0].payload)
        if given["wait"]:
            await workflow.wait_condition(lambda: self.gone)
        before = workflow.get_last_completion_result(dict[str, int]) or {"count": 0}
        return {"count": before["count"] + 1, "given": given["number"]}


@pytest.fixture(scope="session")
async def worker(temporal_client: Client) -> AsyncIterator[None]:
    async with Worker(
        temporal_client, task_queue=QUEUE, workflows=[Interpreter], workflow_runner=UnsandboxedWorkflowRunner()
    ):
        yield


@pytest.fixture
def name() -> str:
    return f"flow-{uuid4().hex[:8]}"


def scheduled(name: str, trigger: Schedule, *, number: int = 0, wait: bool = False) -> ScheduledFlow:
    return ScheduledFlow(name=name, schedule=trigger, start_argument={"number": number, "wait": wait})


def at_times(
    cron: str = NEVER_SOON, *, timezone: str = "UTC", overlap: Overlap = "skip", paused: bool = False
) -> Schedule:
    trigger = schedule(cron, timezone=timezone, overlap=overlap, paused=paused).trigger
    assert isinstance(trigger, Schedule)
    return trigger


async def deploy(
    client: Client, *flows: ScheduledFlow, to: str, released: datetime = RELEASED
) -> list[tuple[str, str]]:
    return actions(await deploy_schedules(client, flows, release(to, released)))


def release(
    to: str = "",
    released: datetime = RELEASED,
    *,
    place: str = "/srv/flows",
    take_over: bool = False,
    queue: str = QUEUE,
) -> Release:
    by = Deployer(host="prod-1", place=place, at=datetime(2026, 11, 2, 8, 30, tzinfo=UTC))
    return Release(task_queue=queue, worker_set=to, released=released, by=by, take_over=take_over)


def actions(changes: Sequence[ScheduleChange]) -> list[tuple[str, str]]:
    return [(change.flow, change.action) for change in changes]


async def deployed(client: Client, *names: str) -> list[str]:
    """Those of the flows that have a schedule."""
    found: list[str] = []
    for name in names:
        with contextlib.suppress(UnknownFlowError):
            found.append((await describe_schedule(client, name)).flow)
    return found


async def eventually(look: Callable[[], Awaitable[T]], wanted: Callable[[T], bool]) -> T:
    """What is looked at, once it is as wanted: Temporal's lists lag, and announce nothing."""
    async with asyncio.timeout(PATIENCE):
        while not wanted(seen := await look()):
            await asyncio.sleep(0.05)
    return seen


async def matching_times(client: Client, flow: str, start: datetime, end: datetime) -> list[datetime]:
    first, last = Timestamp(), Timestamp()
    first.FromDatetime(start)
    last.FromDatetime(end)
    found = await client.workflow_service.list_schedule_matching_times(
        ListScheduleMatchingTimesRequest(
            namespace=client.namespace, schedule_id=schedule_id(flow), start_time=first, end_time=last
        )
    )
    return [at.ToDatetime(UTC) for at in found.start_time]


def croniter_times(cron: str, timezone: str, start: datetime, end: datetime) -> list[datetime]:
    """Croniter's times; of fixed times that come twice, the first."""
    turns = croniter(cron, start.astimezone(ZoneInfo(timezone)), ret_type=datetime)
    once = "*" not in {field[0] for field in cron.split()[:2]}
    found: list[datetime] = []
    while (at := turns.get_next(datetime)).astimezone(UTC) <= end:
        if not (once and at.fold):
            found.append(at.astimezone(UTC))
    return found


@pytest.mark.parametrize(
    ("cron", "timezone"),
    [
        ("* * * * *", "UTC"),
        ("*/5 * * * *", "UTC"),
        ("*/7 * * * *", "Europe/Berlin"),
        ("0 * * * *", "Asia/Kolkata"),
        ("@hourly", "Australia/Adelaide"),
        ("@daily", "America/New_York"),
        ("@weekly", "Europe/London"),
        ("@monthly", "UTC"),
        ("@yearly", "UTC"),
        ("0 9 * * mon-fri", "Europe/Paris"),
        ("0 9 * * 1-5", "America/Los_Angeles"),
        ("0,30 8-18 * * 1-5", "Europe/Berlin"),
        ("15 22-2 * * *", "UTC"),
        ("0 12 * * fri-mon", "UTC"),
        ("0 12 * * 5-7", "UTC"),
        ("0 12 * nov-feb *", "UTC"),
        ("0 9 13 * 5", "UTC"),
        ("0 9 1,15 * mon", "Asia/Tokyo"),
        ("0 9 * * 5#2", "UTC"),
        ("0 9 * * mon#1,wed#3", "UTC"),
        ("0 9 * * l5", "America/Sao_Paulo"),
        ("0 9 l * *", "UTC"),
        ("0 9 15,l * *", "UTC"),
        ("0 9 31 * *", "UTC"),
        ("0 9 29 2 *", "UTC"),
        ("0 9 ? * 0", "UTC"),
        ("5/20 3/7 * * *", "UTC"),
        ("10-50/20 0 */10 1-12/5 *", "UTC"),
    ],
)
async def test_the_server_is_told_the_times_of_croniter(
    temporal_client: Client, name: str, cron: str, timezone: str
) -> None:
    """The next ten times that Temporal shows are croniter's next ten."""
    await deploy(temporal_client, scheduled(name, at_times(cron, timezone=timezone)), to=name)
    zone = ZoneInfo(timezone)

    def expected() -> list[datetime]:
        turns = croniter(cron, datetime.now(zone), ret_type=datetime)
        return [turns.get_next(datetime) for _ in range(10)]

    async with asyncio.timeout(PATIENCE):
        while True:
            before = expected()
            seen = list((await describe_schedule(temporal_client, name)).next_times)
            # Else a minute has begun meanwhile, or has just begun and the schedule is yet to come to it.
            if expected() == before and seen[0] > datetime.now(zone):
                break

    assert before == seen


SPRING_IN_EUROPE = datetime(2027, 3, 28, 1, tzinfo=UTC)
AUTUMN_IN_EUROPE = datetime(2027, 10, 31, 1, tzinfo=UTC)
SPRING_IN_AMERICA = datetime(2027, 3, 14, 7, tzinfo=UTC)
AUTUMN_IN_AMERICA = datetime(2027, 11, 7, 6, tzinfo=UTC)


@pytest.mark.parametrize("change", [SPRING_IN_EUROPE, AUTUMN_IN_EUROPE, SPRING_IN_AMERICA, AUTUMN_IN_AMERICA])
@pytest.mark.parametrize(
    ("cron", "timezone"),
    [
        ("*/15 * * * *", "Europe/Berlin"),
        ("0 0 * * *", "Europe/London"),
        ("*/20 0 * * *", "Europe/Lisbon"),
        ("30 1 * * *", "Europe/Berlin"),
        ("0 3 * * *", "Europe/Berlin"),
        ("0 9 * * sun", "Europe/Helsinki"),
        ("30 1 * * *", "America/New_York"),
        ("*/10 0,1 * * *", "America/New_York"),
        ("0 3 * * sun", "America/New_York"),
        ("0 * * * sun", "America/New_York"),
        ("0 22 * * sat", "America/Nuuk"),
        ("0 */2 * * *", "Europe/Paris"),
        ("*/20 0-3 * * *", "Europe/Paris"),
        ("30 2 * * *", "Europe/Paris"),
    ],
)
async def test_the_times_are_croniters_when_clocks_change(
    temporal_client: Client, name: str, cron: str, timezone: str, change: datetime
) -> None:
    """From the day before a change of the clocks to the day after, Temporal has croniter's times and no other."""
    await deploy(temporal_client, scheduled(name, at_times(cron, timezone=timezone)), to=name)
    start, end = change - timedelta(hours=36), change + timedelta(hours=36)

    assert croniter_times(cron, timezone, start, end) == await matching_times(temporal_client, name, start, end)


@pytest.mark.parametrize(
    ("cron", "timezone", "change"),
    [
        ("0 0 * * *", "America/Santiago", datetime(2027, 9, 5, 4, tzinfo=UTC)),
        ("0 0,9 * * sat", "America/Santiago", datetime(2027, 9, 5, 4, tzinfo=UTC)),
        ("0 0,9 * * sun", "America/Santiago", datetime(2029, 9, 2, 4, tzinfo=UTC)),
        ("30 23 * * *", "America/Santiago", datetime(2028, 4, 2, 3, tzinfo=UTC)),
        ("0 0 * * *", "Africa/Cairo", datetime(2027, 4, 29, 22, tzinfo=UTC)),
        ("*/15 23 * * *", "Africa/Cairo", datetime(2030, 10, 31, 21, tzinfo=UTC)),
        ("0 0 1 * *", "Asia/Beirut", datetime(2030, 3, 30, 22, tzinfo=UTC)),
        ("0 0 l * *", "Asia/Beirut", datetime(2030, 3, 30, 22, tzinfo=UTC)),
        ("30 0 * * *", "America/Havana", datetime(2027, 11, 7, 5, tzinfo=UTC)),
        ("15 2 * * *", "Australia/Lord_Howe", datetime(2027, 10, 2, 15, 30, tzinfo=UTC)),
        ("*/5 1 * * *", "Australia/Lord_Howe", datetime(2028, 4, 1, 15, tzinfo=UTC)),
        ("0 */2 * * *", "Antarctica/Troll", datetime(2027, 3, 28, 1, tzinfo=UTC)),
        ("45 2,3 * * *", "Pacific/Chatham", datetime(2027, 4, 3, 14, tzinfo=UTC)),
    ],
)
async def test_the_times_are_croniters_where_clocks_change_at_midnight_or_oddly(
    temporal_client: Client, name: str, cron: str, timezone: str, change: datetime
) -> None:
    """Years ahead as well, without another deploy."""
    await deploy(temporal_client, scheduled(name, at_times(cron, timezone=timezone)), to=name)
    start, end = change - timedelta(hours=36), change + timedelta(hours=36)

    assert croniter_times(cron, timezone, start, end) == await matching_times(temporal_client, name, start, end)


async def test_intervals_are_those_of_the_preview(temporal_client: Client, name: str) -> None:
    """What `every` previews is what Temporal shows."""
    trigger = every(timedelta(hours=7), offset=timedelta(minutes=20)).trigger
    assert isinstance(trigger, Schedule)
    await deploy(temporal_client, scheduled(name, trigger), to=name)

    seen = (await describe_schedule(temporal_client, name)).next_times

    assert trigger.next_times(seen[0] - timedelta(seconds=1), 10) == list(seen)


async def test_a_deploy_that_changes_nothing_writes_nothing(temporal_client: Client, name: str) -> None:
    """The first deploy creates, the second finds all as it should be."""
    flow = scheduled(name, at_times())

    assert [(name, "created")] == await deploy(temporal_client, flow, to=name)
    assert [(name, "unchanged")] == await deploy(temporal_client, flow, to=name)
    assert (await temporal_client.get_schedule_handle(schedule_id(name)).describe()).info.last_updated_at is None


@pytest.mark.parametrize(
    "changed",
    [
        {"schedule": at_times("0 1 29 2 *")},
        {"schedule": at_times(timezone="Asia/Tokyo")},
        {"schedule": at_times(overlap="allow_all")},
        {"start_argument": {"number": 1, "wait": False}},
    ],
    ids=["cron", "timezone", "overlap", "plan"],
)
async def test_whatever_changes_in_the_flow_is_deployed(
    temporal_client: Client, name: str, changed: dict[str, Any]
) -> None:
    """Times, policies and the argument of the runs: a change in any of them is an update, once."""
    flow = scheduled(name, at_times())
    await deploy(temporal_client, flow, to=name)
    flow = replace(flow, **changed)

    assert [(name, "updated")] == await deploy(temporal_client, flow, to=name)
    assert [(name, "unchanged")] == await deploy(temporal_client, flow, to=name)
    assert flow.schedule == (await describe_schedule(temporal_client, name)).trigger


async def test_the_pause_of_an_operator_survives_a_deploy(temporal_client: Client, name: str) -> None:
    """Who paused a schedule, and said why, is not overruled by the next release."""
    await deploy(temporal_client, scheduled(name, at_times()), to=name)
    await pause_schedule(temporal_client, name, "Kim: the disk is full")

    await deploy(temporal_client, scheduled(name, at_times("0 1 29 2 *")), to=name)

    seen = await describe_schedule(temporal_client, name)
    assert (True, "Kim: the disk is full") == (seen.paused, seen.note)


async def test_the_flow_has_the_last_word_when_it_says_something_new(temporal_client: Client, name: str) -> None:
    """A flow whose `paused` changes pauses or resumes its schedule."""
    await deploy(temporal_client, scheduled(name, at_times(paused=True)), to=name)
    assert (await describe_schedule(temporal_client, name)).paused

    await deploy(temporal_client, scheduled(name, at_times(paused=False)), to=name)
    assert not (await describe_schedule(temporal_client, name)).paused


async def test_a_schedule_goes_with_its_flow(temporal_client: Client, name: str) -> None:
    """What the set no longer has is removed; what another set has stays."""
    other = f"{name}-other"
    await deploy(temporal_client, scheduled(other, at_times()), to=other)
    await deploy(temporal_client, scheduled(name, at_times()), to=name)

    assert [(name, "removed")] == await deploy(temporal_client, to=name)
    assert [] == await deploy(temporal_client, to=name)
    with pytest.raises(UnknownFlowError):
        await describe_schedule(temporal_client, name)
    assert other == (await describe_schedule(temporal_client, other)).worker_set


async def test_a_flow_that_moves_to_another_set_keeps_its_schedule(temporal_client: Client, name: str) -> None:
    """The set that it left does not remove it after the other has taken it over."""
    flow, old, new = scheduled(name, at_times()), f"{name}-old", f"{name}-new"
    await deploy(temporal_client, flow, to=old)

    assert [(name, "updated")] == await deploy(temporal_client, flow, to=new)
    assert [] == await deploy(temporal_client, to=old)
    assert new == (await describe_schedule(temporal_client, name)).worker_set


async def test_an_old_worker_undoes_nothing(temporal_client: Client, name: str) -> None:
    """After a newer release, one that restarts with old code changes, removes and brings back nothing."""
    gone, new = f"{name}-gone", f"{name}-new"
    old_release = [scheduled(name, at_times("0 1 29 2 *")), scheduled(gone, at_times())]
    await deploy(temporal_client, *old_release, to=name)
    later = RELEASED + timedelta(minutes=1)
    await deploy(temporal_client, scheduled(name, at_times()), scheduled(new, at_times()), to=name, released=later)

    changes = await deploy(temporal_client, *old_release, to=name, released=RELEASED)

    assert [(name, "kept"), (gone, "kept")] == changes
    assert at_times() == (await describe_schedule(temporal_client, name)).trigger
    assert at_times() == (await describe_schedule(temporal_client, new)).trigger
    with pytest.raises(UnknownFlowError):
        await describe_schedule(temporal_client, gone)


async def test_an_old_worker_brings_nothing_back_after_all_is_gone(temporal_client: Client, name: str) -> None:
    """Also where the newer release has no schedule left."""
    await deploy(temporal_client, scheduled(name, at_times()), to=name)
    await deploy(temporal_client, to=name, released=RELEASED + timedelta(minutes=1))

    assert [(name, "kept")] == await deploy(temporal_client, scheduled(name, at_times()), to=name)
    with pytest.raises(UnknownFlowError):
        await describe_schedule(temporal_client, name)


async def test_an_old_set_takes_nothing_from_a_newer_one(temporal_client: Client, name: str) -> None:
    """A flow that another set deployed in a newer release stays with it, and the reason names that set."""
    await deploy(temporal_client, scheduled(name, at_times()), to=f"{name}-a", released=RELEASED + timedelta(minutes=1))

    mine = release(f"{name}-b")
    [change] = await deploy_schedules(temporal_client, [scheduled(name, at_times("0 1 29 2 *"))], mine)

    reason = f"worker set '{name}-a' has deployed a newer release of it"
    assert ScheduleChange(name, "kept", reason, by=mine.by) == change


async def test_a_worker_without_a_name_removes_nothing(temporal_client: Client, name: str) -> None:
    """Started on a laptop with one flow, it leaves every other schedule alone, and names who deployed those."""
    others = [f"{name}-{kind}" for kind in ("named", "unnamed")]
    queue = f"queue-{name}"
    await deploy_schedules(temporal_client, [scheduled(others[0], at_times())], release(f"set-{name}", queue=queue))
    await deploy_schedules(temporal_client, [scheduled(others[1], at_times())], release(queue=queue))
    laptop = release(released=RELEASED + timedelta(days=1), place="kim/flows", queue=queue)
    changes = await deploy_schedules(temporal_client, [scheduled(name, at_times())], laptop)

    orphans = await eventually(lambda: find_orphans(temporal_client, [name], laptop), lambda found: found != [])

    assert [(name, "created")] == actions(changes)
    assert others == await deployed(temporal_client, *others)
    assert [(others[1], "orphaned")] == actions(orphans)
    assert "deployed from /srv/flows on prod-1 at 2026-11-02 08:30:00 UTC" in orphans[0].reason


async def test_a_laptop_locks_nobody_out(temporal_client: Client, name: str) -> None:
    """Its newer commit neither keeps production from its schedules nor from putting back what is missing."""
    prod, laptop = release(), release(released=RELEASED + timedelta(days=1), place="kim/flows")
    flows = [scheduled(f"{name}-{number}", at_times()) for number in range(2)]
    edited = [replace(flow, schedule=at_times("0 1 29 2 *")) for flow in flows]
    await deploy_schedules(temporal_client, flows, prod)
    await deploy_schedules(temporal_client, edited, laptop)
    await delete_schedule(temporal_client, flows[1].name)

    changes = await deploy_schedules(temporal_client, flows, prod)

    assert [(flows[0].name, "updated"), (flows[1].name, "created")] == actions(changes)
    assert {NEVER_SOON} == {
        trigger.cron for flow in flows if (trigger := (await describe_schedule(temporal_client, flow.name)).trigger)
    }


async def test_a_worker_without_a_name_leaves_a_named_set_its_schedules(temporal_client: Client, name: str) -> None:
    """Also those of flows that it has itself; the reason says how it would be a member of that set."""
    await deploy(temporal_client, scheduled(name, at_times()), to=f"set-{name}")

    laptop = release(released=RELEASED + timedelta(days=1))
    [change] = await deploy_schedules(temporal_client, [scheduled(name, at_times("0 1 29 2 *"))], laptop)

    assert "kept" == change.action
    assert f"it belongs to worker set 'set-{name}'" in change.reason
    assert at_times() == (await describe_schedule(temporal_client, name)).trigger


async def test_workers_without_a_name_keep_the_newest_release_of_their_folder(
    temporal_client: Client, name: str
) -> None:
    """A replica that restarts with old code during a rollout does not undo the new one."""
    newer = release(released=RELEASED + timedelta(minutes=1))
    await deploy_schedules(temporal_client, [scheduled(name, at_times())], newer)

    assert [(name, "kept")] == await deploy(temporal_client, scheduled(name, at_times("0 1 29 2 *")), to="")
    assert at_times() == (await describe_schedule(temporal_client, name)).trigger


async def test_a_missing_schedule_is_put_back_by_an_older_worker(temporal_client: Client, name: str) -> None:
    """Where nobody of its set took it away: deleted by hand, it is there again, whatever release the record names."""
    flow = scheduled(name, at_times())
    await deploy(temporal_client, flow, to=name, released=RELEASED + timedelta(minutes=1))
    await delete_schedule(temporal_client, name)

    assert [(name, "created")] == await deploy(temporal_client, flow, to=name)
    assert [(name, "unchanged")] == await deploy(temporal_client, flow, to=name)


async def test_only_what_is_missing_is_put_back_while_a_worker_runs(temporal_client: Client, name: str) -> None:
    """What is there stays as it is, also where it differs."""
    other = f"{name}-other"
    await deploy_schedules(temporal_client, [scheduled(name, at_times())], release())

    flows = [scheduled(name, at_times("0 1 29 2 *")), scheduled(other, at_times())]
    changes = await deploy_schedules(temporal_client, flows, release(), only_missing=True)

    assert [(name, "unchanged"), (other, "created")] == actions(changes)
    assert at_times() == (await describe_schedule(temporal_client, name)).trigger


async def test_a_person_deploys_over_a_newer_release(temporal_client: Client, name: str) -> None:
    """A rollback that somebody asked for: changed, brought back, removed; and the next worker finds all as it is."""
    gone = f"{name}-gone"
    new = f"{name}-new"
    old_release = [scheduled(name, at_times("0 1 29 2 *")), scheduled(gone, at_times())]
    await deploy(temporal_client, *old_release, to=name)
    later = RELEASED + timedelta(minutes=1)
    await deploy(temporal_client, scheduled(name, at_times()), scheduled(new, at_times()), to=name, released=later)

    changes = await deploy_schedules(temporal_client, old_release, release(name, take_over=True))

    assert [(name, "updated"), (gone, "created"), (new, "removed")] == actions(changes)
    assert [(name, "unchanged"), (gone, "unchanged")] == await deploy(temporal_client, *old_release, to=name)


async def test_a_preview_is_what_the_deploy_then_does(temporal_client: Client, name: str) -> None:
    """Every kind of change is shown with what differs, and nothing is done before the deploy."""
    same, changed, new, gone = (f"{name}-{kind}" for kind in ("a-same", "b-changed", "c-new", "d-gone"))
    await deploy(temporal_client, *(scheduled(flow, at_times(), number=1) for flow in (same, changed, gone)), to=name)
    flows = [
        scheduled(same, at_times(), number=1),
        scheduled(changed, at_times("0 1 29 2 *", paused=True), number=2),
        scheduled(new, at_times()),
    ]

    previewed = await preview_schedules(temporal_client, flows, release(name))

    assert [(same, "unchanged"), (changed, "updated"), (new, "created"), (gone, "removed")] == actions(previewed)
    times, paused, plan = previewed[1].differs
    assert ("times: 0 0 29 2 * UTC -> 0 1 29 2 * UTC", "paused") == (times, paused)
    assert plan.startswith("plan: ")
    assert [same, changed, gone] == await deployed(temporal_client, same, changed, new, gone)
    assert previewed == await deploy_schedules(temporal_client, flows, release(name))


async def test_orphans_go_when_a_person_says_so(temporal_client: Client, name: str) -> None:
    """Those of the task queue without a named set; never those of another named set."""
    queue, mine, theirs = f"queue-{name}", f"{name}-mine", f"{name}-theirs"
    here = release(queue=queue)
    await deploy_schedules(temporal_client, [scheduled(mine, at_times())], here)
    await deploy_schedules(temporal_client, [scheduled(theirs, at_times())], release(f"set-{name}", queue=queue))

    removed = await remove_orphans(temporal_client, [mine, theirs], here)

    assert [(mine, "removed")] == actions(removed)
    assert [theirs] == await deployed(temporal_client, mine, theirs)


async def test_what_older_versions_deployed_is_read(temporal_client: Client, name: str) -> None:
    """Where a set had no name they wrote the task queue: that is not taken for a set of that name."""
    queue, gone = f"queue-{name}", f"{name}-gone"
    old = release(queue, queue=queue)
    for flow in (scheduled(name, at_times()), scheduled(gone, at_times())):
        schedule = temporal_schedule(flow, task_queue=queue, mark=old.mark(flow), state=ScheduleState())
        action = schedule.action
        assert isinstance(action, ScheduleActionStartWorkflow)
        mark = old.mark(flow).model_dump(mode="json", exclude={"argument", "by"})
        schedule.action = replace(action, memo={MARK: mark})
        await temporal_client.create_schedule(schedule_id(flow.name), schedule)
    newer = Record(released=RELEASED + timedelta(days=1), flows=(name, gone))
    await write_record(temporal_client, queue, queue, newer)

    named = release(queue, released=RELEASED + timedelta(days=2), queue=queue)
    changes = await deploy_schedules(temporal_client, [scheduled(name, at_times())], named)

    assert [(name, "updated")] == actions(changes)
    assert [name, gone] == await deployed(temporal_client, name, gone)
    unnamed = release(queue=queue)
    orphans = await eventually(lambda: find_orphans(temporal_client, [name], unnamed), lambda found: found != [])
    assert [(gone, "orphaned")] == actions(orphans)
    assert "release of 2026-11-01 12:00:00 UTC" in orphans[0].reason


async def test_a_mark_that_cannot_be_read_stops_nobody(temporal_client: Client, name: str) -> None:
    """A schedule whose mark is damaged is no orphan, and is deployed anew where its flow is here."""
    flow, queue = scheduled(name, at_times()), f"queue-{name}"
    here = release(queue=queue)
    schedule = temporal_schedule(flow, task_queue=queue, mark=here.mark(flow), state=ScheduleState())
    action = schedule.action
    assert isinstance(action, ScheduleActionStartWorkflow)
    schedule.action = replace(action, memo={MARK: {"worker_set": 7}})
    await temporal_client.create_schedule(schedule_id(name), schedule)

    assert [] == [each for each in await find_orphans(temporal_client, [], here) if each.flow == name]
    assert [(name, "updated")] == actions(await deploy_schedules(temporal_client, [flow], here))
    assert at_times() == (await describe_schedule(temporal_client, name)).trigger


async def test_workers_of_a_set_deploy_at_the_same_time(temporal_client: Client, name: str) -> None:
    """Replicas that start together leave one schedule, and none of them fails."""
    flow = scheduled(name, at_times())

    changes = await asyncio.gather(*(deploy(temporal_client, flow, to=name) for _ in range(5)))

    assert 1 == sum(change == [(name, "created")] for change in changes)
    assert [(name, "unchanged")] == await deploy(temporal_client, flow, to=name)


async def test_a_deploy_that_breaks_off_forgets_nothing(temporal_client: Client, name: str) -> None:
    """What it did not come to remove, the next one removes."""
    gone = f"{name}-gone"
    await deploy(temporal_client, scheduled(name, at_times()), scheduled(gone, at_times()), to=name)
    with pytest.raises(CronError):
        await deploy(temporal_client, scheduled(name, at_times("nonsense")), to=name)

    assert [(name, "unchanged"), (gone, "removed")] == await deploy(
        temporal_client, scheduled(name, at_times()), to=name
    )


async def test_the_list_shows_what_is_deployed(temporal_client: Client, name: str) -> None:
    """A schedule is listed under its flow, with the flow's own words and Temporal's times in the flow's zone."""
    trigger = at_times("0 9 * * *", timezone="Asia/Tokyo", paused=True)
    await deploy(temporal_client, scheduled(name, trigger), to=name)

    async def listed() -> dict[str, Any]:
        return {one.flow: one for one in await list_schedules(temporal_client)}

    seen = (await eventually(listed, lambda found: name in found))[name]

    assert ("0 9 * * * Asia/Tokyo", True, RELEASED) == (seen.trigger.text, seen.paused, seen.released)
    assert {9} == {at.hour for at in seen.next_times}
    assert (None, ()) == (seen.last_run, seen.running)


@pytest.mark.usefixtures("worker")
async def test_a_triggered_run_is_found_and_knows_the_one_before(temporal_client: Client, name: str) -> None:
    """The run's own id comes back; previous results pass from run to run, through an update too."""
    runs: list[ScheduledRun] = []
    results: list[Any] = []
    for number in range(4):
        await deploy(temporal_client, scheduled(name, at_times(), number=number // 2), to=name)
        runs.append(await trigger_schedule(temporal_client, name))
        handle = temporal_client.get_workflow_handle(runs[-1].workflow_id, run_id=runs[-1].run_id)
        results.append(await handle.result())

    assert [
        {"count": 1, "given": 0},
        {"count": 2, "given": 0},
        {"count": 3, "given": 1},
        {"count": 4, "given": 1},
    ] == results
    seen = await describe_schedule(temporal_client, name)
    assert (4, runs[-1]) == (seen.started, seen.last_run)


@pytest.mark.usefixtures("worker")
async def test_triggers_within_a_second_are_runs_of_their_own(temporal_client: Client, name: str) -> None:
    """Temporal names runs by the second; no second is used twice."""
    await deploy(temporal_client, scheduled(name, at_times(overlap="allow_all")), to=name)

    runs = [await trigger_schedule(temporal_client, name) for _ in range(3)]

    assert 3 == len({run.workflow_id for run in runs})
    assert all(run.workflow_id.startswith(f"{name}-2") for run in runs)


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("overlap", ["skip", "buffer_one", "buffer_all"])
async def test_a_flow_at_work_is_not_started_beside_itself(
    temporal_client: Client, name: str, overlap: Overlap
) -> None:
    """The error names the run at work; once that has ended, the flow can be run again."""
    await deploy(temporal_client, scheduled(name, at_times(overlap=overlap), wait=True), to=name)
    run = await trigger_schedule(temporal_client, name)

    with pytest.raises(FlowBusyError) as caught:
        await trigger_schedule(temporal_client, name)
    assert (run.workflow_id,) == caught.value.running

    handle = temporal_client.get_workflow_handle(run.workflow_id, run_id=run.run_id)
    await handle.signal("go")
    await handle.result()
    await eventually(lambda: describe_schedule(temporal_client, name), lambda seen: not seen.running)
    assert run.run_id != (await trigger_schedule(temporal_client, name)).run_id


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("overlap", ["cancel_other", "terminate_other"])
async def test_a_run_takes_the_place_of_another_where_the_flow_says_so(
    temporal_client: Client, name: str, overlap: Overlap
) -> None:
    """With these policies a run at work makes way for the new one."""
    await deploy(temporal_client, scheduled(name, at_times(overlap=overlap), wait=True), to=name)
    first = await trigger_schedule(temporal_client, name)

    second = await trigger_schedule(temporal_client, name)

    seen = await describe_schedule(temporal_client, name)
    assert first.run_id != second.run_id
    assert (second.workflow_id,) == seen.running


@pytest.mark.usefixtures("worker")
async def test_a_paused_schedule_runs_when_asked_and_can_be_resumed(temporal_client: Client, name: str) -> None:
    """Paused, it starts nothing by itself; a person still can."""
    await deploy(temporal_client, scheduled(name, at_times(paused=True)), to=name)

    assert (await trigger_schedule(temporal_client, name)).run_id
    await unpause_schedule(temporal_client, name, "Kim: all is well")
    seen = await describe_schedule(temporal_client, name)
    assert (False, "Kim: all is well") == (seen.paused, seen.note)


async def test_a_flow_without_a_schedule_is_told_by_name(temporal_client: Client, name: str) -> None:
    """Whatever is asked of it."""
    await deploy(temporal_client, scheduled(name, at_times()), to=name)
    await delete_schedule(temporal_client, name)

    for asked in (
        trigger_schedule(temporal_client, name),
        describe_schedule(temporal_client, name),
        delete_schedule(temporal_client, name),
        pause_schedule(temporal_client, name, ""),
        unpause_schedule(temporal_client, name, ""),
    ):
        with pytest.raises(UnknownFlowError, match=f"flow '{name}' has no schedule in namespace 'default'"):
            await asked
