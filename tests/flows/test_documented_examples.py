"""Each example of the provider's documentation, in Python, at work on a simulated PagerDuty.

One test for one example: how the provider is made, each operation, each usage pattern, the complete program.
"""

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from pydantic import BaseModel

import resolute_pagerduty as pagerduty
from resolute import Flow, Node, State, env, flow, manual, node, now, output, previous, schedule, secret
from resolute.testing import FlowTester, TestedRun
from resolute_pagerduty import PagerDuty, PagerDutyConfig
from resolute_pagerduty.models.events import AcknowledgeEventOutput, ResolveEventOutput, TriggerEventOutput
from resolute_pagerduty.models.outputs import (
    AddNoteOutput,
    GetIncidentOutput,
    GetOnCallsOutput,
    ListIncidentsOutput,
    ListServicesOutput,
    UpdateIncidentOutput,
)
from resolute_pagerduty.simulator import Clock, Limits, Simulator
from resolute_pagerduty.testing import simulated_config
from resolute_worker import Worker
from tests.patience import PATIENCE

M = TypeVar("M", bound=BaseModel)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ENVIRONMENT = {
    "PAGERDUTY_ROUTING_KEY": "paymentsroutingkey00000000000001",
    "ESCALATION_POLICY": "PEPPAYM",
    "ESCALATION_POLICY_ID": "PEPPAYM",
}


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    """A simulated PagerDuty whose clock stands where that of a tester begins."""
    async with Simulator.serve(clock=Clock(NOON), limits=Limits.none()) as sim:
        yield sim


class Account:
    """Runs what an example says, at a simulated PagerDuty."""

    def __init__(self, provider: PagerDuty) -> None:
        self._provider = provider

    def watches(self, example: Flow) -> FlowTester:
        """A tester for a flow of an example."""
        return FlowTester(example, env=ENVIRONMENT, providers=[self._provider], start=NOON, patience=PATIENCE)

    async def does(self, step: Node[M]) -> M:
        """What one operation answers, as the type that its example promises."""
        example = flow("example").triggered_by(manual("example")).then(step.as_("answer")).build()
        run = well(await self.watches(example).run())
        answer: type[M] = step.definition.result_type
        return answer.model_validate(run.result["answer"])


@pytest.fixture
async def account(sim: Simulator) -> AsyncIterator[Account]:
    """The account of the examples."""
    async with PagerDuty(simulated_config(sim)) as provider:
        yield Account(provider)


def well(run: TestedRun) -> TestedRun:
    """The run, which has to have ended well."""
    assert run.error is None, run.error
    return run


def states(sim: Simulator) -> list[tuple[str, str]]:
    """Key and status of every incident."""
    return [(incident.key, incident.status) for incident in sim.incidents()]


# The provider.


def test_a_provider_is_made_from_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """NewProvider(PagerDutyConfig{APIKey, ServiceKey}): settings come from the environment, secrets are not shown."""
    monkeypatch.setenv("PAGERDUTY_API_KEY", "the-api-key-of-the-account")
    monkeypatch.setenv("PAGERDUTY_SERVICE_KEY", "the-service-key-of-the-account")

    provider = PagerDuty(
        PagerDutyConfig.model_validate(
            {"api_key": os.environ["PAGERDUTY_API_KEY"], "service_key": os.environ["PAGERDUTY_SERVICE_KEY"]}
        )
    )

    assert list(PagerDuty.from_env().secrets()) == list(provider.secrets())
    assert "the-api-key" not in repr(provider.configs)


# The operations.


async def test_trigger_event(account: Account, sim: Simulator) -> None:
    """TriggerEvent opens an incident under its key."""
    found: TriggerEventOutput = await account.does(
        pagerduty.trigger_event(
            routing_key=secret("PAGERDUTY_ROUTING_KEY"),
            summary="Database connection pool exhausted",
            source="monitoring-service",
            severity="critical",
            dedup_key="db-pool-exhausted",
            component="database",
            custom_details={"pool_size": 100, "active": 100, "waiting": 50},
        )
    )

    assert ("success", "db-pool-exhausted") == (found.status, found.dedup_key)
    assert [("db-pool-exhausted", "triggered")] == states(sim)


async def test_acknowledge_event(account: Account, sim: Simulator) -> None:
    """AcknowledgeEvent acknowledges the incident of a key."""
    sim.trigger("Pool exhausted", routing_key=sim.world.routing_key, dedup_key="db-pool-exhausted")

    found: AcknowledgeEventOutput = await account.does(
        pagerduty.acknowledge_event(routing_key=secret("PAGERDUTY_ROUTING_KEY"), dedup_key="db-pool-exhausted")
    )

    assert "success" == found.status
    assert [("db-pool-exhausted", "acknowledged")] == states(sim)


async def test_resolve_event(account: Account, sim: Simulator) -> None:
    """ResolveEvent resolves the incident of a key."""
    sim.trigger("Pool exhausted", routing_key=sim.world.routing_key, dedup_key="db-pool-exhausted")

    found: ResolveEventOutput = await account.does(
        pagerduty.resolve_event(routing_key=secret("PAGERDUTY_ROUTING_KEY"), dedup_key="db-pool-exhausted")
    )

    assert "success" == found.status
    assert [("db-pool-exhausted", "resolved")] == states(sim)


async def test_get_incident(account: Account, sim: Simulator) -> None:
    """GetIncident reads an incident with everything that the documented type has."""
    made = sim.add_incident("Checkout is slow", sim.world.checkout_service, priority_id=sim.world.p1)

    found: GetIncidentOutput = await account.does(pagerduty.get_incident(id=made.id))

    incident = found.incident
    assert (made.id, 1, "Checkout is slow", "triggered", "high") == (
        incident.id, incident.incident_number, incident.title, incident.status, incident.urgency
    )  # fmt: skip
    assert ("Checkout", "Payments") == (incident.service.summary, incident.escalation_policy.summary)
    assert incident.priority is not None
    assert ("P1", "Ada Moreno") == (incident.priority.name, incident.assignments[0].assignee.summary)
    assert (NOON, NOON, None) == (incident.created_at, incident.last_status_change_at, incident.resolved_at)


async def test_list_incidents(account: Account, sim: Simulator) -> None:
    """ListIncidents filters by status, urgency and time, and the time is that of the run."""
    hour = timedelta(hours=1)
    sim.add_incident("new", sim.world.service, urgency="high", created_at=NOON - hour)
    sim.add_incident("quiet", sim.world.service, urgency="low", created_at=NOON - hour)
    sim.add_incident("old", sim.world.service, urgency="high", created_at=NOON - 30 * hour)

    found: ListIncidentsOutput = await account.does(
        pagerduty.list_incidents(
            statuses=["triggered", "acknowledged"], urgencies=["high"], since=now() - timedelta(hours=24), limit=50
        )
    )

    assert ["new"] == [incident.title for incident in found.incidents]
    assert (False, None) == (found.more, found.total)


async def test_update_incident(account: Account, sim: Simulator) -> None:
    """UpdateIncident changes status, resolution, title, urgency and priority."""
    made = sim.add_incident("Checkout is slow", sim.world.service)

    found: UpdateIncidentOutput = await account.does(
        pagerduty.update_incident(
            id=made.id,
            status="resolved",
            resolution="Restarted the pool",
            title="Checkout was slow",
            urgency="low",
            priority_id=sim.world.p3,
        )
    )

    assert found.incident.priority is not None
    assert ("resolved", "Checkout was slow", "low", "P3") == (
        found.incident.status, found.incident.title, found.incident.urgency, found.incident.priority.summary
    )  # fmt: skip
    assert ["Resolution Note: Restarted the pool"] == [note.content for note in made.notes]


async def test_add_note(account: Account, sim: Simulator) -> None:
    """AddNote adds a note and gives its id."""
    made = sim.add_incident("Checkout is slow", sim.world.service)

    found: AddNoteOutput = await account.does(pagerduty.add_note(incident_id=made.id, content="Looking at it"))

    assert [found.note_id] == [note.id for note in made.notes]
    assert made.notes[0].content.startswith("Looking at it")


async def test_get_on_calls(account: Account) -> None:
    """GetOnCalls says who is on call in a time that begins when the run asks."""
    found: GetOnCallsOutput = await account.does(
        pagerduty.get_on_calls(
            escalation_policy_ids=[env("ESCALATION_POLICY")], since=now(), until=now() + timedelta(hours=24)
        )
    )

    first = found.oncalls[0]
    assert first.schedule is not None
    assert ("Ada Moreno", "Payments Primary", "Payments", 1) == (
        first.user.summary, first.schedule.summary, first.escalation_policy.summary, first.escalation_level
    )  # fmt: skip
    assert first.start is not None
    assert first.end is not None
    assert first.start <= NOON < first.end


async def test_list_services(account: Account) -> None:
    """ListServices finds services by a part of their name."""
    found: ListServicesOutput = await account.does(pagerduty.list_services(query="Check", limit=10, offset=0))

    assert [("PSVCCHE", "Checkout")] == [(service.id, service.name) for service in found.services]
    assert not found.more


# The usage patterns. What each asks of the world is a node that a test answers.


class HealthCheckOutput(BaseModel):
    """What a check finds."""

    status: str
    message: str = ""
    component: str = ""
    metrics: dict[str, float] = {}


class DiagnosticsOutput(BaseModel):
    """What was seen."""

    summary: str


@node
async def check_database_health() -> HealthCheckOutput:
    """The world's to answer."""
    raise NotImplementedError


@node
async def check_service_health() -> HealthCheckOutput:
    """The world's to answer."""
    raise NotImplementedError


@node
async def check_system_health() -> HealthCheckOutput:
    """The world's to answer."""
    raise NotImplementedError


@node
async def gather_diagnostics(incident_id: str) -> DiagnosticsOutput:
    """The world's to answer."""
    raise NotImplementedError


@node
async def notify_slack(message: str) -> None:
    """The world's to answer."""


@node
async def send_direct_message(oncalls: list[pagerduty.OnCall]) -> list[str]:
    """Names whom it would write to."""
    return [oncall.user.summary for oncall in oncalls]


@node
async def calculate_metrics(incidents: list[pagerduty.Incident]) -> dict[str, float]:
    """Counts."""
    return {"count": len(incidents)}


@node
async def publish_metrics(metrics: dict[str, float]) -> dict[str, float]:
    """Says what it would publish."""
    return metrics


def is_critical(state: State) -> bool:
    """The condition as a function of the state, which the documentation shows."""
    return state.get("health", HealthCheckOutput).status == "critical"


async def test_automated_alerting(account: Account, sim: Simulator) -> None:
    """database-monitor: a function of the state decides, and an output by name is the summary."""
    example = (
        flow("database-monitor")
        .triggered_by(schedule("*/5 * * * *"))
        .then(check_database_health().as_("health"))
        .when(is_critical)
            .then(pagerduty.trigger_event(
                routing_key=secret("PAGERDUTY_ROUTING_KEY"),
                summary=output("health.message"),
                source="database-monitor",
                severity="critical",
                dedup_key="db-health-check",
            ))
        .end_when()
        .build()
    )  # fmt: skip
    tester = account.watches(example)
    tester.sequence("health", [HealthCheckOutput(status="healthy"), HealthCheckOutput(status="critical", message="no")])

    well(await tester.run())
    assert [] == states(sim)
    well(await tester.run())

    assert [("db-health-check", "triggered")] == states(sim)
    assert "no" == sim.incidents()[0].title


async def test_incident_response_automation(account: Account, sim: Simulator) -> None:
    """incident-response: a webhook starts it, and only a triggered incident gets diagnostics, a note and a message."""
    event = pagerduty.event(pagerduty.IncidentEvent)
    example = (
        flow("incident-response")
        .triggered_by(pagerduty.webhook("/pagerduty/webhook", events=["incident.triggered", "incident.resolved"]))
        .when(event.event_type == "incident.triggered")
            .then(gather_diagnostics(event.data.id).as_("diagnostics"))
            .then(pagerduty.add_note(incident_id=event.data.id, content=output("diagnostics.summary")))
            .then(notify_slack(event.data.title))
        .end_when()
        .build()
    )  # fmt: skip
    made = sim.add_incident("Checkout is slow", sim.world.service)
    tester = account.watches(example)
    tester.answer("diagnostics", {"summary": "All targets answer"})
    delivery: Any = {"event": {"event_type": "incident.triggered", "data": {"id": made.id, "title": made.title}}}

    run = well(await tester.run(delivery))
    delivery["event"]["event_type"] = "incident.resolved"
    other = well(await tester.run(delivery))

    assert ["All targets answer"] == [note.content.splitlines()[0] for note in made.notes]
    assert {"message": "Checkout is slow"} == run.calls_of("notify_slack")[0].arguments
    assert not other.calls


async def test_auto_resolution(account: Account, sim: Simulator) -> None:
    """auto-resolve: a healthy service resolves what is open under its key."""
    health = check_service_health().as_("health")
    example = (
        flow("auto-resolve")
        .triggered_by(schedule("*/5 * * * *"))
        .then(health)
        .when(health.output.status == "healthy")
            .then(pagerduty.resolve_event(
                routing_key=secret("PAGERDUTY_ROUTING_KEY"),
                dedup_key="service-health-check",
            ))
        .end_when()
        .build()
    )  # fmt: skip
    sim.trigger("Service down", routing_key=sim.world.routing_key, dedup_key="service-health-check")
    tester = account.watches(example)
    tester.sequence("health", [HealthCheckOutput(status="critical"), HealthCheckOutput(status="healthy")])

    well(await tester.run())
    assert [("service-health-check", "triggered")] == states(sim)
    well(await tester.run())

    assert [("service-health-check", "resolved")] == states(sim)


async def test_on_call_notification(account: Account) -> None:
    """on-call-notify: whoever is on call within the next hour gets a message."""
    oncall = pagerduty.get_on_calls(
        escalation_policy_ids=[env("ESCALATION_POLICY_ID")], since=now(), until=now() + timedelta(hours=1)
    ).as_("oncall")
    example = (
        flow("on-call-notify")
        .triggered_by(manual("notify"))
        .then(oncall)
        .then(send_direct_message(list_of(oncall.output.oncalls)).as_("told"))
        .build()
    )

    run = well(await account.watches(example).run())

    assert ["Ada Moreno", "Chen Wei"] == run.result["told"]


async def test_incident_metrics(account: Account, sim: Simulator) -> None:
    """incident-metrics: the window is the day before the run, however long the worker has been up."""
    incidents = pagerduty.list_incidents(
        statuses=["resolved"], since=now() - timedelta(hours=24), until=now(), limit=100
    ).as_("incidents")
    metrics = calculate_metrics(list_of(incidents.output.incidents)).as_("metrics")
    example = (
        flow("incident-metrics")
        .triggered_by(schedule("0 0 * * *"))
        .then(incidents)
        .then(metrics)
        .then(publish_metrics(metrics.output).as_("published"))
        .build()
    )
    tester = account.watches(example)
    began = NOON - timedelta(hours=2)
    sim.add_incident("Slow", sim.world.service, created_at=began, resolved_at=began + timedelta(minutes=5))

    today = well(await tester.run())
    tester.clock.move(timedelta(days=7))
    next_week = well(await tester.run())

    assert ({"count": 1}, {"count": 0}) == (today.result["published"], next_week.result["published"])


def list_of(reference: Any) -> Any:
    """A reference to a tuple where a node says list: both are one in JSON."""
    return reference


# The complete example.

health = check_system_health().as_("health")
oncall = pagerduty.get_on_calls(escalation_policy_ids=[env("ESCALATION_POLICY")]).as_("oncall")

smart_alerting = (
    flow("smart-alerting")
    .triggered_by(schedule("*/5 * * * *"))
    .then(health)
    .when(health.output.status == "critical")
        .then(pagerduty.trigger_event(
            routing_key=secret("PAGERDUTY_ROUTING_KEY"),
            summary=health.output.message,
            source="health-monitor",
            severity="critical",
            dedup_key="system-health",
            component=health.output.component,
            custom_details={"metrics": health.output.metrics},
        ))
        .then(oncall)
        .then(send_direct_message(list_of(oncall.output.oncalls)).as_("told"))
    .end_when()
    .when((health.output.status == "healthy") & (previous(health.output.status) == "critical"))
        .then(pagerduty.resolve_event(routing_key=secret("PAGERDUTY_ROUTING_KEY"), dedup_key="system-health"))
    .end_when()
    .build()
)  # fmt: skip


async def test_the_complete_example(account: Account, sim: Simulator) -> None:
    """smart-alerting: ill, then well again, is one incident, opened with its figures, told of, and resolved."""
    tester = account.watches(smart_alerting)
    ill = HealthCheckOutput(status="critical", message="Pool exhausted", component="db", metrics={"waiting": 50})
    tester.sequence("health", [ill, HealthCheckOutput(status="healthy")])

    first = well(await tester.run())
    assert [("system-health", "triggered")] == states(sim)
    assert ["Ada Moreno", "Chen Wei"] == first.result["told"]
    details: Any = first.calls_of("trigger_event")[0].arguments["custom_details"]
    assert {"metrics": {"waiting": 50}} == details

    well(await tester.run())
    assert [("system-health", "resolved")] == states(sim)


def test_the_worker_of_the_complete_example(sim: Simulator) -> None:
    """A worker takes a task queue, flows and providers, and starts nothing before it is run."""
    worker = Worker(task_queue="alerting", flows=[smart_alerting], providers=[PagerDuty(simulated_config(sim))])

    assert ("alerting", ["smart-alerting"]) == (worker.settings.task_queue, [each.name for each in worker.flows])
