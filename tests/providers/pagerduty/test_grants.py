"""Who may do what, and the log of who did."""

from pathlib import Path

import pytest
from pydantic import SecretStr

import resolute_pagerduty as pagerduty
from resolute import flow, manual
from resolute.plan.errors import ConfigurationError, FlowBuildError, NotGrantedError, ResoluteError
from resolute.providing.audit import read_audit
from resolute.providing.grants import Grants
from resolute_pagerduty import PagerDuty, errors
from resolute_pagerduty.http.operations import RESOURCES
from resolute_pagerduty.nodes import FACTORIES
from resolute_pagerduty.simulator import Simulator
from resolute_pagerduty.simulator.world import WORLD
from tests.providers.pagerduty.harness import Bench, config_for


def test_to_write_is_also_to_read():
    """`notes:write` reads notes; nothing grants what it does not name."""
    grants = Grants.of(["incidents:read", "notes:write"], RESOURCES)

    assert ["incidents:write", "services:read"] == grants.missing(
        ["incidents:read", "incidents:write", "notes:read", "notes:write", "services:read"]
    )


def test_without_grants_everything_is_allowed():
    """What the credential may is the limit then; read_only takes every write away."""
    everything, reader, nothing = (
        Grants.of(None, RESOURCES),
        Grants.of(None, RESOURCES, read_only=True),
        Grants.of([], RESOURCES),
    )

    assert (True, False, False) == tuple(each.allow("incidents:write") for each in (everything, reader, nothing))
    assert (True, True, False) == tuple(each.allow("users:read") for each in (everything, reader, nothing))
    assert ("everything", "*:read", "nothing") == (str(everything), str(reader), str(nothing))


@pytest.mark.parametrize(
    ("grants", "told"),
    [
        (["incidnets:read"], r"grant 'incidnets:read' is not known \(did you mean 'incidents'\?\)"),
        (["incidents"], "write incidents:read or incidents:write"),
        (["incidents:delete"], "write incidents:read or incidents:write"),
        (["notes:write"], "contradicts read_only"),
    ],
)
def test_a_grant_that_is_none_is_refused(grants: list[str], told: str):
    """A typing error must not quietly grant less, or more, than was meant."""
    with pytest.raises(ConfigurationError, match=told):
        Grants.of(grants, RESOURCES, read_only=told.startswith("contradicts"))


def test_read_only_is_every_read_and_no_write():
    """Of all nodes exactly those are left that change nothing."""
    provider = PagerDuty(pagerduty.PagerDutyConfig(), read_only=True)
    refused = {each.definition.name for each in FACTORIES if provider.refusal(each.definition)}
    writing = {each.definition.name for each in FACTORIES if ":write" in each.definition.facts["grant"]}

    assert writing == refused
    assert {"incidents", "notes", "events", "change_events", "analytics", "maintenance_windows"} <= set(RESOURCES)


def test_a_flow_that_writes_does_not_build_for_a_reader():
    """With a provider that may only read, `build()` names every step that writes; one that may write builds it."""
    acknowledged = pagerduty.update_incident(id="PT4KHLK", status="acknowledged")
    noted = pagerduty.add_note(incident_id="PT4KHLK", content="seen")
    written = flow("write").triggered_by(manual("write")).then(acknowledged).then(noted)
    reader = PagerDuty(pagerduty.PagerDutyConfig(), read_only=True)
    writer = PagerDuty(pagerduty.PagerDutyConfig(), grants=["incidents:write", "notes:write"])

    with pytest.raises(FlowBuildError) as caught:
        written.build(providers=[reader])

    assert ["then[0] 'update_incident'", "then[1] 'add_note'"] == [each.place for each in caught.value.problems]
    assert "pagerduty.AddNote needs the grant notes:write" in str(caught.value)
    assert "write" == written.build(providers=[writer]).name


async def test_a_refused_node_is_refused_before_anything_is_sent(sim: Simulator, tmp_path: Path):
    """The worker refuses, says which grant is missing, and the audit log says who asked."""
    log = tmp_path / "audit.jsonl"
    async with PagerDuty(config_for(sim), grants=["incidents:read"], audit_log=log) as provider:
        bench = Bench(sim, provider)
        await bench.run(pagerduty.list_incidents)
        with pytest.raises(NotGrantedError, match="needs the grant notes:write; this PagerDuty provider has incidents"):
            await bench.run(pagerduty.add_note, incident_id="P1", content="x", step="note")
    done, refused = read_audit(log)

    assert ["/incidents"] == [each.path for each in sim.requests]
    assert ("done", "listIncidents", 200) == (done.outcome, done.operation, done.status)
    assert ("refused", "pagerduty.AddNote", "flow", "run", "note", "NotGrantedError") == (
        refused.outcome,
        refused.operation,
        refused.flow,
        refused.run,
        refused.step,
        refused.error,
    )


async def test_every_request_is_checked_as_well(sim: Simulator, tmp_path: Path):
    """Whoever gets past the check of the node is stopped at the request, and that is in the audit log."""
    log = tmp_path / "audit.jsonl"
    async with PagerDuty(config_for(sim), read_only=True, audit_log=log) as provider:
        with pytest.raises(NotGrantedError, match=r"POST /incidents needs the grant incidents:write"):
            await pagerduty.create_incident.definition.function(
                provider, title="t", service_id=WORLD.service, incident_key="k"
            )
        with pytest.raises(NotGrantedError, match=r"POST /v2/enqueue needs the grant events:write"):
            await pagerduty.resolve_event.definition.function(provider, dedup_key="k")

    assert [] == list(sim.requests)
    assert ["refused", "refused"] == [each.outcome for each in read_audit(log)]


async def test_the_audit_log_tells_what_became_of_each_request(sim: Simulator, tmp_path: Path):
    """Done, failed, unknown: with status, error and request id; and no secret anywhere in the file."""
    log = tmp_path / "logs" / "audit.jsonl"
    async with PagerDuty(config_for(sim), audit_log=log) as provider:
        bench = Bench(sim, provider)
        incident = sim.add_incident("Slow", WORLD.service)
        sim.faults.add(action="reset", method="POST", path="/incidents/*/notes", after=True)
        with pytest.raises(errors.UnreachableError):
            await bench.run(pagerduty.add_note, incident_id=incident.id, content="x")
        await bench.run(pagerduty.add_note, incident_id=incident.id, content="x", attempt=2)
        with pytest.raises(errors.NotFoundError):
            await bench.run(pagerduty.get_incident, id="PNOTHING")
        await bench.run(pagerduty.trigger_event, summary="s", source="s", severity="info", dedup_key="disk")
    notes = f"/incidents/{incident.id}/notes"
    found = list(read_audit(log))

    assert [
        ("GET", notes, "done", 200, None, 1),
        ("POST", notes, "unknown", None, "UnreachableError", 1),
        ("GET", notes, "done", 200, None, 2),
        ("GET", "/incidents/PNOTHING", "failed", 404, "NotFoundError", 1),
        ("POST", "event:disk", "done", 202, None, 1),
    ] == [(each.method, each.resource, each.outcome, each.status, each.error, each.attempt) for each in found]
    assert all(each.request_id for each in found if each.status)
    assert not [secret for secret in provider.secrets() if secret in log.read_text()]


async def test_a_provider_that_is_not_open_says_so():
    """Nodes run on a worker that has entered the provider."""
    provider = PagerDuty(pagerduty.PagerDutyConfig(api_key=SecretStr("key")))
    with pytest.raises(ResoluteError, match="not open"):
        provider.account()
