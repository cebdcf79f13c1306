"""PagerDuty's MCP server at work on the simulator, over stdio, as an agent would use it.

Source: https://github.com/PagerDuty/pagerduty-mcp-server
"""

import shutil
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from resolute_pagerduty.simulator import Simulator
from tests.peers.certificates import Certificates

ROOT: Final = Path(__file__).parents[2]
PROGRAM: Final = shutil.which(ROOT / ".venv-peers/bin/pagerduty-mcp")

pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(PROGRAM is None, reason="PagerDuty's MCP server is not there: `make peers` with Python >= 3.12"),
]

Tools = Callable[..., Awaitable[Any]]


@asynccontextmanager
async def serving(sim: Simulator, trusted: Certificates, *flags: str) -> AsyncGenerator[Client]:
    """A client of the MCP server, which has Ada's key."""
    environment = {
        "PAGERDUTY_API_HOST": sim.url,
        "PAGERDUTY_USER_API_KEY": sim.world.user_key,
        "REQUESTS_CA_BUNDLE": str(trusted.authority),
    }
    started = StdioServerParameters(command=str(PROGRAM), args=list(flags), env=environment)
    with (trusted.authority.parent / "mcp-server.log").open("w") as log:
        async with Client(stdio_client(started, errlog=log)) as client:
            yield client


@asynccontextmanager
async def tools(sim: Simulator, trusted: Certificates) -> AsyncGenerator[Tools]:
    """Calls a tool of the MCP server and gives what it answered, which must not be an error."""

    async def use(name: str, **arguments: object) -> Any:
        result = await client.call_tool(name, arguments)
        assert not result.is_error, result.content
        # Lists come as a response, and what may be of several shapes as a result.
        answer: Any = result.structured_content or {}
        return answer.get("response", answer.get("result", answer))

    async with serving(sim, trusted, "--enable-write-tools") as client:
        yield use


async def test_an_agent_works_on_an_incident(sim: Simulator, certificates: Certificates) -> None:
    """It creates an incident, takes it, writes a note, resolves it, and reads back each of these steps."""
    world = sim.world
    async with tools(sim, certificates) as use:
        wanted = {"title": "Card payments fail", "service": {"id": world.service}, "body": {"details": "since 9:00"}}
        made = await use("create_incident", incident=wanted)
        managed: dict[str, Any] = {"incident_ids": [made["id"]]}
        [taken] = await use("manage_incidents", manage_request={**managed, "status": "acknowledged"})
        note = await use("add_note_to_incident", incident_id=made["id"], note="the cache was full")
        notes = await use("list_incident_notes", incident_id=made["id"])
        await use("manage_incidents", manage_request={**managed, "urgency": "low", "assignement": {"id": world.bo}})
        [ended] = await use("manage_incidents", manage_request={**managed, "status": "resolved"})
        read = await use("get_incident", incident_id=made["id"])
        listed = await use("list_incidents", statuses=["resolved"], urgencies=["low"])
        entries = await use("list_log_entries")
        entry = await use("get_log_entry", log_entry_id=entries[0]["id"])
    [simulated] = sim.incidents()

    assert ("acknowledged", "resolved", "resolved") == (taken["status"], ended["status"], read["status"])
    assert [(note["id"], "the cache was full")] == [(each["id"], each["content"]) for each in notes]
    assert [made["id"]] == [each["id"] for each in listed]
    assert ("resolve_log_entry", entries[0]["id"]) == (entry["type"], entry["id"])
    assert {"trigger_log_entry", "acknowledge_log_entry", "annotate_log_entry"} < {each["type"] for each in entries}
    assert ("Card payments fail", "resolved", "low") == (simulated.title, simulated.status, simulated.urgency)
    assert ["the cache was full"] == [each.content for each in simulated.notes]


async def test_an_agent_finds_its_way(sim: Simulator, certificates: Certificates) -> None:
    """It reads who it is, who is on call, alerts, changes, services, schedules, teams, policies and priorities."""
    world = sim.world
    sim.trigger("Disk full", routing_key=world.routing_key, dedup_key="disk")
    [incident] = sim.incidents()
    async with tools(sim, certificates) as use:
        me = await use("get_user_data")
        mine = await use("list_incidents", request_scope="teams")
        oncalls = await use("list_oncalls", service_ids=[world.service])
        [alert] = await use("list_alerts_from_incident", incident_id=incident.id)
        same = await use("get_alert_from_incident", incident_id=incident.id, alert_id=alert["id"])
        services = await use("list_services")
        schedules = await use("list_schedules", query_model={"query": "Payments"})
        schedule = await use("get_schedule", schedule_id=world.payments_schedule)
        people = await use("list_schedule_users", schedule_id=world.payments_schedule)
        members = await use("list_team_members", team_id=world.payments_team)
        policy = await use("get_escalation_policy", policy_id=world.payments_policy)
        workflows = await use("list_incident_workflows")
        nothing = [await use(name) for name in ("list_change_events", "list_webhook_subscriptions")]
        everybody = [len(await use(name)) for name in ("list_users", "list_teams", "list_escalation_policies")]
        await use("list_priorities")

    assert (world.ada, [incident.id]) == (me["id"], [each["id"] for each in mine])
    assert [(1, world.ada), (2, world.chen)] == sorted(
        (each["escalation_level"], each["user"]["id"]) for each in oncalls
    )
    assert ("Disk full", alert["id"]) == (alert["summary"], same["id"])
    assert {"Checkout", "Payments API", "Search"} == {each["name"] for each in services}
    assert (["Payments Primary"], "Payments Primary") == ([each["name"] for each in schedules], schedule["name"])
    assert {world.ada, world.bo} == {each["id"] for each in people} == {each["id"] for each in members}
    assert ("Payments", 2) == (policy["name"], len(policy["escalation_rules"]))
    assert ["Major incident"] == [each["name"] for each in workflows]
    assert ([[], []], [4, 2, 2]) == (nothing, everybody)
    assert set() == {request.path for request in sim.requests if request.status != 200} - {"/incident_workflows"}


async def test_an_agent_changes_the_account(sim: Simulator, certificates: Certificates) -> None:
    """It makes a service, a team with a member, a user, an override, a subscription, and starts a workflow."""
    world, now = sim.world, datetime.now(UTC)
    incident = sim.add_incident("Disk full", world.service)
    override = {"start": now.isoformat(), "end": (now + timedelta(hours=1)).isoformat(), "user_id": world.chen}
    subscription = {
        "delivery_method": {"type": "http_delivery_method", "url": "https://hooks.example/1"},
        "events": ["incident.triggered"],
        "filter": {"type": "service_reference", "id": world.service},
    }
    async with tools(sim, certificates) as use:
        policy = {"id": world.payments_policy}
        service = await use("create_service", service_data={"service": {"name": "Ledger", "escalation_policy": policy}})
        changed = {"name": "Ledger", "description": "Who owes whom", "escalation_policy": policy}
        await use("update_service", service_id=service["id"], service_data={"service": changed})
        user = await use("create_user", request={"name": "Eve Stone", "email": "eve@harbour.example"})
        team = await use("create_team", create_model={"team": {"name": "Ledger"}})
        member = {"user_id": user["id"], "role": "responder"}
        await use("add_team_member", team_id=team["id"], member_data=member)
        await use(
            "create_schedule_override",
            schedule_id=world.payments_schedule,
            override_request={"overrides": [override]},
        )
        oncalls = await use("list_oncalls", schedule_ids=[world.payments_schedule])
        hook = await use("create_webhook_subscription", webhook_data=subscription)
        quiet = await use("update_webhook_subscription", subscription_id=hook["id"], webhook_data={"active": False})
        await use("delete_webhook_subscription", subscription_id=hook["id"])
        started = await use(
            "start_incident_workflow",
            workflow_id=world.workflow,
            instance_request={"incident_workflow_instance": {"incident": {"id": incident.id}}},
        )
    state = sim.account.state

    assert "Who owes whom" == state.services[service["id"]].description
    assert {user["id"]: "responder"} == state.teams[team["id"]].members
    assert world.chen in {each["user"]["id"] for each in oncalls}
    assert (False, True) == (quiet["active"], bool(hook["delivery_method"]["secret"]))
    assert {} == state.subscriptions
    assert incident.id == started["incident"]["id"]


async def test_an_agent_reads_figures(sim: Simulator, certificates: Certificates) -> None:
    """Time to acknowledge and to resolve come by service and by team."""
    start = datetime.now(UTC) - timedelta(days=2)
    acknowledged, resolved = start + timedelta(minutes=2), start + timedelta(minutes=10)
    sim.add_incident(
        "Slow",
        sim.world.service,
        created_at=start,
        acknowledged_at=acknowledged,
        resolved_at=resolved,
        by=sim.world.ada,
    )
    window = {
        "created_at_start": (start - timedelta(days=1)).isoformat(),
        "created_at_end": datetime.now(UTC).isoformat(),
        "team_ids": [sim.world.payments_team],
    }
    async with tools(sim, certificates) as use:
        service = await use("get_incident_metrics_by_service", **window)
        team = await use("get_incident_metrics_by_team", **window)
        everything = await use("get_incident_metrics_all", **window)

    for figures in (service, team, everything):
        assert '"mean_seconds_to_first_ack":120' in str(figures)
        assert '"mean_seconds_to_resolve":600' in str(figures)


async def test_an_agent_without_leave_to_write(sim: Simulator, certificates: Certificates) -> None:
    """Without the flag for it there is no tool that writes; with it there is one for each."""
    async with serving(sim, certificates) as client:
        reading = {tool.name for tool in (await client.list_tools()).tools}
    async with serving(sim, certificates, "--enable-write-tools") as client:
        writing = {tool.name for tool in (await client.list_tools()).tools}

    assert "list_incidents" in reading
    assert {"create_incident", "manage_incidents", "add_note_to_incident"} <= writing - reading
