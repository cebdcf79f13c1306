"""Walks all nodes: each is called, and what it sends and says of itself is held against the official documents."""

import inspect
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

import resolute_pagerduty as pagerduty
from resolute.writing.node import NodeFactory
from resolute_pagerduty.http.operations import OPERATIONS, Operation
from resolute_pagerduty.nodes import FACTORIES
from resolute_pagerduty.simulator import Simulator
from resolute_pagerduty.simulator.catalogue import PostUpdate
from resolute_pagerduty.simulator.resources import MaintenanceWindow
from resolute_pagerduty.simulator.world import WORLD
from tests.providers.openapi.validator import find_operation
from tests.providers.pagerduty.harness import Bench, config_for, standing_of

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(hours=8)
WHEN: dict[str, Any] = {"since": NOON - timedelta(days=1), "until": LATER}

Given = Callable[[Simulator, Path], dict[str, Any]]


def incident(sim: Simulator, **fields: Any) -> str:
    return sim.add_incident("Slow", WORLD.service, **fields).id


def alerted(sim: Simulator, key: str) -> str:
    sim.trigger("Slow", routing_key=WORLD.routing_key, dedup_key=key)
    return sim.incidents()[-1].id


def alert_of(sim: Simulator, key: str) -> dict[str, Any]:
    incident_id = alerted(sim, key)
    return {"incident_id": incident_id, "alert_id": next(iter(sim.account.state.incidents[incident_id].alerts))}


def noted(sim: Simulator) -> dict[str, Any]:
    found = sim.add_incident("Slow", WORLD.service)
    return {"incident_id": found.id, "note_id": sim.add_note(found.id, "Looking", WORLD.ada).id}


def noted_alert(sim: Simulator) -> str:
    sim.add_note(alerted(sim, "taken"), "Looking", WORLD.ada)
    return "taken"


def change(sim: Simulator) -> str:
    return sim.add_change("Deployed checkout 1.4.2", routing_key=WORLD.routing_key).id


def subscription(sim: Simulator) -> str:
    return sim.add_webhook("http://127.0.0.1:9/hook").id


def in_an_hour(sim: Simulator, hours: int = 1) -> datetime:
    return sim.clock.now() + timedelta(hours=hours)


def latest(sim: Simulator) -> PostUpdate:
    return sim.account.state.status_pages[WORLD.status_page].posts[WORLD.status_page_post].updates[0]


def window(sim: Simulator) -> str:
    found = MaintenanceWindow(
        id="PWINDOW",
        number=1,
        start=in_an_hour(sim),
        end=in_an_hour(sim, 2),
        service_ids=[WORLD.service],
        created_by=WORLD.ada,
    )
    return sim.account.state.windows.setdefault(found.id, found).id


def fixed(**given: Any) -> Given:
    return lambda _sim, _folder: given


WEEKLY = {"name": "Weekly", "user_ids": [WORLD.bo, WORLD.ada], "turn_length_seconds": 604_800}

PAY = {"label": "Money", "conditions": ["event.source matches part 'pay'"], "route_to": WORLD.service}

GIVEN: dict[str, Given] = {
    "TriggerEvent": fixed(summary="Slow", source="api", severity="error", custom_details={"load": 9}),
    "TriggerOrReopen": fixed(
        summary="Slow", source="api", severity="error", dedup_key="slow", service_id=WORLD.service
    ),
    "AcknowledgeEvent": fixed(dedup_key="slow"),
    "ResolveEvent": fixed(dedup_key="slow"),
    "ResolveUnlessTouched": lambda sim, _: {"dedup_key": noted_alert(sim), "service_id": WORLD.service},
    "SendEvent": fixed(
        event=pagerduty.SentEvent.model_validate(
            {
                "event_action": "trigger",
                "dedup_key": "slow",
                "payload": {"summary": "Slow", "source": "web-1", "severity": "error", "class": "latency"},
                "links": [{"href": "https://dash.example/1"}],
                "client": "Prometheus",
            }
        )
    ),
    "SendChangeEvent": fixed(summary="Deployed", source="ci", timestamp=NOON, custom_details={"commit": "abc"}),
    "GetChangeEvent": lambda sim, _: {"id": change(sim)},
    "ListChangeEvents": fixed(
        **WHEN, team_ids=[WORLD.payments_team], integration_ids=["PINTEGR"], limit=5, offset=5, total=True
    ),
    "AllChangeEvents": fixed(**WHEN, team_ids=[WORLD.payments_team], integration_ids=["PINTEGR"]),
    "ListServiceChangeEvents": fixed(service_id=WORLD.service, **WHEN, integration_ids=["PINTEGR"], total=True),
    "AllServiceChangeEvents": fixed(service_id=WORLD.service, **WHEN, integration_ids=["PINTEGR"]),
    "GetIncident": lambda sim, _: {"id": incident(sim), "include": ["services", "users"]},
    "ListIncidents": lambda sim, _: {
        **WHEN,
        "statuses": ["triggered", "resolved"],
        "service_ids": [WORLD.service],
        "team_ids": [WORLD.payments_team],
        "user_ids": [WORLD.ada],
        "urgencies": ["high"],
        "incident_key": "key",
        "sort_by": "created_at:desc",
        "include": ["assignees", "priorities"],
        "limit": 10,
        "offset": 10,
        "total": True,
    },
    "AllIncidents": lambda sim, _: {**WHEN, "statuses": ["triggered"], "limit": 5, "include": ["teams"]},
    "CreateIncident": fixed(title="Slow", service_id=WORLD.service, priority_id=WORLD.p1, description="p99"),
    "UpdateIncident": lambda sim, _: {"id": incident(sim), "status": "resolved", "resolution": "restarted"},
    "UpdateIncidents": lambda sim, _: {"ids": [incident(sim), incident(sim)], "status": "acknowledged"},
    "MergeIncidents": lambda sim, _: {"id": alerted(sim, "one"), "source_ids": [alerted(sim, "two")]},
    "SnoozeIncident": lambda sim, _: {"id": incident(sim, acknowledged_at=NOON), "seconds": 600},
    "SendStatusUpdate": lambda sim, _: {
        "incident_id": incident(sim),
        "message": "A fix is on its way",
        "subject": "Slow",
        "html_message": "<b>A fix</b>",
    },
    "ListNotes": lambda sim, _: {"incident_id": incident(sim)},
    "AddNote": lambda sim, _: {"incident_id": incident(sim), "content": "Looked at it"},
    "UpdateNote": lambda sim, _: {**noted(sim), "content": "It was the pool"},
    "DeleteNote": lambda sim, _: noted(sim),
    "ListAlerts": lambda sim, _: {
        "incident_id": alerted(sim, "one"),
        "statuses": ["triggered"],
        "alert_key": "one",
        "include": ["services"],
    },
    "AllAlerts": lambda sim, _: {"incident_id": alerted(sim, "one"), "statuses": ["triggered"]},
    "GetAlert": lambda sim, _: alert_of(sim, "one"),
    "UpdateAlert": lambda sim, _: {
        **alert_of(sim, "one"),
        "status": "resolved",
        "to_incident_id": alerted(sim, "two"),
    },
    "UpdateAlerts": lambda sim, _: {
        "incident_id": (given := alert_of(sim, "one"))["incident_id"],
        "alert_ids": [given["alert_id"]],
        "status": "resolved",
        "to_incident_id": alerted(sim, "two"),
    },
    "ListLogEntries": lambda sim, _: {
        "incident_id": incident(sim),
        **WHEN,
        "is_overview": True,
        "include": ["channels", "teams"],
    },
    "AllLogEntries": lambda sim, _: {"incident_id": incident(sim), **WHEN},
    "RequestResponders": lambda sim, _: {
        "incident_id": incident(sim),
        "message": "Checkout is down",
        "user_ids": [WORLD.bo],
        "escalation_policy_ids": [WORLD.platform_policy],
    },
    "GetPastIncidents": lambda sim, _: {"incident_id": incident(sim), "limit": 3, "total": True},
    "GetRelatedIncidents": lambda sim, _: {"incident_id": incident(sim)},
    "GetOutlierIncident": lambda sim, _: {"incident_id": incident(sim), "since": WHEN["since"]},
    "GetRelatedChangeEvents": lambda sim, _: {"incident_id": incident(sim), "limit": 3},
    "GetLogEntry": lambda sim, _: {
        "id": sim.add_incident("Slow", WORLD.service).entries[0].id,
        "include": ["channels", "services"],
    },
    "ListAccountLogEntries": fixed(
        **WHEN, team_ids=[WORLD.payments_team], is_overview=True, include=["incidents"], total=True
    ),
    "AllAccountLogEntries": fixed(**WHEN, team_ids=[WORLD.payments_team], limit=5),
    "GetOnCalls": fixed(
        **WHEN,
        escalation_policy_ids=[WORLD.payments_policy],
        schedule_ids=[WORLD.payments_schedule],
        user_ids=[WORLD.ada],
        earliest=True,
        include=["users", "schedules"],
    ),
    "ListSchedules": fixed(query="pay", team_ids=[WORLD.payments_team], total=True),
    "AllSchedules": fixed(query="pay"),
    "GetSchedule": fixed(id=WORLD.payments_schedule, **WHEN, time_zone="Europe/Paris", overflow=True),
    "ListOverrides": fixed(schedule_id=WORLD.payments_schedule, **WHEN),
    "CreateOverride": fixed(schedule_id=WORLD.payments_schedule, user_id=WORLD.bo, start=NOON, end=LATER),
    "CreateSchedule": fixed(
        name="Ledger Primary",
        time_zone="Europe/Paris",
        description="Keeps the books",
        layers=[
            WEEKLY,
            {
                "name": "Nights",
                "user_ids": [WORLD.chen],
                "turn_length_seconds": 86_400,
                "start": NOON,
                "end": NOON + timedelta(days=90),
                "restrictions": [
                    {"start_time_of_day": "20:00:00", "duration_seconds": 36_000},
                    {"start_time_of_day": "00:00:00", "duration_seconds": 172_800, "start_day_of_week": 6},
                ],
            },
        ],
    ),
    "UpdateSchedule": fixed(id=WORLD.payments_schedule, description="Takes money", layers=[WEEKLY]),
    "DeleteSchedule": lambda sim, _: {"id": sim.add_schedule("Spare", [WORLD.ada]).id},
    "ListScheduleUsers": fixed(schedule_id=WORLD.payments_schedule, **WHEN),
    "DeleteOverride": lambda sim, _: {
        "schedule_id": WORLD.payments_schedule,
        "override_id": sim.add_override(WORLD.payments_schedule, WORLD.bo, sim.clock.now(), in_an_hour(sim)).id,
    },
    "ListEscalationPolicies": fixed(query="pay", user_ids=[WORLD.ada], include=["targets"]),
    "AllEscalationPolicies": fixed(team_ids=[WORLD.payments_team]),
    "GetEscalationPolicy": fixed(id=WORLD.payments_policy, include=["services"]),
    "CreateEscalationPolicy": fixed(
        name="Night",
        levels=[
            {"delay_minutes": 10, "user_ids": [WORLD.ada]},
            {"delay_minutes": 20, "schedule_ids": [WORLD.payments_schedule], "user_ids": [WORLD.bo]},
        ],
        num_loops=2,
        description="At night",
        team_ids=[WORLD.payments_team],
    ),
    "UpdateEscalationPolicy": fixed(
        id=WORLD.payments_policy,
        levels=[{"delay_minutes": 5, "user_ids": [WORLD.bo]}],
        num_loops=1,
        description="By day",
        team_ids=[WORLD.platform_team],
    ),
    "DeleteEscalationPolicy": lambda sim, _: {"id": sim.add_escalation_policy("Spare", [[WORLD.ada]]).id},
    "ListServices": fixed(query="pay", team_ids=[WORLD.payments_team], sort_by="name", include=["teams"]),
    "AllServices": fixed(query="pay"),
    "GetService": fixed(id=WORLD.service, include=["integrations"]),
    "CreateService": fixed(
        name="Ledger", escalation_policy_id=WORLD.payments_policy, description="Keeps the books", urgency="high"
    ),
    "UpdateService": fixed(id=WORLD.service, description="Takes money", auto_resolve_timeout=0),
    "DeleteService": lambda sim, _: {"id": sim.add_service("Spare", WORLD.payments_policy).id},
    "CreateIntegration": lambda _, folder: {
        "service_id": WORLD.service,
        "name": "monitor",
        "key_file": str(folder / "routing-key"),
    },
    "Maintenance": fixed(service_ids=[WORLD.service]),
    "ListMaintenanceWindows": fixed(
        service_ids=[WORLD.service], team_ids=[WORLD.payments_team], filter="open", query="up", include=["users"]
    ),
    "AllMaintenanceWindows": fixed(service_ids=[WORLD.service], filter="all"),
    "GetMaintenanceWindow": lambda sim, _: {"id": window(sim), "include": ["services"]},
    "UpdateMaintenanceWindow": lambda sim, _: {"id": window(sim), "description": "Takes longer"},
    "CreateMaintenanceWindow": fixed(
        service_ids=[WORLD.service], start_time=NOON, end_time=LATER, description="Upgrade"
    ),
    "DeleteMaintenanceWindow": fixed(id="PGONE00"),
    "ListBusinessServices": fixed(limit=10, total=True),
    "AllBusinessServices": fixed(),
    "GetBusinessService": fixed(id=WORLD.business_service),
    "GetBusinessServiceDependencies": fixed(id=WORLD.business_service),
    "GetTechnicalServiceDependencies": fixed(id=WORLD.service),
    "ListEventOrchestrations": fixed(sort_by="routes:desc", limit=10),
    "AllEventOrchestrations": fixed(),
    "GetEventOrchestration": fixed(id=WORLD.orchestration),
    "GetEventOrchestrationRouter": fixed(id=WORLD.orchestration),
    "GetEventOrchestrationGlobal": fixed(id=WORLD.orchestration),
    "GetEventOrchestrationService": fixed(service_id=WORLD.service),
    "ListStatusPages": fixed(status_page_type="public"),
    "ListStatusPageSeverities": fixed(id=WORLD.status_page, post_type="incident"),
    "ListStatusPageImpacts": fixed(id=WORLD.status_page, post_type="incident"),
    "ListStatusPageStatuses": fixed(id=WORLD.status_page, post_type="maintenance"),
    "ListStatusPagePosts": fixed(
        id=WORLD.status_page, post_type="maintenance", reviewed_status="approved", status_ids=["PSTATUS", "PANOTHR"]
    ),
    "GetStatusPagePost": fixed(
        id=WORLD.status_page, post_id=WORLD.status_page_post, include=["status_page_post_update"]
    ),
    "ListStatusPagePostUpdates": fixed(
        id=WORLD.status_page, post_id=WORLD.status_page_post, reviewed_status="approved"
    ),
    "UpdateEventOrchestrationRouter": fixed(id=WORLD.orchestration, rules=[PAY], catch_all=WORLD.search_service),
    "AppendEventOrchestrationRouterRule": fixed(id=WORLD.orchestration, rule=PAY),
    "CreateStatusPagePostUpdate": lambda sim, _: {
        "id": WORLD.status_page,
        "post_id": WORLD.status_page_post,
        "message": "Still at it",
        "status_id": latest(sim).status_id,
        "severity_id": latest(sim).severity_id,
        "impacted_services": [{"service_id": service, "impact_id": impact} for service, impact in latest(sim).impacts],
        "notify_subscribers": True,
        "update_frequency_ms": 3_600_000,
    },
    "ListExtensionSchemas": fixed(total=True),
    "GetExtensionSchema": fixed(id=WORLD.extension_schema),
    "ListUsers": fixed(query="ada", team_ids=[WORLD.payments_team], include=["contact_methods"]),
    "AllUsers": fixed(query="ada"),
    "GetUser": fixed(id=WORLD.ada, include=["teams"]),
    "GetCurrentUser": fixed(),
    "CreateUser": fixed(
        name="Eve", email="eve@harbour.example", role="limited_user", job_title="SRE", time_zone="Europe/Paris"
    ),
    "UpdateUser": fixed(id=WORLD.bo, job_title="SRE", role="user", time_zone="Europe/Paris", description="Knows DNS"),
    "ListTeams": fixed(query="pay"),
    "AllTeams": fixed(query="pay"),
    "CreateTeam": fixed(name="Ledger", description="Books"),
    "GetTeam": fixed(id=WORLD.payments_team),
    "UpdateTeam": fixed(id=WORLD.payments_team, description="Takes money", default_role="none"),
    "DeleteTeam": lambda sim, _: {"id": sim.add_team("Spare").id, "reassignment_team_id": WORLD.payments_team},
    "RemoveTeamMember": fixed(team_id=WORLD.payments_team, user_id=WORLD.bo),
    "AddTeamMember": fixed(team_id=WORLD.payments_team, user_id=WORLD.chen, role="observer"),
    "ListTeamMembers": fixed(team_id=WORLD.payments_team, include=["users"]),
    "AllTeamMembers": fixed(team_id=WORLD.payments_team),
    "ListPriorities": fixed(),
    "ListAbilities": fixed(),
    "HasAbility": fixed(ability="teams"),
    "ListIncidentWorkflows": fixed(query="major"),
    "GetIncidentWorkflow": fixed(id=WORLD.workflow),
    "StartIncidentWorkflow": lambda sim, _: {"id": WORLD.workflow, "incident_id": incident(sim)},
    "GetIncidentMetrics": fixed(
        **WHEN, service_ids=[WORLD.service], urgency="high", aggregate_unit="day", time_zone="UTC"
    ),
    "GetServiceMetrics": fixed(**WHEN, team_ids=[WORLD.payments_team]),
    "GetTeamMetrics": fixed(**WHEN, team_ids=[WORLD.payments_team]),
    "ListWebhookSubscriptions": fixed(filter_type="service", filter_id=WORLD.service),
    "AllWebhookSubscriptions": fixed(),
    "GetWebhookSubscription": lambda sim, _: {"id": subscription(sim)},
    "UpdateWebhookSubscription": lambda sim, _: {
        "id": subscription(sim),
        "events": ["incident.resolved"],
        "active": False,
        "filter_type": "team",
        "filter_id": WORLD.payments_team,
        "description": "Quiet",
    },
    "CreateWebhookSubscription": lambda _, folder: {
        "url": "https://hooks.example/pagerduty",
        "events": ["incident.triggered"],
        "secret_file": str(folder / "secret"),
        "filter_type": "service",
        "filter_id": WORLD.service,
    },
    "EnableWebhookSubscription": lambda sim, _: {"id": subscription(sim)},
    "PingWebhookSubscription": lambda sim, _: {"id": subscription(sim)},
    "DeleteWebhookSubscription": lambda sim, _: {"id": subscription(sim)},
}


def name_of(factory: NodeFactory[..., Any]) -> str:
    return factory.definition.name.removeprefix("pagerduty.")


def operation_name(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


@pytest.mark.parametrize("factory", FACTORIES, ids=name_of)
async def test_what_every_node_sends_is_as_the_documents_say(
    factory: NodeFactory[..., Any], sim: Simulator, tmp_path: Path
):
    """Path, parameters, headers and body of every request are valid, and are those that the node declares."""
    key = WORLD.user_key if name_of(factory) == "GetCurrentUser" else WORLD.account_key
    async with pagerduty.PagerDuty(config_for(sim, api_key=SecretStr(key))) as provider:
        bench = Bench(sim, provider)
        given = GIVEN[name_of(factory)](sim, tmp_path)
        await bench.run(factory, **given)
        bench.beats.clear()
        # The second attempt may look before it sends; that has to be as the documents say as well.
        await bench.run(factory, attempt=2, **given)
    bench.check_requests()
    declared = set(factory.definition.facts["operation"].split(", "))
    sent = {find_operation(each.method, each.path)[0] for each in bench.sent()}

    assert set() < sent <= declared


# Figures are asked for with POST, as the questions are long; nothing is changed by it.
QUESTIONS = re.compile(r"GET /|POST /analytics/metrics/")


@pytest.mark.parametrize("factory", FACTORIES, ids=name_of)
async def test_every_node_says_truly_what_it_does_to_the_world(
    factory: NodeFactory[..., Any], sim: Simulator, tmp_path: Path
):
    """A node is marked "read" exactly where it sends nothing but questions, and then nothing in the account changes."""
    key = WORLD.user_key if name_of(factory) == "GetCurrentUser" else WORLD.account_key
    given = GIVEN[name_of(factory)](sim, tmp_path)
    async with pagerduty.PagerDuty(config_for(sim, api_key=SecretStr(key))) as provider:
        bench = Bench(sim, provider)
        before = standing_of(sim)
        await bench.run(factory, **given)
    asks_only = all(QUESTIONS.match(f"{each.method} {each.path}") for each in bench.sent())

    assert ("read" if asks_only else "write") == factory.definition.effect
    if asks_only:
        assert before == standing_of(sim)


def test_no_node_is_left_out():
    """Whoever adds a node adds what to call it with."""
    assert {name_of(factory) for factory in FACTORIES} == set(GIVEN)


# Name, scope and separate limits of the operations, as they stand in the descriptions of the official OpenAPI document.
OFFICIAL: dict[str, Any] = json.loads((Path(__file__).parent / "official_operations.json").read_text())


@pytest.mark.parametrize("operation", [each for each in OPERATIONS if each.limit != "routing_key"], ids=operation_name)
def test_every_operation_is_the_official_one(operation: Operation):
    """Name, scope, From and whether it has a limit of its own are those of the documents."""
    _, official = find_operation(operation.method, operation.path)
    sender = any(each["required"] for each in official["parameters"] if each["name"] == "From")

    assert OFFICIAL[operation_name(operation)] == {
        "id": operation.id,
        "scope": operation.scope,
        "own_limit": operation.limit == "own",
    }
    assert sender == operation.needs_from


def test_every_operation_is_used():
    """No operation is declared that no node sends, and none is sent that is not declared."""
    used = {name for factory in FACTORIES for name in factory.definition.facts["operation"].split(", ")}

    assert used == {operation_name(operation) for operation in OPERATIONS}


@pytest.mark.parametrize("factory", FACTORIES, ids=name_of)
def test_every_node_is_documented(factory: NodeFactory[..., Any]):
    """Each says what it is for, what each argument means, and shows a line that builds; and has every fact."""
    definition = factory.definition
    text = inspect.getdoc(definition.function) or ""
    described = set(re.findall(r"^    (\w+): ", text.partition("Args:")[2].partition("\n\n")[0], re.MULTILINE))

    assert set(definition.parameters) == described
    assert f"{factory.__name__}(" in text.partition("Example:")[2]
    own = {"remains"} if ":write" in definition.facts["grant"] else set[str]()
    assert {"operation", "grant", "scope", "from", "rate_limit", "repeat", "page"} | own == set(definition.facts)
    assert all(definition.facts.values())
    assert factory.__name__ in pagerduty.__all__


def test_activity_types_follow_the_documented_names():
    """`trigger_event` runs as `pagerduty.TriggerEvent`: the snake-case name of a node is its function's."""
    for factory in FACTORIES:
        snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name_of(factory)).lower()
        assert factory.__name__ == snake


METHODS_OF_THE_REFERENCE = {
    "GET /incidents", "GET /incidents/{id}", "POST /incidents", "PUT /incidents/{id}", "PUT /incidents",
    "GET /incidents/{id}/notes", "POST /incidents/{id}/notes", "GET /incidents/{id}/alerts",
    "GET /services", "GET /services/{id}", "POST /services", "PUT /services/{id}",
    "GET /schedules", "GET /schedules/{id}", "POST /schedules/{id}/overrides",
    "GET /escalation_policies", "GET /escalation_policies/{id}", "POST /escalation_policies",
    "GET /users", "GET /users/{id}", "GET /users/me", "POST /users",
    "GET /teams", "POST /teams", "PUT /teams/{id}/users/{user_id}",
    "GET /oncalls", "POST /v2/enqueue", "POST /v2/change/enqueue",
}  # fmt: skip


def test_every_documented_method_is_a_node():
    """All 28 methods that the reference for agents lists can be called from a flow."""
    mains = {factory.definition.facts["operation"].split(", ")[0] for factory in FACTORIES}

    assert set() == METHODS_OF_THE_REFERENCE - mains
