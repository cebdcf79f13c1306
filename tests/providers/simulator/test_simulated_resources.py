"""Services, people, policies, maintenance, workflows, abilities and metrics."""

from datetime import timedelta
from typing import Any

import pytest

from resolute_pagerduty.simulator import Behaviour, Limits, Simulator
from tests.providers.simulator.harness import Api, token


def reference(kind: str, identity: str) -> dict[str, str]:
    return {"type": f"{kind}_reference", "id": identity}


def names(answer: dict[str, Any], key: str) -> list[str]:
    return [each["name"] for each in answer[key]]


async def test_services_are_listed_by_name_team_and_text(sim: Simulator, api: Api):
    """In order of name, either way; `name` is exact, `query` is part of it."""
    assert ["Checkout", "Payments API", "Search"] == names(await api("GET", "/services"), "services")
    down = await api("GET", "/services", [("sort_by", "name:desc")])
    assert ["Search", "Payments API", "Checkout"] == names(down, "services")
    assert ["Payments API"] == names(await api("GET", "/services", [("query", "PAY")]), "services")
    assert [] == names(await api("GET", "/services", [("name", "Payments")]), "services")
    by_team = await api("GET", "/services", [("team_ids[]", sim.world.platform_team)])
    assert ["Search"] == names(by_team, "services")


async def test_a_service_shows_whole_objects_on_request(sim: Simulator, api: Api):
    """Policy, teams and integrations come whole, and an integration carries its routing key."""
    wanted = ("escalation_policies", "teams", "integrations", "auto_pause_notifications_parameters")
    query = [("include[]", name) for name in wanted]

    service = (await api("GET", f"/services/{sim.world.service}", query))["service"]

    assert ("Payments", "Payments", sim.world.routing_key) == (
        service["escalation_policy"]["name"],
        service["teams"][0]["name"],
        service["integrations"][0]["integration_key"],
    )
    assert 2100 == (await api.refused("GET", "/services/PNOTHING", expect=404))[0]


async def test_the_status_of_a_service_follows_its_incidents(sim: Simulator, api: Api):
    """Active, critical while something is triggered, warning once all is acknowledged."""

    async def status() -> str:
        return (await api("GET", f"/services/{sim.world.service}"))["service"]["status"]

    told = [await status()]
    incident = await api.open_incident()
    told.append(await status())
    for step in ("acknowledged", "resolved"):
        await api.put_incident(incident["id"], status=step)
        told.append(await status())

    assert ["active", "critical", "warning", "active"] == told


async def test_a_created_service_has_no_timeouts_unless_they_are_given(sim: Simulator, api: Api):
    """Timeouts left out are off; a name that is taken, or a policy that is not there, is refused."""
    policy = reference("escalation_policy", sim.world.payments_policy)
    body = {"type": "service", "name": "Ledger", "escalation_policy": policy, "auto_resolve_timeout": 3600}

    service = (await api("POST", "/services", body={"service": body}, expect=201))["service"]
    taken = await api.refused("POST", "/services", body={"service": body})
    lost = {**body, "name": "x", "escalation_policy": reference("escalation_policy", "PNOTHING")}
    missing = await api.refused("POST", "/services", body={"service": lost})

    assert (None, 3600) == (service["acknowledgement_timeout"], service["auto_resolve_timeout"])
    assert (2001, ["Name has already been taken"]) == taken
    assert (2001, ["Escalation policy not found"]) == missing


async def test_a_service_is_updated_and_shown_everywhere_by_its_new_name(sim: Simulator, api: Api):
    """References in incidents show the new name, and a disabled service says so."""
    incident = await api.open_incident()
    rule = {"type": "constant", "urgency": "low"}
    body = {"name": "Payments v2", "status": "disabled", "incident_urgency_rule": rule, "description": "new"}

    service = (await api("PUT", f"/services/{sim.world.service}", body={"service": body}))["service"]

    after = (await api("GET", f"/incidents/{incident['id']}"))["incident"]
    assert ("disabled", rule, "new") == (service["status"], service["incident_urgency_rule"], service["description"])
    assert "Payments v2" == after["service"]["summary"]


async def test_a_new_integration_takes_events_at_once(sim: Simulator, api: Api):
    """The routing key that comes back opens incidents on its service."""
    path = f"/services/{sim.world.search_service}/integrations"
    body = {"integration": {"type": "events_api_v2_inbound_integration", "name": "Watchdog"}}

    made = (await api("POST", path, body=body, expect=201))["integration"]
    await api.event("trigger", "k", routing_key=made["integration_key"])
    read = (await api("GET", f"{path}/{made['id']}"))["integration"]

    assert 32 == len(made["integration_key"])
    assert made == read
    assert [sim.world.search_service] == [incident.service_id for incident in sim.incidents()]
    assert 2100 == (await api.refused("GET", f"{path}/PNOTHING", expect=404))[0]


async def test_users_are_found_and_made(sim: Simulator, api: Api):
    """By text and by team; created with a From; an address only once."""
    body = {"user": {"type": "user", "name": "Eli Novak", "email": "eli@harbour.example", "role": "user"}}

    made = (await api("POST", "/users", body=body, expect=201))["user"]
    taken = await api.refused("POST", "/users", body=body)
    invalid = await api.refused("POST", "/users", body={"user": {**body["user"], "email": "eli"}})
    long = await api.refused("POST", "/users", body={"user": {**body["user"], "name": "x" * 101}})

    assert ["Eli Novak"] == names(await api("GET", "/users", [("query", "eli@")]), "users")
    members = await api("GET", "/users", [("team_ids[]", sim.world.platform_team)])
    assert ["Chen Wei", "Dara Okafor"] == names(members, "users")
    assert made["id"] == (await api("GET", f"/users/{made['id']}"))["user"]["id"]
    assert (2001, ["Email has already been taken"]) == taken
    assert (["Email is invalid"], ["Name is too long (maximum is 100 characters)"]) == (invalid[1], long[1])
    assert 2100 == (await api.refused("GET", "/users/PNOTHING", expect=404))[0]


async def test_a_user_shows_more_on_request(sim: Simulator, api: Api):
    """Contact methods, teams and subdomains come with their includes."""
    query = [("include[]", name) for name in ("contact_methods", "teams", "subdomains", "notification_rules")]

    async def user(*query: tuple[str, str]) -> dict[str, Any]:
        return (await api("GET", f"/users/{sim.world.ada}", query))["user"]

    plain, whole = await user(), await user(*query)
    assert "email_contact_method_reference" == plain["contact_methods"][0]["type"]
    assert (sim.world.from_email, "Payments", [sim.world.subdomain]) == (
        whole["contact_methods"][0]["address"],
        whole["teams"][0]["name"],
        whole["subdomains"],
    )


async def test_teams_and_their_members(sim: Simulator, api: Api):
    """A team is made once, members join, change roles by joining again, and leave."""
    body = {"team": {"type": "team", "name": "Data", "description": "Tables"}}
    team = (await api("POST", "/teams", body=body, expect=201))["team"]
    member = f"/teams/{team['id']}/users/{sim.world.ada}"

    await api("PUT", member, body={"role": "responder"}, expect=204)
    await api("PUT", member, body={"role": "manager"}, expect=204)
    listed = (await api("GET", f"/teams/{team['id']}/members", [("include[]", "users")]))["members"]
    plain = (await api("GET", f"/teams/{team['id']}/members"))["members"]
    await api("DELETE", member, expect=204)
    left = (await api("GET", f"/teams/{team['id']}/members"))["members"]

    assert [("manager", sim.world.from_email)] == [(each["role"], each["user"]["email"]) for each in listed]
    assert "user_reference" == plain[0]["user"]["type"]
    assert [] == left
    assert ["Data", "Payments", "Platform"] == names(await api("GET", "/teams"), "teams")
    assert team == (await api("GET", f"/teams/{team['id']}"))["team"]
    assert (2001, ["Name has already been taken"]) == await api.refused("POST", "/teams", body=body)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/teams/PNOTHING/users/PUSRADA", {"role": "manager"}, 404),
        ("/teams/PTEAMPAY/users/PNOTHING", {"role": "manager"}, 404),
        ("/teams/PTEAMPAY/users/PUSRADA", {"role": "boss"}, 400),
    ],
)
async def test_memberships_that_cannot_be(api: Api, path: str, body: dict[str, str], status: int):
    """Unknown teams and users are 404, unknown roles 400."""
    await api.refused("PUT", path, body=body, expect=status)


async def test_escalation_policies(sim: Simulator, api: Api):
    """Listed by text, user and team; made with targets of both kinds; a name only once."""
    world = sim.world
    rules = [
        {
            "escalation_delay_in_minutes": 5,
            "targets": [reference("user", world.ada), reference("schedule", world.platform_schedule)],
        }
    ]
    body = {
        "escalation_policy": {"type": "escalation_policy", "name": "Data", "escalation_rules": rules, "num_loops": 2}
    }

    made = (await api("POST", "/escalation_policies", body=body, expect=201))["escalation_policy"]
    taken = await api.refused("POST", "/escalation_policies", body=body)
    query = [("include[]", "targets"), ("include[]", "teams"), ("include[]", "services")]
    whole = (await api("GET", f"/escalation_policies/{world.payments_policy}", query))["escalation_policy"]
    by_user = await api("GET", "/escalation_policies", [("user_ids[]", world.ada)])
    by_team = await api("GET", "/escalation_policies", [("team_ids[]", world.platform_team)])

    assert ["user_reference", "schedule_reference"] == [each["type"] for each in made["escalation_rules"][0]["targets"]]
    assert (2001, ["Escalation Policy has already been taken"]) == taken
    assert ["Checkout", "Payments API"] == sorted(service["name"] for service in whole["services"])
    assert "chen@harbour.example" == whole["escalation_rules"][1]["targets"][0]["email"]
    assert ["Data"] == names(by_user, "escalation_policies")
    assert ["Platform"] == names(by_team, "escalation_policies")
    assert 2100 == (await api.refused("GET", "/escalation_policies/PNOTHING", expect=404))[0]


@pytest.mark.parametrize(
    "rules",
    [
        [],
        [{"escalation_delay_in_minutes": 0, "targets": [reference("user", "PUSRADA")]}],
        [{"escalation_delay_in_minutes": 5, "targets": []}],
        [{"escalation_delay_in_minutes": 5, "targets": [reference("user", "PNOTHING")]}],
    ],
)
async def test_a_policy_needs_rules_with_targets(api: Api, rules: list[dict[str, object]]):
    """Rules without delay, without targets or with unknown ones are refused."""
    body = {"escalation_policy": {"type": "escalation_policy", "name": "x", "escalation_rules": rules}}

    assert 2001 == (await api.refused("POST", "/escalation_policies", body=body))[0]


async def test_shift_based_schedules_are_asked_for_and_none_is_there(api: Api):
    """Clients that list schedules of both kinds get an answer for each."""
    assert {"schedules": [], "limit": 5, "offset": 0, "more": False} == await api(
        "GET", "/v3/schedules", [("limit", "5")]
    )


async def test_priorities_and_abilities_depend_on_the_plan(sim: Simulator, api: Api):
    """Present by default; an account without them answers 402."""
    poor = Simulator(limits=Limits.none(), behaviour=Behaviour(abilities=frozenset({"teams"})))
    other = Api(poor, token(poor.world.account_key))

    assert ["P1", "P2", "P3"] == names(await api("GET", "/priorities"), "priorities")
    assert "teams" in (await api("GET", "/abilities"))["abilities"]
    await api("GET", "/abilities/teams", expect=204)
    assert 2100 == (await api.refused("GET", "/abilities/flying", expect=404))[0]
    for path in ("/priorities", "/abilities/priorities", "/incident_workflows"):
        assert 2014 == (await other.refused("GET", path, expect=402))[0]


async def test_a_workflow_is_started_on_an_incident(sim: Simulator, api: Api):
    """Listed, read, and started as often as it is asked for, under the caller's id."""
    incident = await api.open_incident()
    path = f"/incident_workflows/{sim.world.workflow}"
    wanted = {"id": "run-7", "incident": reference("incident", incident["id"])}

    listed = await api("GET", "/incident_workflows", [("query", "major"), ("include[]", "steps")])
    read = (await api("GET", path, expect=201))["incident_workflow"]
    body = {"incident_workflow_instance": wanted}
    made = (await api("POST", f"{path}/instances", body=body, expect=201))["incident_workflow_instance"]
    await api("POST", f"{path}/instances", body=body, expect=201)
    lost = {"incident_workflow_instance": {"incident": reference("incident", "PNOTHING")}}

    assert ["Major incident"] == names(listed, "incident_workflows")
    assert "Major incident" == read["name"]
    assert ("run-7", incident["id"]) == (made["id"], made["incident"]["id"])
    assert 2 == len(sim.account.state.workflow_instances)
    await api.refused("POST", f"{path}/instances", body=lost, expect=404)
    await api.refused("GET", "/incident_workflows/PNOTHING", expect=404)


async def test_the_life_of_a_maintenance_window(sim: Simulator, api: Api):
    """Made, listed by state, moved, ended early, and kept once it is over."""
    now = sim.clock.now()
    wanted: dict[str, Any] = {
        "type": "maintenance_window",
        "start_time": (now + timedelta(hours=1)).isoformat(),
        "end_time": (now + timedelta(hours=3)).isoformat(),
        "services": [reference("service", sim.world.service)],
        "description": "Upgrade",
    }

    async def listed(state: str) -> int:
        return len((await api("GET", "/maintenance_windows", [("filter", state)]))["maintenance_windows"])

    made = (await api("POST", "/maintenance_windows", body={"maintenance_window": wanted}, expect=201))[
        "maintenance_window"
    ]
    path = f"/maintenance_windows/{made['id']}"
    future = await listed("future")
    body = {"maintenance_window": {**wanted, "start_time": now.isoformat(), "description": "Sooner"}}
    moved = (await api("PUT", path, body=body))["maintenance_window"]
    states = [await listed(state) for state in ("past", "ongoing", "open", "all")]
    during = (await api("GET", f"/services/{sim.world.service}"))["service"]["status"]
    sim.clock.advance(minutes=1)
    await api("DELETE", path, expect=204)
    ended = (await api("GET", path))["maintenance_window"]

    names_of_parts = [("include[]", name) for name in ("services", "teams", "users")]
    [whole] = (await api("GET", "/maintenance_windows", names_of_parts))["maintenance_windows"]

    assert ("Payments API", "Payments", sim.world.from_email) == (
        whole["services"][0]["name"],
        whole["teams"][0]["name"],
        whole["created_by"]["email"],
    )
    assert (1, "Sooner", [0, 1, 1, 1], "maintenance") == (future, moved["description"], states, during)
    assert "2026-03-02T12:01:00Z" == ended["end_time"]
    assert [sim.world.payments_team] == [team["id"] for team in ended["teams"]]
    assert 2015 == (await api.refused("DELETE", path, expect=405))[0]
    assert 2100 == (await api.refused("GET", "/maintenance_windows/PNOTHING", expect=404))[0]
    assert 2001 == (await api.refused("GET", "/maintenance_windows", [("filter", "soon")]))[0]


@pytest.mark.parametrize(
    "fields",
    [
        {"end_time": "2026-03-02T11:00:00Z"},
        {"start_time": "soon"},
        {"services": []},
        {"services": [{"id": "PNOTHING"}]},
    ],
)
async def test_a_maintenance_window_that_cannot_be(sim: Simulator, api: Api, fields: dict[str, object]):
    """Wrong times and unknown services are refused."""
    wanted = {
        "type": "maintenance_window",
        "start_time": "2026-03-02T12:00:00Z",
        "end_time": "2026-03-02T13:00:00Z",
        "services": [reference("service", sim.world.service)],
        **fields,
    }

    assert 2001 == (await api.refused("POST", "/maintenance_windows", body={"maintenance_window": wanted}))[0]


def history(sim: Simulator) -> None:
    """Three incidents of two services over two days."""
    day = sim.clock.now() - timedelta(days=2)
    minute = timedelta(minutes=1)
    for service, offset, to_ack, to_resolve, urgency in (
        (sim.world.service, 0, 2, 10, "high"),
        (sim.world.service, 60, 4, 30, "high"),
        (sim.world.search_service, 24 * 60, 6, 50, "low"),
    ):
        start = day + offset * minute
        sim.add_incident(
            "past",
            service,
            urgency="high" if urgency == "high" else "low",
            created_at=start,
            acknowledged_at=start + to_ack * minute,
            resolved_at=start + to_resolve * minute,
            by=sim.world.ada,
            priority_id=sim.world.p1,
        )


async def metrics(api: Api, kind: str, **body: object) -> Any:
    return (await api("POST", f"/analytics/metrics/incidents/{kind}", body=body))["data"]


async def test_mtta_and_mttr_for_everything(sim: Simulator, api: Api):
    """Means and percentiles of the times to acknowledge and to resolve."""
    history(sim)

    [row] = await metrics(api, "all", filters={"created_at_start": "2026-02-01T00:00:00Z"})

    assert (240, 1800, 3, 3) == (
        row["mean_seconds_to_first_ack"],
        row["mean_seconds_to_resolve"],
        row["total_incident_count"],
        row["total_incidents_acknowledged"],
    )
    assert (240, 360, 1800, 3000) == (
        row["p50_seconds_to_first_ack"],
        row["p95_seconds_to_first_ack"],
        row["p50_seconds_to_resolve"],
        row["p90_seconds_to_resolve"],
    )


async def test_metrics_by_service_by_team_and_by_day(sim: Simulator, api: Api):
    """One row per service or team, or one per day; filters narrow them down."""
    history(sim)

    by_service = await metrics(api, "services")
    by_team = await metrics(api, "teams")
    by_day = await metrics(api, "all", aggregate_unit="day", order="asc")
    low = await metrics(api, "services", filters={"urgency": "low"})
    one = await metrics(api, "services/all", filters={"service_ids": [sim.world.service]})
    none = await metrics(api, "teams/all", filters={"priority_names": ["P3"]})

    assert {("Payments API", 180, 1200), ("Search", 360, 3000)} == {
        (row["service_name"], row["mean_seconds_to_first_ack"], row["mean_seconds_to_resolve"]) for row in by_service
    }
    assert {"Payments": 2, "Platform": 1} == {row["team_name"]: row["total_incident_count"] for row in by_team}
    assert [("2026-02-28T00:00:00", 2), ("2026-03-01T00:00:00", 1)] == [
        (row["range_start"], row["total_incident_count"]) for row in by_day
    ]
    assert ["Search"] == [row["service_name"] for row in low]
    assert [2] == [row["total_incident_count"] for row in one]
    assert [] == none


async def test_raw_incidents_come_in_batches(sim: Simulator, api: Api):
    """Cursors walk forwards and back; the newest come first."""
    history(sim)

    async def raw(**body: object) -> Any:
        return await api("POST", "/analytics/raw/incidents", body={"limit": 2, **body})

    first = await raw()
    second = await raw(starting_after=first["last"])
    back = await raw(ending_before=second["first"])
    slowest = await raw(order_by="seconds_to_resolve", limit=1)
    single = await api("GET", f"/analytics/raw/incidents/{second['data'][0]['id']}")

    assert ([3, 2], True) == ([row["incident_number"] for row in first["data"]], first["more"])
    assert ([1], False) == ([row["incident_number"] for row in second["data"]], second["more"])
    assert (first["data"], False) == (back["data"], back["more"])
    assert [3000] == [row["seconds_to_resolve"] for row in slowest["data"]]
    assert second["data"][0] == single
    assert ("2026-02-28T12:00:00", 120, True, sim.world.ada) == (
        single["created_at"],
        single["seconds_to_first_ack"],
        single["major"],
        single["resolved_by_user_id"],
    )


@pytest.mark.parametrize(
    "body",
    [
        {"filters": {"created_at_start": "2024-01-01T00:00:00Z"}},
        {"filters": {"created_at_start": "soon"}},
        {"aggregate_unit": "hour"},
        {"time_zone": "Mars/Olympus"},
    ],
)
async def test_metrics_that_cannot_be_asked_for(api: Api, body: dict[str, object]):
    """More than a year, no time, no unit, no zone: 400."""
    code, _ = await api.refused("POST", "/analytics/metrics/incidents/all", body=body)

    assert code in (2001, 2005)


@pytest.mark.parametrize("body", [{"limit": 1001}, {"order_by": "title"}, {"starting_after": "PNOTHING"}])
async def test_raw_incidents_that_cannot_be_asked_for(api: Api, body: dict[str, object]):
    """Too large batches, unknown columns and unknown cursors are refused."""
    assert 2001 == (await api.refused("POST", "/analytics/raw/incidents", body=body))[0]


async def test_a_user_key_has_to_narrow_metrics_down(sim: Simulator):
    """With a user's key teams or services must be named."""
    api = Api(sim, token(sim.world.user_key))
    path = "/analytics/metrics/incidents/all"

    code, _ = await api.refused("POST", path, body={})
    await api("POST", path, body={"filters": {"team_ids": [sim.world.payments_team]}})

    assert 2001 == code


async def test_a_body_that_no_client_sends_is_a_400(api: Api):
    """Nesting deeper than anybody reads, and a time zone that is no text, are mistakes of the request."""
    deep: Any = []
    for _ in range(300):
        deep = [deep]
    filters: dict[str, Any] = {"filters": {}, "time_zone": [None]}

    assert 2001 == (await api.refused("POST", "/incidents", body={"incident": deep}))[0]
    assert 2001 == (await api.refused("POST", "/analytics/metrics/incidents/all", body=filters))[0]
