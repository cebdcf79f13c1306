"""The incident of an alarm: opened once, resolved once, and left to the person who has taken it over."""

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

import resolute_pagerduty as pagerduty
from resolute import Flow, alarm, every, flow, node
from resolute.testing import FlowTester
from resolute_pagerduty.simulator.resources import Incident
from resolute_pagerduty.simulator.world import WORLD
from tests.providers.pagerduty.harness import Bench

Deed = Callable[[Bench, Incident], Awaitable[Any]]


@node
async def look() -> str | None:
    """How it stands."""
    return "ok"


health = look().as_("health")


def watching(**incident: Any) -> Flow:
    made = pagerduty.incident_for(dedup_key="checkout", **incident)
    watched = alarm("checkout", bad=health.output == "bad", raise_after=2, clear_after=2, incident=made)
    return flow("watch").triggered_by(every(timedelta(minutes=1))).then(health).then(watched).build()


async def checks(bench: Bench, tester: FlowTester, *answers: str | None) -> list[str]:
    """Runs the flow once for each answer of the check; the outcomes."""
    outcomes: list[str] = []
    for answer in answers:
        tester.answer("health", answer)
        tester.clock.move(timedelta(minutes=1))
        bench.sim.clock.advance(timedelta(minutes=1))
        run = await tester.run()
        outcomes.append(run.result["checkout"]["outcome"] if run.status == "completed" else run.status)
    return outcomes


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
    tester = FlowTester(watching(), providers=[bench.provider])

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
    tester = FlowTester(watching(unless_touched=True), providers=[bench.provider])
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
    tester = FlowTester(watching(unless_touched=True), providers=[bench.provider])
    await checks(bench, tester, "bad", "bad")
    (incident,) = bench.sim.incidents("triggered")
    await bench.run(pagerduty.add_note, incident_id=incident.id, content="Collected diagnostics", step="note")
    bench.sim.clock.advance(timedelta(hours=1))  # it is escalated, and people are notified

    said = await checks(bench, tester, "ok", "ok")

    assert (["damped", "resolved"], "resolved") == (said, incident.status)
