"""Answers that come late or not at all: what PagerDuty may still be doing is waited for, found, and not done twice."""

import asyncio
import re
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from time import monotonic
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import Client

import resolute_pagerduty as pagerduty
from resolute import flow, manual
from resolute.execution.executor import NodeExecutor
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import start_run
from resolute.temporal.worker import queue_worker, temporal_worker
from resolute.testing.simulating import Reply, Request
from resolute_pagerduty import PagerDuty, errors
from resolute_pagerduty.account.doubt import USUAL_SETTLE
from resolute_pagerduty.http import client
from resolute_pagerduty.http.operations import OPERATIONS
from resolute_pagerduty.nodes import FACTORIES
from resolute_pagerduty.simulator import Simulator
from resolute_pagerduty.simulator.world import WORLD
from tests.patience import PATIENCE
from tests.providers.pagerduty.harness import Bench, config_for
from tests.providers.pagerduty.test_every_node import GIVEN, name_of
from tests.providers.pagerduty.test_repeats import BY_NAME, EFFECTS

DOUBLED = [
    "AddNote",
    "RequestResponders",
    "CreateOverride",
    "CreateSchedule",
    "CreateMaintenanceWindow",
    "SendChangeEvent",
]
"""Writes of which PagerDuty makes a second one whenever it is asked again."""

TAKEN_BACK = ["AddNote", "CreateOverride", "CreateMaintenanceWindow"]
"""Those of them that can be removed again."""


def standing(sim: Simulator, name: str) -> int:
    """How many there are. One that was running when it was taken back has ended."""
    match name:
        case "CreateOverride":
            return sum(
                each.end > sim.clock.now() for each in sim.account.state.schedules[WORLD.payments_schedule].overrides
            )
        case "CreateMaintenanceWindow":
            return sum(each.end > sim.clock.now() for each in sim.account.state.windows.values())
        case _:
            return EFFECTS[name](sim)


def slow(sim: Simulator, name: str, seconds: float) -> None:
    """The next write of a node is carried out late, whether somebody still waits for the answer or not."""
    method, path = BY_NAME[name].definition.facts["operation"].split(", ")[0].split(" ")
    pattern = "/".join("*" if part.startswith("{") else part for part in path.split("/"))
    sim.faults.add(action="slow", seconds=seconds, method=method, path=pattern)


class Late:
    """PagerDuty takes requests to write without an answer, and carries them out later: before the next one at last."""

    def __init__(self, sim: Simulator, name: str, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self._carries_out = sim.app.answer
        self._writes = BY_NAME[name].definition.facts["operation"].split(" ")[0]
        self._left = times
        self._taken: list[Request] = []
        sim.faults.add(action="hang", method=self._writes, after=True, times=times)
        monkeypatch.setattr(sim.app, "answer", self._answer)

    def carry_out(self) -> None:
        """Does what was left."""
        taken, self._taken = self._taken, []
        for request in taken:
            self._carries_out(request)

    def _answer(self, request: Request) -> Reply:
        if request.method != self._writes:
            return self._carries_out(request)
        if self._left:
            self._left -= 1
            self._taken.append(request)
            return Reply(500)  # which nobody gets
        self.carry_out()
        return self._carries_out(request)


async def unanswered(bench: Bench, node: str, /, **given: Any) -> errors.UnreachableError:
    """An attempt that waits for its answer until PagerDuty has the request, and then no longer; gives its error."""
    waits: list[asyncio.Timeout] = []

    def timeout(seconds: float) -> asyncio.Timeout:
        waits.append(asyncio.timeout(seconds))
        return waits[-1]

    before = len(bench.sim.requests)

    def has_come() -> bool:
        return any(each.fault == "hang" for each in list(bench.sim.requests)[before:])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "asyncio", SimpleNamespace(timeout=timeout))
        attempt = asyncio.ensure_future(bench.run(BY_NAME[node], **given))
        await bench.sim.until(has_come, PATIENCE)
        waits[-1].reschedule(asyncio.get_running_loop().time())
        with pytest.raises(errors.UnreachableError) as caught:
            await attempt
    return caught.value


def posted(bench: Bench) -> int:
    return len(bench.sent("POST"))


@pytest.mark.parametrize("name", DOUBLED)
async def test_a_short_timeout_makes_no_second_one(
    sim: Simulator, tmp_path: Path, temporal_client: Client, name: str
) -> None:
    """The author waits for a second, PagerDuty takes two: the next attempt comes when that is over, and finds it."""
    async with AsyncExitStack() as stack:
        # Three seconds more than PagerDuty takes, because on a busy machine it begins late.
        provider = await stack.enter_async_context(PagerDuty(config_for(sim, settle_seconds=5)))
        step = BY_NAME[name](**GIVEN[name](sim, tmp_path)).timeout(timedelta(seconds=1)).as_("write")
        written = flow(f"late-{name}").triggered_by(manual("write")).then(step).build()
        activities = Activities([written], NodeExecutor.for_flows([written], [provider]))
        before, queue = EFFECTS[name](sim), uuid4().hex
        slow(sim, name, 2)
        await stack.enter_async_context(temporal_worker(temporal_client, activities, task_queue=queue))
        for each, rate in provider.queues().items():
            served = queue_worker(temporal_client, activities, task_queue=queue, queue=each, per_second=rate)
            await stack.enter_async_context(served)
        run = await start_run(temporal_client, written.plan, task_queue=queue)
        async with asyncio.timeout(PATIENCE):
            await run.result()
        await sim.until(lambda: EFFECTS[name](sim) > before, PATIENCE)

        assert (before + 1, 1) == (EFFECTS[name](sim), posted(Bench(sim, provider)))


@pytest.mark.parametrize(("left", "waited"), [(60, 30), (10, 8), (3, 2.4), (1, 0.8)])
def test_an_answer_is_waited_for_less_long_than_the_step(
    left: float, waited: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thirty seconds, and always less than what the attempt has left: so the node can say what happened."""
    now = monotonic()
    monkeypatch.setattr(client, "monotonic", lambda: now)

    assert waited == pytest.approx(patience_of(now + left))
    assert waited < left


def patience_of(deadline: float) -> float:
    from contextvars import copy_context

    from resolute.plan.context import CallContext, enter_call

    def patience() -> float:
        enter_call(CallContext(flow="f", run_id="r", step="s", node="n", deadline=deadline))
        return client._patience()  # pyright: ignore[reportPrivateUsage]  # no request shows how long it would wait

    return copy_context().run(patience)


@pytest.mark.parametrize("name", DOUBLED)
async def test_a_lost_answer_asks_for_a_pause(bench: Bench, tmp_path: Path, name: str) -> None:
    """The error says that it may have been done, and when the next attempt can know."""
    given, began = GIVEN[name](bench.sim, tmp_path), monotonic()
    bench.sim.faults.add(action="hang", method="POST")

    error = await unanswered(bench, name, **given)

    assert re.search(r"may have been carried out; looked for, .* in \d+ s", str(error))
    assert error.retry_after is not None
    assert USUAL_SETTLE - (monotonic() - began) <= error.retry_after.total_seconds() <= USUAL_SETTLE


async def test_an_alert_does_not_wait(bench: Bench) -> None:
    """PagerDuty knows an alert by its key: it is sent again as soon as the policy says."""
    bench.sim.faults.add(action="hang", method="POST")

    error = await unanswered(bench, "TriggerEvent", summary="s", source="s", severity="info")

    assert error.retry_after is None


@pytest.mark.parametrize(
    ("status", "pause"), [(408, True), (502, True), (504, True), (524, True), (500, False), (503, False)]
)
async def test_who_hung_up_decides(bench: Bench, status: int, pause: bool) -> None:
    """A gateway hangs up while PagerDuty goes on; PagerDuty itself does not go on after it has answered."""
    incident = bench.sim.add_incident("Slow", WORLD.service)
    bench.sim.faults.add(action="status", status=status, method="POST")

    with pytest.raises(errors.PagerDutyAPIError) as caught:
        await bench.run(pagerduty.add_note, incident_id=incident.id, content="x")

    assert (status in (408, 502, 504, 524)) == (caught.value.retry_after is not None)


async def test_a_killed_worker_is_waited_for_too(bench: Bench) -> None:
    """Of the attempt only its heartbeat is left: the next one looks, and sends nothing before the pause is over."""
    incident = bench.sim.add_incident("Slow", WORLD.service)
    bench.beats.append(({"request": "sending"},))

    with pytest.raises(errors.UnsettledError, match="nothing was sent; looked for") as caught:
        await bench.run(pagerduty.add_note, incident_id=incident.id, content="x", attempt=2)
    unsent = posted(bench)
    await bench.run(pagerduty.add_note, incident_id=incident.id, content="x", attempt=3)

    assert timedelta(seconds=USUAL_SETTLE) == caught.value.retry_after
    assert (0, 1) == (unsent, len(incident.notes))


async def test_a_pause_that_nobody_heard_of_is_kept(bench: Bench) -> None:
    """A worker that is killed behind a lost answer, before its failure is recorded: the next attempt comes too early.

    It looks, sends nothing, and waits for what is left of the pause.
    """
    incident = bench.sim.add_incident("Slow", WORLD.service)
    bench.sim.faults.add(action="hang", method="POST")
    bench.between, began = 40, monotonic()
    await unanswered(bench, "AddNote", incident_id=incident.id, content="x")

    with pytest.raises(errors.UnsettledError, match="nothing was sent; looked for") as caught:
        await bench.run(pagerduty.add_note, attempt=2, incident_id=incident.id, content="x")
    unsent = posted(bench)
    await bench.run(pagerduty.add_note, attempt=4, incident_id=incident.id, content="x")

    assert caught.value.retry_after is not None
    left = USUAL_SETTLE - 40
    assert left - (monotonic() - began) <= caught.value.retry_after.total_seconds() <= left
    assert (1, 2) == (unsent, posted(bench))


@pytest.mark.parametrize("left", [(), ({"request": "answered"},)])
async def test_an_attempt_of_which_nothing_was_heard_is_waited_for(bench: Bench, left: tuple[Any, ...]) -> None:
    """What a killed worker left last may never have arrived: the next attempt looks, and sends only after the pause."""
    incident = bench.sim.add_incident("Slow", WORLD.service)
    bench.beats.append(left)

    with pytest.raises(errors.UnsettledError, match="nothing was sent; looked for") as caught:
        await bench.run(pagerduty.add_note, incident_id=incident.id, content="x", attempt=2, unheard=True)
    unsent = posted(bench)
    await bench.run(pagerduty.add_note, incident_id=incident.id, content="x", attempt=3)

    assert timedelta(seconds=USUAL_SETTLE) == caught.value.retry_after
    assert (0, 1) == (unsent, len(incident.notes))


async def test_an_attempt_that_fails_passes_the_doubt_on(bench: Bench) -> None:
    """Nothing was heard of the first attempt, and the second cannot look: the third still waits before it sends."""
    incident = bench.sim.add_incident("Slow", WORLD.service)
    bench.sim.faults.add(action="status", status=500, method="GET", times=1)
    bench.between = 40
    with pytest.raises(errors.PagerDutyAPIError):
        await bench.run(pagerduty.add_note, incident_id=incident.id, content="x", attempt=2, unheard=True)

    with pytest.raises(errors.UnsettledError, match="nothing was sent; looked for"):
        await bench.run(pagerduty.add_note, incident_id=incident.id, content="x", attempt=3)
    assert 0 == posted(bench)


@pytest.mark.parametrize(("left", "unheard"), [({"request": "lost", "settled": 200}, False), ({}, True)])
async def test_what_a_person_has_tried_again_waits_as_well(bench: Bench, left: dict[str, Any], unheard: bool) -> None:
    """A held note whose request was lost waits where a person has it tried again, and is sent after the pause."""
    incident = bench.sim.add_incident("Slow", WORLD.service)
    bench.between = 60
    bench.beats.append(({**left, "settled": monotonic() + left["settled"]},) if left else ())

    with pytest.raises(errors.UnsettledError, match="nothing was sent; looked for"):
        await bench.run(pagerduty.add_note, incident_id=incident.id, content="x", attempt=2, earlier=1, unheard=unheard)
    unsent = posted(bench)
    bench.between = 3600
    await bench.run(pagerduty.add_note, incident_id=incident.id, content="x", attempt=3, earlier=1)

    assert (0, 1) == (unsent, len(incident.notes))


async def test_what_is_there_is_found_without_a_pause(bench: Bench) -> None:
    """A killed worker's note that has arrived already ends the wait."""
    incident = bench.sim.add_incident("Slow", WORLD.service)
    made = await bench.run(pagerduty.add_note, incident_id=incident.id, content="x")
    bench.beats.append(({"request": "sending"},))

    found = await bench.run(pagerduty.add_note, incident_id=incident.id, content="x", attempt=2)

    assert made == found


async def test_where_there_is_no_time_to_wait_it_is_said(bench: Bench) -> None:
    """A step whose `within` ends before the pause fails, and its message says that nobody looks any more."""
    incident = bench.sim.add_incident("Slow", WORLD.service)
    bench.sim.faults.add(action="hang", method="POST")
    bench.time = 60

    error = await unanswered(bench, "AddNote", incident_id=incident.id, content="x")

    assert re.search(r"not retried: .*\(within\) ends before; look whether", str(error))


@pytest.mark.parametrize("name", TAKEN_BACK)
async def test_a_second_one_is_taken_back(
    bench: Bench, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first is carried out while the second is on its way, whatever was waited for: one stays."""
    given = GIVEN[name](bench.sim, tmp_path)
    before = standing(bench.sim, name)
    Late(bench.sim, name, 1, monkeypatch)
    await unanswered(bench, name, **given)

    await bench.run(BY_NAME[name], attempt=2, **given)

    assert 2 == posted(bench)
    assert (before + 1, 1) == (standing(bench.sim, name), len(bench.sent("DELETE")))


@pytest.mark.parametrize("name", TAKEN_BACK)
async def test_two_that_are_found_become_one(
    bench: Bench, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attempt that only looks takes the second back as well."""
    given = GIVEN[name](bench.sim, tmp_path)
    before = standing(bench.sim, name)
    late = Late(bench.sim, name, 2, monkeypatch)
    for attempt in (1, 2):
        await unanswered(bench, name, attempt=attempt, **given)
    late.carry_out()
    twice = standing(bench.sim, name)

    await bench.run(BY_NAME[name], attempt=3, **given)

    assert (before + 2, before + 1) == (twice, standing(bench.sim, name))


async def test_what_others_wrote_stays(bench: Bench) -> None:
    """Somebody who quotes a note, mark and all, keeps what they wrote; so does one whose equal override was there."""
    incident = bench.sim.add_incident("Slow", WORLD.service)
    await bench.run(pagerduty.add_note, incident_id=incident.id, content="x")
    quoted = f"> {incident.notes[0].content}\nI agree"
    await bench.run(pagerduty.add_note, incident_id=incident.id, content=quoted, step="other")
    bench.beats.append(({"request": "lost"},))

    await bench.run(pagerduty.add_note, incident_id=incident.id, content="x", attempt=2)

    assert (2, 0) == (len(incident.notes), len(bench.sent("DELETE")))


async def test_a_note_that_may_not_be_taken_back_is_no_failure(
    bench: Bench, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step has done its work; that there are two stands in the log."""
    incident = bench.sim.add_incident("Slow", WORLD.service)
    Late(bench.sim, "AddNote", 1, monkeypatch)
    bench.sim.faults.add(action="status", status=403, method="DELETE")
    await unanswered(bench, "AddNote", incident_id=incident.id, content="x")

    await bench.run(pagerduty.add_note, incident_id=incident.id, content="x", attempt=2)

    assert 2 == len(incident.notes)
    assert "step step made something twice, and it cannot be removed" in caplog.text


async def test_a_window_that_began_meanwhile_is_found(bench: Bench) -> None:
    """PagerDuty lets a window that was to begin in the past begin now: a repeat knows it all the same."""
    given: dict[str, Any] = {
        "service_ids": [WORLD.service],
        "start_time": bench.sim.clock.now() - timedelta(minutes=1),
        "end_time": bench.sim.clock.now() + timedelta(hours=1),
    }
    made = await bench.run(pagerduty.create_maintenance_window, **given)
    found = await bench.run(pagerduty.create_maintenance_window, attempt=2, **given)

    assert bench.sim.clock.now() == made.maintenance_window.start_time
    assert (made.maintenance_window, False) == (found.maintenance_window, found.created)


async def test_a_repeat_knows_times_with_fractions_of_a_second(bench: Bench) -> None:
    """PagerDuty keeps whole seconds: a repeat finds what it has made by `now()`, and makes no second one."""
    bench.sim.clock.freeze(bench.sim.clock.now() + timedelta(microseconds=500_000))
    begins, ends = bench.sim.clock.now(), bench.sim.clock.now() + timedelta(hours=1)
    window: dict[str, Any] = {"service_ids": [WORLD.service], "start_time": begins, "end_time": ends}
    shift: dict[str, Any] = {"schedule_id": WORLD.payments_schedule, "user_id": WORLD.bo, "start": begins, "end": ends}
    for node, given in ((pagerduty.create_maintenance_window, window), (pagerduty.create_override, shift)):
        made = await bench.run(node, **given)
        found = await bench.run(node, attempt=2, **given)

        assert (True, False) == (made.created, found.created)


def test_the_policies_leave_room_for_the_pause() -> None:
    """A node whose repeat waits has the attempts and the time to wait, and to wait again where a worker was killed."""
    settling = {f"{each.method} {each.path}" for each in OPERATIONS if each.settles}
    tight = [
        name_of(each)
        for each in FACTORIES
        if settling & set(each.definition.facts["operation"].split(", "))
        and not _has_room(each.definition.policy.retry.attempts, each.definition.policy.within)
    ]

    assert settling
    assert [] == tight


def _has_room(attempts: int, within: float | None) -> bool:
    return attempts not in (1, 2, 3) and (within is None or within > 4 * USUAL_SETTLE)
