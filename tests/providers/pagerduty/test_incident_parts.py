"""Notes, alerts, timelines and change events through nodes: what authors get, and what a lost answer does."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import resolute_pagerduty as pagerduty
from resolute.writing.node import NodeFactory
from resolute_pagerduty import errors
from resolute_pagerduty.models.incidents import LogEntry
from resolute_pagerduty.simulator import Fault, Simulator
from resolute_pagerduty.simulator.resources import Incident
from resolute_pagerduty.simulator.world import WORLD
from tests.providers.pagerduty.harness import Bench


def lose_the_answer(bench: Bench, factory: NodeFactory[..., Any]) -> None:
    method = factory.definition.facts["operation"].split(" ")[0]
    bench.sim.faults.add(Fault(action="reset", method=method, after=True))


def alerted(sim: Simulator, *keys: str) -> Incident:
    """One incident with an alert for each key."""
    found: list[Incident] = []
    for key in keys:
        sim.trigger("Slow", routing_key=WORLD.routing_key, dedup_key=key)
        found.append(sim.incidents()[-1])
    for other in found[1:]:
        for alert in list(other.alerts.values()):
            del other.alerts[alert.id]
            found[0].alerts[alert.id] = alert
            alert.incident_id = found[0].id
    return found[0]


async def test_a_note_is_rewritten_once(bench: Bench) -> None:
    """The answer is lost, the text is there: the next attempt sends nothing, and says so."""
    incident = bench.sim.add_incident("Slow", WORLD.service)
    note = bench.sim.add_note(incident.id, "Looking", WORLD.bo)
    lose_the_answer(bench, pagerduty.update_note)

    output = await bench.insist(
        pagerduty.update_note, incident_id=incident.id, note_id=note.id, content="It was the pool"
    )

    assert (False, "It was the pool", 1) == (output.changed, output.note.content, len(bench.sent("PUT")))
    assert ["It was the pool"] == [each.content for each in incident.notes]


async def test_a_note_that_is_not_there_cannot_be_rewritten(bench: Bench) -> None:
    """A wrong id is PagerDuty's 404, not a note that nobody sees."""
    incident = bench.sim.add_incident("Slow", WORLD.service)

    with pytest.raises(errors.NotFoundError):
        await bench.run(pagerduty.update_note, incident_id=incident.id, note_id="PNOTHING", content="x")


async def test_a_note_is_deleted_once(bench: Bench) -> None:
    """A delete whose answer was lost finds nothing, and that is what was wanted; other notes stay."""
    incident = bench.sim.add_incident("Slow", WORLD.service)
    note, other = (bench.sim.add_note(incident.id, text, WORLD.bo) for text in ("Looking", "Found it"))
    lose_the_answer(bench, pagerduty.delete_note)

    await bench.insist(pagerduty.delete_note, incident_id=incident.number, note_id=note.id)

    assert [other.id] == [each.id for each in incident.notes]


async def test_an_alert_is_read_with_what_the_monitor_said(bench: Bench) -> None:
    """By the incident's id or number."""
    incident = alerted(bench.sim, "one")
    (alert,) = incident.alerts.values()

    for name in (incident.id, incident.number):
        output = await bench.run(pagerduty.get_alert, incident_id=name, alert_id=alert.id)

        assert (alert.id, "one", incident.id) == (output.alert.id, output.alert.alert_key, output.alert.incident.id)


async def test_an_alert_is_resolved_once_and_its_incident_with_the_last_one(bench: Bench) -> None:
    """The incident stays open while an alert of it is; a repeat sends nothing."""
    incident = alerted(bench.sim, "one", "two")
    first, second = incident.alerts
    lose_the_answer(bench, pagerduty.update_alert)

    output = await bench.insist(pagerduty.update_alert, incident_id=incident.id, alert_id=first, status="resolved")
    half = incident.status
    await bench.run(pagerduty.update_alert, incident_id=incident.id, alert_id=second, status="resolved", step="other")

    assert (False, "resolved", "triggered", "resolved") == (
        output.changed, output.alert.status, half, incident.status,
    )  # fmt: skip
    assert 2 == len(bench.sent("PUT"))


async def test_an_alert_that_was_moved_is_found_where_it_went(bench: Bench) -> None:
    """After a move its old incident knows it no longer; the repeat looks at the new one and is content."""
    incident, target = alerted(bench.sim, "one", "two"), alerted(bench.sim, "three")
    moved = next(iter(incident.alerts))
    lose_the_answer(bench, pagerduty.update_alert)

    output = await bench.insist(
        pagerduty.update_alert, incident_id=incident.id, alert_id=moved, to_incident_id=target.id
    )

    assert (False, target.id, 1) == (output.changed, output.alert.incident.id, len(bench.sent("PUT")))
    assert (1, 2) == (len(incident.alerts), len(target.alerts))


async def test_alerts_are_moved_and_resolved_together_once(bench: Bench) -> None:
    """The answer is lost: the repeat finds them with their new incident, and sends nothing."""
    incident, target = alerted(bench.sim, "one", "two", "three"), alerted(bench.sim, "four")
    wanted = list(incident.alerts)[:2]
    lose_the_answer(bench, pagerduty.update_alerts)

    output = await bench.insist(
        pagerduty.update_alerts,
        incident_id=incident.number,
        alert_ids=wanted,
        status="resolved",
        to_incident_id=target.id,
    )

    assert ((), tuple(wanted), 1) == (output.changed, output.unchanged, len(bench.sent("PUT")))
    assert {"resolved"} == {target.alerts[each].status for each in wanted}
    assert (1, "triggered") == (len(incident.alerts), target.status)


async def test_only_alerts_that_differ_are_sent(bench: Bench) -> None:
    """Those that are resolved already are left out and named."""
    incident = alerted(bench.sim, "one", "two", "three")
    ids = list(incident.alerts)
    await bench.run(pagerduty.update_alert, incident_id=incident.id, alert_id=ids[0], status="resolved", step="other")

    output = await bench.run(pagerduty.update_alerts, incident_id=incident.id, alert_ids=ids, status="resolved")

    assert (tuple(ids[1:]), (ids[0],)) == (output.changed, output.unchanged)
    assert "resolved" == incident.status


async def test_more_alerts_than_one_request_takes_go_in_parts(bench: Bench) -> None:
    """PagerDuty takes 250 at once."""
    incident = alerted(bench.sim, *(f"key-{number}" for number in range(251)))

    output = await bench.run(
        pagerduty.update_alerts, incident_id=incident.id, alert_ids=list(incident.alerts), status="resolved"
    )

    assert (251, 2, "resolved") == (len(output.changed), len(bench.sent("PUT")), incident.status)


async def test_alerts_of_another_incident_are_refused_before_anything_is_sent(bench: Bench) -> None:
    """A wrong id does not change the others."""
    incident = alerted(bench.sim, "one")

    with pytest.raises(errors.InvalidRequestError, match="PNOTHING: not an alert of incident"):
        await bench.run(
            pagerduty.update_alerts,
            incident_id=incident.id,
            alert_ids=[*incident.alerts, "PNOTHING"],
            status="resolved",
        )

    assert [] == bench.sent("PUT")


@pytest.mark.parametrize("given", [{"alert_id": "PALERT"}, {"alert_ids": ["PALERT"]}])
async def test_a_change_of_alerts_says_what_to_change(bench: Bench, given: dict[str, Any]) -> None:
    """Neither a status nor another incident: nothing is sent."""
    node = pagerduty.update_alert if "alert_id" in given else pagerduty.update_alerts

    with pytest.raises(errors.InvalidRequestError, match="nothing to change"):
        await bench.run(node, incident_id="PINCIDENT", **given)

    assert [] == bench.sent()


async def test_what_happened_in_the_account_is_told_newest_first(bench: Bench) -> None:
    """Of all incidents or of one team's, a page or everything, and one entry with all of it."""
    first = bench.sim.add_incident("Slow", WORLD.service)
    bench.sim.clock.advance(minutes=1)
    second = bench.sim.add_incident("Down", WORLD.search_service)
    since = bench.sim.clock.now() - timedelta(hours=1)

    everything = await bench.run(pagerduty.all_account_log_entries, since=since, is_overview=True)
    page = await bench.run(pagerduty.list_account_log_entries, since=since, is_overview=True, limit=1, total=True)
    ours = await bench.run(
        pagerduty.all_account_log_entries, since=since, is_overview=True, team_ids=[WORLD.payments_team]
    )
    entry = (await bench.run(pagerduty.get_log_entry, id=first.entries[0].id)).log_entry

    assert [second.id, first.id] == [each.incident.id for each in everything.log_entries]
    assert ([second.id], True, 2) == ([each.incident.id for each in page.log_entries], page.more, page.total)
    assert [first.id] == [each.incident.id for each in ours.log_entries]
    assert (first.id, "trigger_log_entry") == (entry.incident.id, entry.type)


def test_the_key_that_an_event_came_with_is_no_part_of_a_timeline() -> None:
    """PagerDuty shows it in the channel of an entry; whoever has it can send events to the service."""
    channel = {"type": "api", "service_key": "k" * 32, "details": {"load": 9}, "raw": [{"routing_key": "k" * 32}]}

    entry = LogEntry.model_validate({"id": "Q1", "channel": channel})

    assert {"type": "api", "details": {"load": 9}, "raw": [{}]} == entry.channel.model_dump()


async def test_changes_are_listed_for_the_account_and_for_a_service(bench: Bench) -> None:
    """The newest first, in a time with any zone, without the routing key that they came with."""
    now = bench.sim.clock.now()
    old = bench.sim.add_change("Old", routing_key=WORLD.routing_key, at=now - timedelta(days=2))
    here = bench.sim.add_change("Here", routing_key=WORLD.routing_key, at=now - timedelta(hours=2))
    there = bench.sim.add_change("There", routing_key=WORLD.search_routing_key, at=now - timedelta(hours=1))
    since = (now - timedelta(days=1)).astimezone(ZoneInfo("Asia/Tokyo"))

    everything = await bench.run(pagerduty.all_change_events, since=since)
    page = await bench.run(pagerduty.list_change_events, limit=2, total=True)
    ours = await bench.run(pagerduty.all_service_change_events, service_id=WORLD.service)
    first = await bench.run(pagerduty.list_service_change_events, service_id=WORLD.service, limit=1, until=now)
    one = (await bench.run(pagerduty.get_change_event, id=here.id)).change_event

    assert [there.id, here.id] == [each.id for each in everything.change_events]
    assert ([there.id, here.id], True, 3) == ([each.id for each in page.change_events], page.more, page.total)
    assert [here.id, old.id] == [each.id for each in ours.change_events]
    assert ([here.id], True) == ([each.id for each in first.change_events], first.more)
    assert ("Here", [WORLD.service]) == (one.summary, [each.id for each in one.services])
    assert WORLD.routing_key not in one.model_dump_json()
    bench.check_requests()
