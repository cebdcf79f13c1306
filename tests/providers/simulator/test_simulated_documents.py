"""The simulator as a whole against the official documents, and against whatever comes."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resolute_pagerduty.simulator import Simulator
from tests.providers.openapi.validator import (
    OPERATIONS,
    OpenApiError,
    find_operation,
    validate_request,
    validate_response,
)
from tests.providers.simulator.harness import Api, token


def test_every_operation_of_the_simulator_is_an_official_one(sim: Simulator):
    """Beside its own control and the OAuth endpoint the simulator answers nothing that PagerDuty does not have."""
    ours = {f"{route.method} {route.path}" for route in sim.engine.router.routes}

    own = {name for name in ours if "/_simulator" in name or name == "POST /oauth/token"}

    assert set() == {name for name in ours - own if name not in OPERATIONS}


def test_a_from_header_is_asked_for_exactly_where_the_documents_do(sim: Simulator):
    """The operations that need From are those of the official documents."""

    def wants_from(name: str) -> bool:
        return any(each["name"] == "From" and each["required"] for each in OPERATIONS[name]["parameters"])

    routes = {f"{route.method} {route.path}": route for route in sim.engine.router.routes}

    assert {name for name in routes if name in OPERATIONS and wants_from(name)} == {
        name for name, route in routes.items() if route.needs_from
    }


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["PSVCPAY", "resolved", "1"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["id", "type", "incident", "incidents", "title", "service", "status", "priority", "note",
                         "content", "filters", "limit", "assignments", "assignee", "escalation_policy", "events"]),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip
WRITES = [name for name in OPERATIONS if not name.startswith("GET")]


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(name=st.sampled_from(WRITES), body=VALUES, identity=st.sampled_from(["1", "PSVCPAY", "PNOTHING"]))
async def test_no_body_breaks_it(sim: Simulator, name: str, body: object, identity: str):
    """Whatever JSON is sent to whatever operation, the answer is one of the official ones and never a crash."""
    method, _, path = name.partition(" ")
    for parameter in ("id", "note_id", "alert_id", "user_id", "override_id", "integration_id", "escalation_policy_id"):
        path = path.replace(f"{{{parameter}}}", identity)
    api = Api(sim, token(sim.world.account_key), sim.world.from_email)
    sim.add_incident("x", sim.world.service)

    answer = await api.send(method, path, body=body)

    assert answer.status_code < 500


STEPS = st.lists(
    st.sampled_from(["trigger", "acknowledge", "resolve", "put triggered", "put acknowledged", "put resolved",
                     "advance", "snooze", "escalate"]),
    max_size=12,
)  # fmt: skip


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(steps=STEPS)
async def test_an_incident_is_always_consistent(sim: Simulator, steps: list[str]):
    """After any sequence of events, changes and waiting, the fields of every incident agree with one another."""
    sim.reset()
    api = Api(sim, token(sim.world.account_key), sim.world.from_email)
    await api.event("trigger", "k")
    for step in steps:
        identity = sim.incidents()[0].id
        if step.startswith("put"):
            await api.put_incident(identity, status=step.removeprefix("put "))
        elif step == "advance":
            sim.clock.advance(minutes=25)
        elif step == "snooze":
            await api.send("POST", f"/incidents/{identity}/snooze", body={"duration": 600})
        elif step == "escalate":
            fields = {"type": "incident_reference", "escalation_level": 2}
            await api.send("PUT", f"/incidents/{identity}", body={"incident": fields})
        else:
            await api.event(step, "k")
        for incident in (await api("GET", "/incidents"))["incidents"]:
            check(incident)


def check(incident: dict[str, Any]) -> None:
    resolved = incident["status"] == "resolved"
    assert resolved == (incident["resolved_at"] is not None) == (incident["assignments"] == [])
    assert (incident["status"] == "acknowledged") == (incident["acknowledgements"] != [])
    assert not (resolved and incident["pending_actions"])
    assert not (resolved and incident["alert_counts"]["triggered"])
    assert incident["is_mergeable"] is not resolved


def test_the_validator_refuses_what_is_wrong():
    """A helper that accepts everything would prove nothing."""
    accept = {"Accept": "application/vnd.pagerduty+json;version=2"}
    json_body = {**accept, "Content-Type": "application/json"}
    note = {"note": {"content": "x"}}
    validate_request("POST", "/incidents/P1/notes", [], {**json_body, "From": "a@b.example"}, note)
    validate_request("POST", "/incidents/P1/notes", [], json_body, note, user_token=True)
    wrong: list[tuple[Any, ...]] = [
        ("GET", "/nowhere", [], accept, None),
        ("GET", "/incidents", [("limt", "5")], accept, None),
        ("GET", "/incidents", [("limit", "five")], accept, None),
        ("GET", "/incidents", [("statuses[]", "open")], accept, None),
        ("GET", "/incidents", [], {}, None),
        ("GET", "/incidents", [], {**accept, "From": "a@b.example"}, None),
        ("GET", "/schedules/P1/overrides", [("since", "2026-01-01")], accept, None),
        ("POST", "/incidents/P1/notes", [], json_body, note),
        ("POST", "/incidents/P1/notes", [], {**json_body, "From": "nobody"}, note),
        ("POST", "/incidents/P1/notes", [], {**accept, "From": "a@b.example"}, note),
        ("POST", "/incidents/P1/notes", [], {**json_body, "From": "a@b.example"}, {"note": {"content": 1}}),
        ("DELETE", "/incidents/P1/notes/P2", [], json_body, note),
    ]
    for request in wrong:
        with pytest.raises(OpenApiError):
            validate_request(*request)
    answers: list[tuple[Any, ...]] = [
        ("GET", "/incidents", 201, {"incidents": []}),
        ("GET", "/incidents", 200, {}),
        ("GET", "/incidents", 200, {"incidents": [{"status": "open"}]}),
        ("GET", "/incidents", 404, {"message": "no"}),
        ("DELETE", "/incidents/P1/notes/P2", 204, {}),
    ]
    for response in answers:
        with pytest.raises(OpenApiError):
            validate_response(*response)
    assert "GET /users/me" == find_operation("GET", "/users/me")[0]
