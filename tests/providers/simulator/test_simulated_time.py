"""What happens by itself: timeouts, escalation, shifts, overrides; all on a clock that a test moves."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolute_pagerduty.simulator import Clock, Limits, Simulator
from resolute_pagerduty.simulator.oncall import final_shifts, shift_at
from tests.providers.simulator.harness import Api, token

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


async def status(api: Api, identity: str) -> str:
    return (await api("GET", f"/incidents/{identity}"))["incident"]["status"]


async def test_an_acknowledgement_times_out(sim: Simulator, api: Api):
    """After the service's acknowledgement timeout the incident is triggered again, at exactly that time."""
    incident = await api.open_incident()
    await api.put_incident(incident["id"], status="acknowledged")
    sim.clock.advance(minutes=29)
    before = await status(api, incident["id"])
    sim.clock.advance(hours=1)

    after = (await api("GET", f"/incidents/{incident['id']}"))["incident"]
    assert ("acknowledged", "triggered") == (before, after["status"])
    assert "2026-03-02T12:30:00Z" == after["last_status_change_at"]
    assert "service_reference" == after["last_status_change_by"]["type"]


async def test_acknowledging_again_restarts_the_timeout(sim: Simulator, api: Api):
    """Each acknowledgement starts the timeout anew and leaves its own log entry."""
    incident = await api.open_incident()
    await api.put_incident(incident["id"], status="acknowledged")
    sim.clock.advance(minutes=20)
    await api.put_incident(incident["id"], status="acknowledged")
    sim.clock.advance(minutes=20)

    assert "acknowledged" == await status(api, incident["id"])
    assert 2 == (await api.timeline(incident["id"])).count("acknowledge")


async def test_an_incident_resolves_itself(sim: Simulator, api: Api):
    """After the service's auto-resolve timeout it is resolved by nobody."""
    incident = await api.open_incident()
    await api.put_incident(incident["id"], assignments=[{"assignee": {"id": sim.world.bo, "type": "user_reference"}}])

    sim.clock.advance(hours=4)

    entries = (await api("GET", f"/incidents/{incident['id']}/log_entries"))["log_entries"]
    assert ("resolve_log_entry", "timeout", "Resolved by timeout.") == (
        entries[0]["type"],
        entries[0]["channel"]["type"],
        entries[0]["summary"],
    )


async def test_a_service_without_timeouts_leaves_incidents_alone(sim: Simulator, api: Api):
    """Timeouts that are switched off never fire."""
    service = sim.add_service(
        "Patient", sim.world.payments_policy, acknowledgement_timeout=None, auto_resolve_timeout=None
    )
    incident = await api.open_incident(service={"id": service.id, "type": "service_reference"})
    await api.put_incident(incident["id"], status="acknowledged")

    sim.clock.advance(timedelta(days=30))

    assert "acknowledged" == (await api("GET", f"/incidents/{incident['id']}"))["incident"]["status"]


async def test_nobody_answers_and_it_escalates(sim: Simulator, api: Api):
    """Unanswered incidents climb level by level, go round as often as the policy says, and then stay."""
    policy = sim.add_escalation_policy(
        "Patient", [[sim.world.ada], [sim.world.bo]], delay=timedelta(minutes=10), num_loops=1
    )
    reference = {"id": policy.id, "type": "escalation_policy_reference"}
    incident = await api.open_incident(escalation_policy=reference)
    assignees: list[str] = []
    for _ in range(5):
        found = (await api("GET", f"/incidents/{incident['id']}"))["incident"]
        assignees.append(found["assignments"][0]["assignee"]["id"])
        sim.clock.advance(minutes=10)

    ada, bo = sim.world.ada, sim.world.bo
    assert [ada, bo, ada, bo, bo] == assignees
    timeline = await api.timeline(incident["id"])
    assert (1, 1) == (timeline.count("repeat_escalation_path"), timeline.count("exhaust_escalation_path"))


async def test_a_level_without_anybody_is_skipped(sim: Simulator, api: Api):
    """An incident starts at the first level that has somebody on call."""
    empty = sim.add_schedule("Nobody", [])
    policy = sim.add_escalation_policy("Gap", [[empty.id], [sim.world.dara]])

    incident = await api.open_incident(escalation_policy={"id": policy.id, "type": "escalation_policy_reference"})

    assert sim.world.dara == incident["assignments"][0]["assignee"]["id"]


async def on_call(api: Api, *query: tuple[str, str]) -> list[tuple[str, int, str | None, str | None]]:
    listed = (await api("GET", "/oncalls", query))["oncalls"]
    return [(each["user"]["id"], each["escalation_level"], each["start"], each["end"]) for each in listed]


async def test_who_is_on_call_now(sim: Simulator, api: Api):
    """A schedule gives a shift with its ends; a user on a level is on call without end."""
    world = sim.world

    found = await on_call(api, ("escalation_policy_ids[]", world.payments_policy))

    assert [
        (world.ada, 1, "2026-03-02T09:00:00Z", "2026-03-09T09:00:00Z"),
        (world.chen, 2, None, None),
    ] == found


async def test_on_calls_are_filtered_and_include_whole_objects(sim: Simulator, api: Api):
    """By user, by schedule, by the schedule that is none, and with users, policies and schedules whole."""
    world = sim.world
    includes = [("include[]", name) for name in ("users", "schedules", "escalation_policies")]

    by_user = await on_call(api, ("user_ids[]", world.dara))
    by_schedule = await on_call(api, ("schedule_ids[]", world.platform_schedule))
    permanent = await on_call(api, ("schedule_ids[]", "null"))
    whole = (await api("GET", "/oncalls", includes))["oncalls"][0]

    assert [world.dara] == [each[0] for each in by_user] == [each[0] for each in by_schedule]
    assert [world.chen, world.chen] == [each[0] for each in permanent]
    assert (world.from_email, "Payments Primary", 2) == (
        whole["user"]["email"],
        whole["schedule"]["name"],
        len(whole["escalation_policy"]["escalation_rules"]),
    )


async def test_a_window_shows_every_shift_in_it_and_earliest_only_the_first(sim: Simulator, api: Api):
    """Three weeks have three turns; with earliest each user is told once."""
    window = (
        ("schedule_ids[]", sim.world.payments_schedule),
        ("since", "2026-03-02T12:00:00Z"),
        ("until", "2026-03-22T12:00:00Z"),
    )

    all_shifts, first = await on_call(api, *window), await on_call(api, *window, ("earliest", "true"))

    ada, bo = sim.world.ada, sim.world.bo
    assert [ada, bo, ada] == [each[0] for each in all_shifts]
    assert [ada, bo] == [each[0] for each in first]
    assert 2004 == (await api.refused("GET", "/oncalls", [("until", "2027-03-02T12:00:00Z")]))[0]


async def override(api: Api, *items: dict[str, object], expect: int = 201) -> Any:
    path = f"/schedules/{api.sim.world.payments_schedule}/overrides"
    return await api("POST", path, body={"overrides": list(items)}, expect=expect)


def shift(user: str, start: str, end: str) -> dict[str, object]:
    return {"start": start, "end": end, "user": {"id": user, "type": "user_reference"}}


async def test_an_override_changes_who_is_on_call_and_who_is_paged(sim: Simulator, api: Api):
    """While it runs the override answers; after it the layer does again."""
    await override(api, shift(sim.world.dara, "2026-03-02T12:00:00Z", "2026-03-02T13:00:00Z"))
    by_schedule = ("schedule_ids[]", sim.world.payments_schedule)

    during = await on_call(api, by_schedule)
    incident = await api.open_incident()
    sim.clock.advance(hours=1)
    after = await on_call(api, by_schedule)

    assert [(sim.world.dara, 1, "2026-03-02T12:00:00Z", "2026-03-02T13:00:00Z")] == during
    assert sim.world.dara == incident["assignments"][0]["assignee"]["id"]
    assert [(sim.world.ada, 1, "2026-03-02T13:00:00Z", "2026-03-09T09:00:00Z")] == after


async def test_the_newest_override_wins(sim: Simulator, api: Api):
    """Overrides lie over one another in the order in which they were made."""
    await override(api, shift(sim.world.dara, "2026-03-02T12:00:00Z", "2026-03-02T16:00:00Z"))
    await override(api, shift(sim.world.chen, "2026-03-02T13:00:00Z", "2026-03-02T14:00:00Z"))
    path = f"/schedules/{sim.world.payments_schedule}"
    window = [("since", "2026-03-02T12:00:00Z"), ("until", "2026-03-02T17:00:00Z")]

    schedule = (await api("GET", path, window))["schedule"]

    entries = schedule["final_schedule"]["rendered_schedule_entries"]
    assert [("12", "Dara Okafor"), ("13", "Chen Wei"), ("14", "Dara Okafor"), ("16", "Ada Moreno")] == [
        (each["start"][11:13], each["user"]["summary"]) for each in entries
    ]
    assert (100.0, 80.0) == (
        schedule["final_schedule"]["rendered_coverage_percentage"],
        schedule["overrides_subschedule"]["rendered_coverage_percentage"],
    )


async def test_overrides_answer_item_by_item(sim: Simulator, api: Api):
    """201 for the whole even if items failed: each item has a status and its own errors."""
    answer = await override(
        api,
        shift(sim.world.bo, "2026-03-03T12:00:00Z", "2026-03-03T13:00:00Z"),
        shift(sim.world.bo, "2026-03-03T12:00:00Z", "2026-03-03T12:00:00Z"),
        shift("PNOTHING", "2026-03-03T12:00:00Z", "2026-03-03T13:00:00Z"),
        shift(sim.world.bo, "2026-03-01T12:00:00Z", "2026-03-01T13:00:00Z"),
    )

    assert [
        (201, None),
        (400, ["End must be after start"]),
        (400, ["User not found"]),
        (400, ["Override must end in the future"]),
    ] == [(each["status"], each.get("errors")) for each in answer]
    assert 1 == len(sim.account.state.schedules[sim.world.payments_schedule].overrides)


async def test_overrides_are_listed_for_a_window_that_must_be_given(sim: Simulator, api: Api):
    """Without since and until the list is refused; there are no pages."""
    await override(api, shift(sim.world.bo, "2026-03-03T12:00:00Z", "2026-03-03T13:00:00Z"))
    path = f"/schedules/{sim.world.payments_schedule}/overrides"

    code, _ = await api.refused("GET", path)
    there = await api("GET", path, [("since", "2026-03-03"), ("until", "2026-03-04")], expect=201)
    elsewhere = await api("GET", path, [("since", "2026-03-04"), ("until", "2026-03-05")], expect=201)

    assert (2004, 1, 0) == (code, len(there["overrides"]), len(elsewhere["overrides"]))


async def test_deleting_an_override_depends_on_when(sim: Simulator, api: Api):
    """A coming one is removed (204), a running one is cut short (200), a past one stays (400)."""
    [answer] = await override(api, shift(sim.world.bo, "2026-03-02T13:00:00Z", "2026-03-02T15:00:00Z"))
    [running] = await override(api, shift(sim.world.bo, "2026-03-02T12:00:00Z", "2026-03-02T15:00:00Z"))
    path = f"/schedules/{sim.world.payments_schedule}/overrides"

    await api("DELETE", f"{path}/{answer['override']['id']}", expect=204)
    sim.clock.advance(minutes=30)
    await api("DELETE", f"{path}/{running['override']['id']}", expect=200)
    left = sim.account.state.schedules[sim.world.payments_schedule].overrides
    sim.clock.advance(minutes=1)
    past, _ = await api.refused("DELETE", f"{path}/{running['override']['id']}")
    gone, _ = await api.refused("DELETE", f"{path}/PNOTHING", expect=404)

    assert [sim.clock.now() - timedelta(minutes=1)] == [each.end for each in left]
    assert (2001, 2100) == (past, gone)


async def test_schedules_are_listed_with_what_is_asked_for(sim: Simulator, api: Api):
    """By name, by team, rendered on request, with the next shift of a user."""
    names = ("schedule_layers", "overrides_subschedule", "final_schedule")
    query = [("query", "payments"), *(("include[]", name) for name in names)]

    [plain] = (await api("GET", "/schedules", [("team_ids[]", sim.world.platform_team)]))["schedules"]
    [whole] = (await api("GET", "/schedules", query))["schedules"]
    [turn] = (await api("GET", "/schedules", [*query, ("include_next_oncall_for_user", sim.world.bo)]))["schedules"]
    users = await api("GET", f"/schedules/{sim.world.payments_schedule}/users")

    assert "schedule_layers" not in plain
    assert 604800 == whole["schedule_layers"][0]["rotation_turn_length_seconds"]
    assert "2026-03-09T09:00:00+00:00" == turn["next_oncall_for_user"]["start"]
    assert [sim.world.ada, sim.world.bo] == [each["id"] for each in users["users"]]
    assert 2100 == (await api.refused("GET", "/schedules/PNOTHING", expect=404))[0]


async def test_shifts_are_cut_unless_overflow_is_asked_for(sim: Simulator, api: Api):
    """A rendered shift ends with the window, or where it really ends."""
    path = f"/schedules/{sim.world.payments_schedule}"
    window = [("since", "2026-03-03T00:00:00Z"), ("until", "2026-03-04T00:00:00Z")]

    async def ends(*query: tuple[str, str]) -> list[tuple[str, str]]:
        final = (await api("GET", path, [*window, *query]))["schedule"]["final_schedule"]
        return [(each["start"], each["end"]) for each in final["rendered_schedule_entries"]]

    assert [("2026-03-03T00:00:00Z", "2026-03-04T00:00:00Z")] == await ends()
    assert [("2026-03-02T09:00:00Z", "2026-03-09T09:00:00Z")] == await ends(("overflow", "true"))


@given(hours=st.integers(min_value=0, max_value=24 * 60), length=st.integers(min_value=1, max_value=24 * 15))
def test_a_rotation_covers_every_moment_once(hours: int, length: int):
    """In any window the final schedule of a rotation has neither gaps nor overlaps, overrides or not."""
    sim = Simulator(clock=Clock(MONDAY))
    since = MONDAY + timedelta(hours=hours)
    until = since + timedelta(hours=length)
    schedule = sim.account.state.schedules[sim.world.payments_schedule]
    middle = since + (until - since) / 2
    sim.add_override(schedule.id, sim.world.dara, middle, middle + timedelta(hours=3))

    shifts = final_shifts(schedule, since, until)

    assert shifts[0].start <= since
    assert shifts[-1].end >= until
    assert all(one.end == two.start for one, two in pairwise(shifts))


def test_a_clock_that_stands_runs_on_from_where_it_was():
    """Freezing sets a time, resuming goes on from it, and time never runs backwards by advancing."""
    clock = Clock()
    clock.freeze(MONDAY)
    clock.advance(hours=1)
    clock.resume()

    assert MONDAY + timedelta(hours=1) <= clock.now() < MONDAY + timedelta(hours=1, minutes=1)
    assert not clock.frozen
    with pytest.raises(ValueError, match="only be advanced"):
        clock.advance(seconds=-1)


async def test_everything_happens_in_order_when_time_jumps(sim: Simulator):
    """A jump over several timers fires each at its own time."""
    sim = Simulator(clock=sim.clock, limits=Limits.none())
    api = Api(sim, token(sim.world.account_key), sim.world.from_email)
    incident = await api.open_incident()
    await api.put_incident(incident["id"], status="acknowledged")

    sim.clock.advance(timedelta(days=1))

    entries = (await api("GET", f"/incidents/{incident['id']}/log_entries", [("limit", "100")]))["log_entries"]
    told = [(each["type"].removesuffix("_log_entry"), each["created_at"][11:16]) for each in reversed(entries)]
    assert [
        ("unacknowledge", "12:30"),
        ("escalate", "13:00"),
        ("notify", "13:00"),
        ("exhaust_escalation_path", "13:30"),
        ("resolve", "16:00"),
    ] == told[-5:]


@pytest.mark.parametrize("hour", range(0, 24, 4))
def test_the_hour_of_the_day_does_not_say_who_is_on_call_first(hour: int):
    """A schedule without a start has whole turns behind it: who is first in a rota of two is on call, at any hour."""
    simulator = Simulator(clock=Clock(MONDAY + timedelta(hours=hour)))
    schedule = simulator.account.state.schedules[simulator.world.payments_schedule]
    shift = shift_at(schedule, simulator.clock.now())

    assert shift is not None
    assert simulator.world.ada == shift.user_id
