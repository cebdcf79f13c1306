"""What is configured: schedules, escalation policies, teams, users and services that are made, changed and removed."""

from resolute_pagerduty.simulator import Simulator
from tests.providers.simulator.harness import Api

WEEK = 7 * 86_400


def layer(*users: str, name: str = "Weekly", **fields: object) -> dict[str, object]:
    """A layer as it is sent."""
    return {
        "name": name,
        "start": "2026-03-02T09:00:00Z",
        "rotation_virtual_start": "2026-03-02T09:00:00Z",
        "rotation_turn_length_seconds": WEEK,
        "users": [{"user": {"id": user, "type": "user_reference"}} for user in users],
        **fields,
    }


def schedule(*layers: dict[str, object], **fields: object) -> dict[str, object]:
    """The body of a schedule."""
    return {"schedule": {"type": "schedule", "time_zone": "UTC", "schedule_layers": list(layers), **fields}}


async def on_call(api: Api, id: str) -> list[str]:  # PagerDuty's word
    """Who is on call by a schedule from now on, in order."""
    answer = await api("GET", f"/schedules/{id}")
    return [each["user"]["id"] for each in answer["schedule"]["final_schedule"]["rendered_schedule_entries"]]


async def test_a_new_schedule_puts_people_on_call(api: Api, sim: Simulator):
    """Its users take turns from the start of its layer."""
    body = schedule(layer(sim.world.bo, sim.world.ada), name="Ledger")

    made = (await api("POST", "/schedules", body=body, expect=201))["schedule"]

    assert ("Ledger", [sim.world.bo, sim.world.ada]) == (made["name"], (await on_call(api, made["id"]))[:2])


async def test_a_layer_that_is_left_out_stays_and_one_with_its_id_is_changed(api: Api, sim: Simulator):
    """PagerDuty removes no layer: a change names the layers that it is about, and adds those without an id."""
    path = f"/schedules/{sim.world.payments_schedule}"
    (there,) = (await api("GET", path))["schedule"]["schedule_layers"]
    await api("PUT", path, body=schedule(layer(sim.world.chen, name="Nights")))
    await api("PUT", path, body=schedule(layer(sim.world.dara, name="Days", id=there["id"]), name="Renamed"))

    found = (await api("GET", path))["schedule"]

    assert "Renamed" == found["name"]
    assert {"Nights": [sim.world.chen], "Days": [sim.world.dara]} == {
        each["name"]: [user["user"]["id"] for user in each["users"]] for each in found["schedule_layers"]
    }


async def test_a_schedule_that_makes_no_sense_is_refused(api: Api, sim: Simulator):
    """Unknown users, layers and zones, and turns without a length, are told by name."""
    path = f"/schedules/{sim.world.payments_schedule}"
    weekly = {"type": "weekly_restriction", "start_time_of_day": "08:00:00", "duration_seconds": 60}
    wrong = [
        schedule(layer("PNOBODY")),
        schedule(layer(sim.world.ada, id="PNOTHERE")),
        schedule(layer(sim.world.ada, rotation_turn_length_seconds=0)),
        schedule(layer(sim.world.ada, start="soon")),
        schedule(layer(sim.world.ada, restrictions=[weekly])),
        schedule(layer(sim.world.ada, restrictions=[{**weekly, "type": "yearly"}])),
        schedule(layer(sim.world.ada, restrictions=[{**weekly, "start_day_of_week": 1, "start_time_of_day": "noon"}])),
        schedule(time_zone="Mars/Olympus"),
    ]

    for body in wrong:
        code, reasons = await api.refused("PUT", path, body=body)
        assert (2001, 1) == (code, len(reasons))


async def test_what_is_in_use_cannot_be_removed(api: Api, sim: Simulator):
    """A schedule of a policy, a policy of a service, a team with either, a service with incidents."""
    await api.open_incident()
    world = sim.world
    used = [
        f"/schedules/{world.payments_schedule}",
        f"/escalation_policies/{world.payments_policy}",
        f"/teams/{world.payments_team}",
        f"/services/{world.service}",
    ]

    for path in used:
        await api.refused("DELETE", path)
        await api("GET", path)


async def test_what_is_not_in_use_can_be_removed(api: Api, sim: Simulator):
    """It is gone afterwards, and what was behind it is free."""
    service = sim.add_service("Spare", sim.add_escalation_policy("Spare", [[sim.world.ada]]).id)
    key = service.integrations[0].routing_key
    paths = [
        f"/services/{service.id}",
        f"/escalation_policies/{service.policy_id}",
        f"/schedules/{sim.add_schedule('Spare', [sim.world.ada]).id}",
        f"/teams/{sim.add_team('Spare').id}",
    ]

    for path in paths:
        await api("DELETE", path, expect=204)
        await api("GET", path, expect=404)
    await api.event("trigger", "k", routing_key=key, expect=400)


async def test_a_policy_gets_the_rules_that_it_is_given(api: Api, sim: Simulator):
    """Rules are replaced as a whole; a name that another policy has is refused."""
    path = f"/escalation_policies/{sim.world.payments_policy}"
    rule = {"escalation_delay_in_minutes": 5, "targets": [{"id": sim.world.bo, "type": "user_reference"}]}
    policy = {"type": "escalation_policy", "name": "Payments", "escalation_rules": [rule]}

    changed = (await api("PUT", path, body={"escalation_policy": policy}))["escalation_policy"]

    assert [5] == [each["escalation_delay_in_minutes"] for each in changed["escalation_rules"]]
    assert [sim.world.payments_team] == [each["id"] for each in changed["teams"]]
    await api.refused("PUT", path, body={"escalation_policy": {**policy, "name": "Platform"}})
    await api.refused("PUT", path, body={"escalation_policy": {**policy, "escalation_rules": []}})


async def test_an_incident_goes_on_where_its_policy_has_become_shorter(api: Api, sim: Simulator):
    """It is on the last level that there is, and is escalated no further."""
    incident = await api.open_incident()
    await api.put_incident(incident["id"], escalation_level=2)
    rule = {"escalation_delay_in_minutes": 5, "targets": [{"id": sim.world.bo, "type": "user_reference"}]}
    policy = {"type": "escalation_policy", "name": "Payments", "escalation_rules": [rule]}
    await api("PUT", f"/escalation_policies/{sim.world.payments_policy}", body={"escalation_policy": policy})

    await api.put_incident(incident["id"], status="acknowledged")
    sim.clock.advance(minutes=90)

    assert "triggered" == (await api("GET", f"/incidents/{incident['id']}"))["incident"]["status"]


async def test_a_user_and_a_team_change(api: Api, sim: Simulator):
    """What is not given stays; the address of another user and the name of another team are refused."""
    user, team = f"/users/{sim.world.bo}", f"/teams/{sim.world.payments_team}"
    wanted = {"type": "user", "name": "Bo", "email": "bo@harbour.example", "job_title": "SRE"}

    changed = (await api("PUT", user, body={"user": wanted}))["user"]
    renamed = (await api("PUT", team, body={"team": {"type": "team", "name": "Money"}}))["team"]

    assert ("Bo", "SRE", "user") == (changed["name"], changed["job_title"], changed["role"])
    assert "Money" == renamed["name"]
    await api.refused("PUT", user, body={"user": {**wanted, "email": sim.world.from_email}})
    await api.refused("PUT", team, body={"team": {"type": "team", "name": "Platform"}})
