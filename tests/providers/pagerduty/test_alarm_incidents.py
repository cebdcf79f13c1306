"""The incident of an alarm: opened once, resolved once, and left to the person who has taken it over."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest

import resolute_pagerduty as pagerduty
from resolute import Flow, alarm, every, flow, node
from resolute.running.ledger import Check, check_of
from resolute.testing import FlowTester, TestedRun
from resolute_pagerduty.simulator.resources import Incident
from resolute_pagerduty.simulator.world import WORLD
from resolute_worker.paging import paging
from tests.patience import PATIENCE
from tests.providers.pagerduty.harness import Bench

Deed = Callable[[Bench, Incident], Awaitable[Any]]


@node
async def look() -> str | None:
    """How it stands."""
    return "ok"


health = look().as_("health")


def watching(mute: bool = False, when_stuck: Literal["fail", "hold"] = "fail", **incident: Any) -> Flow:
    made = pagerduty.incident_for(dedup_key="checkout", **incident)
    muted = pagerduty.maintenance(service_ids=[WORLD.service]) if mute else None
    watched = alarm(
        "checkout", bad=health.output == "bad", raise_after=2, clear_after=2, incident=made, mute_during=muted
    )
    begun = flow("watch", when_stuck=when_stuck).triggered_by(every(timedelta(minutes=1)))
    return begun.then(health).then(watched).build()


async def runs(bench: Bench, tester: FlowTester, *answers: str | None) -> list[TestedRun]:
    """Runs the flow once for each answer of the check."""
    done: list[TestedRun] = []
    for answer in answers:
        tester.answer("health", answer)
        tester.clock.move(timedelta(minutes=1))
        bench.sim.clock.advance(timedelta(minutes=1))
        done.append(await tester.run())
    return done


async def checks(bench: Bench, tester: FlowTester, *answers: str | None) -> list[str]:
    """Runs the flow once for each answer of the check; the outcomes."""
    return [
        run.result["checkout"]["outcome"] if run.status == "completed" else run.status
        for run in await runs(bench, tester, *answers)
    ]


def entry(run: TestedRun) -> Check:
    """The line that the ledger has of a run."""
    began = run.report.steps[0].started_at or datetime.now(UTC)
    return check_of(run.plan, run.report, at=began, began_at=began, paging=paging)


async def acknowledge(bench: Bench, incident: Incident) -> None:
    await bench.run(pagerduty.update_incident, id=incident.id, status="acknowledged")


async def reassign(bench: Bench, incident: Incident) -> None:
    await bench.run(pagerduty.update_incident, id=incident.id, assignee_ids=[WORLD.bo])


async def snooze(bench: Bench, incident: Incident) -> None:
    await acknowledge(bench, incident)
    await bench.run(pagerduty.snooze_incident, id=incident.id, seconds=3600)


async def merge(bench: Bench, incident: Incident) -> None:
    other = bench.sim.add_incident("Payments are down", WORLD.service)
    await bench.run(pagerduty.merge_incidents, id=other.id, source_ids=[incident.id])


async def write(bench: Bench, incident: Incident) -> None:
    bench.sim.add_note(incident.id, "On it", WORLD.ada)


async def test_one_incident_for_one_alarm(bench: Bench) -> None:
    """It is opened when the alarm is raised, resolved when it is cleared, and nothing is sent in between."""
    tester = FlowTester(watching(), providers=[bench.provider], patience=PATIENCE)

    said = await checks(bench, tester, "ok", "bad", "bad", "bad", "ok", "bad", "ok", "ok", "ok")

    assert ["quiet", "pending", "paged", "damped", "damped", "damped", "damped", "resolved", "quiet"] == said
    assert ["resolved"] == [incident.status for incident in bench.sim.incidents()]
    assert ["trigger", "resolve"] == [event_of(each) for each in bench.sim.requests]


def event_of(request: Any) -> str:
    return str(json.loads(request.body)["event_action"])


@pytest.mark.parametrize(
    ("touch", "how"),
    [
        (acknowledge, "acknowledged it"),
        (reassign, "reassigned it"),
        (snooze, "snoozed it"),
        (write, "wrote a note"),
        (merge, "merged the alert into it"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
async def test_what_a_person_has_taken_over_stays_open(bench: Bench, touch: Deed, how: str) -> None:
    """Whoever is at work on an incident is not overruled: a note says that all is well, once, and it stays open."""
    tester = FlowTester(watching(unless_touched=True), providers=[bench.provider], patience=PATIENCE)
    await checks(bench, tester, "bad", "bad")
    (incident,) = bench.sim.incidents("triggered")
    await touch(bench, incident)

    said = await checks(bench, tester, "ok", "ok", "ok", "bad", "bad", "ok", "ok")

    assert ["damped", "held", "quiet", "pending", "paged", "damped", "held"] == said
    (left,) = [each for each in bench.sim.incidents() if each.open]
    notes = [note.content for note in left.notes if "well again" in note.content]
    assert 1 == len(notes)
    assert how in notes[0]


async def test_what_nobody_has_touched_is_resolved(bench: Bench) -> None:
    """Notes of flows, and what PagerDuty does by itself, are no sign of a person."""
    tester = FlowTester(watching(unless_touched=True), providers=[bench.provider], patience=PATIENCE)
    await checks(bench, tester, "bad", "bad")
    (incident,) = bench.sim.incidents("triggered")
    await bench.run(pagerduty.add_note, incident_id=incident.id, content="Collected diagnostics", step="note")
    bench.sim.clock.advance(timedelta(hours=1))  # it is escalated, and people are notified

    said = await checks(bench, tester, "ok", "ok")

    assert (["damped", "resolved"], "resolved") == (said, incident.status)


async def test_a_maintenance_window_mutes(bench: Bench) -> None:
    """While a window is open nobody is paged; what is open is resolved as always, what is still bad pages after it."""
    tester = FlowTester(watching(mute=True), providers=[bench.provider], patience=PATIENCE)
    before = await checks(bench, tester, "bad", "bad")
    now = bench.sim.clock.now()
    await bench.run(
        pagerduty.create_maintenance_window,
        service_ids=[WORLD.service],
        start_time=now,
        end_time=now + timedelta(minutes=7, seconds=30),
        description="The database is moved",
    )

    inside = await checks(bench, tester, "bad", "ok", "ok", "bad")
    (muted,) = await runs(bench, tester, "bad")
    after = await checks(bench, tester, "bad", "bad", "bad", "bad")

    assert (["pending", "paged"], ["damped", "damped", "resolved", "pending"]) == (before, inside)
    assert ["muted", "muted", "paged", "damped"] == after
    assert ["resolved", "triggered"] == [incident.status for incident in bench.sim.incidents()]
    line = entry(muted)
    assert "muted" == line.outcome
    assert line.said.startswith(f"muted until {now + timedelta(minutes=7):%Y-%m-%d %H:%M} UTC: maintenance window ")
    assert line.said.endswith(", The database is moved")


@pytest.mark.parametrize("when_stuck", ["fail", "hold"])
async def test_nobody_waits_for_a_window_that_cannot_be_read(bench: Bench, when_stuck: Literal["fail", "hold"]) -> None:
    """If PagerDuty does not say whether there is a window, people are told within a minute, and the report says so."""
    tester = FlowTester(watching(mute=True, when_stuck=when_stuck), providers=[bench.provider], patience=PATIENCE)
    bench.sim.faults.add(action="status", status=503, path="/maintenance_windows", times=None)

    pending, paged = await runs(bench, tester, "bad", "bad")

    assert ["pending", "paged"] == [run.result["checkout"]["outcome"] for run in (pending, paged)]
    (warning,) = paged.report.warnings
    assert warning.startswith("alarm 'checkout' is not muted: nobody can say whether it is")
    assert ["triggered"] == [incident.status for incident in bench.sim.incidents()]


async def test_what_somebody_resolved_is_opened_again(bench: Bench) -> None:
    """While it is bad, an incident is triggered again after a time, which pages only where it had been resolved."""
    tester = FlowTester(watching(reopen_after=timedelta(minutes=3)), providers=[bench.provider], patience=PATIENCE)
    await checks(bench, tester, "bad", "bad")
    still_open = await runs(bench, tester, "bad", "bad", "bad")
    (incident,) = bench.sim.incidents()
    await bench.run(pagerduty.update_incident, id=incident.id, status="resolved")

    reopened = await runs(bench, tester, "bad", "bad", "bad", "bad")
    well = await checks(bench, tester, "ok", "ok")

    assert ["damped", "damped", "damped"] == [entry(run).outcome for run in still_open]
    assert ["damped", "damped", "paged", "damped"] == [entry(run).outcome for run in reopened]
    assert ["damped", "resolved"] == well
    assert ["resolved", "resolved"] == [each.status for each in bench.sim.incidents()]


async def test_what_somebody_resolved_stays_so(bench: Bench) -> None:
    """Unless the flow says otherwise, whoever resolves an incident has decided that it pages nobody again."""
    tester = FlowTester(watching(), providers=[bench.provider], patience=PATIENCE)
    await checks(bench, tester, "bad", "bad")
    (incident,) = bench.sim.incidents()
    await bench.run(pagerduty.update_incident, id=incident.id, status="resolved")

    said = await checks(bench, tester, *["bad"] * 5, "ok", "ok", "bad", "bad")

    assert [*["damped"] * 6, "resolved", "pending", "paged"] == said
    assert ["resolved", "triggered"] == [each.status for each in bench.sim.incidents()]


async def test_a_look_at_what_is_open_never_holds_up_a_page(bench: Bench) -> None:
    """If nobody can say whether an incident was open, the alert is sent all the same."""
    bench.sim.faults.add(action="status", status=503, path="/incidents", times=None)
    given: dict[str, Any] = {"summary": "Slow", "source": "db", "severity": "critical", "dedup_key": "slow"}

    said = await bench.run(pagerduty.trigger_or_reopen, **given)

    assert (None, 1) == (said.already_open, len(bench.sim.incidents("triggered")))
