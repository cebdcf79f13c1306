"""Incidents: read, created, changed; and what a repeat of each change does."""

import json
from datetime import timedelta
from typing import Any

import pytest

import resolute_pagerduty as pagerduty
from resolute_pagerduty import errors
from resolute_pagerduty.simulator.world import WORLD
from tests.providers.pagerduty.harness import Bench

NEW: dict[str, Any] = {"title": "Checkout is slow", "service_id": WORLD.service}


async def test_an_incident_is_read_by_id_and_by_number(bench: Bench):
    """Both give the same incident, typed, with the references' summaries."""
    found = bench.sim.add_incident("Slow", WORLD.service, priority_id=WORLD.p1)

    by_id = await bench.run(pagerduty.get_incident, id=found.id, include=["assignees", "body"])
    by_number = await bench.run(pagerduty.get_incident, id=found.number)

    incident = by_id.incident
    assert ("Slow", "triggered", "Payments API", "P1") == (
        incident.title,
        incident.status,
        incident.service.summary,
        incident.priority.summary,
    )
    assert WORLD.from_email == incident.assignments[0].assignee.email
    assert incident.id == by_number.incident.id


async def test_a_page_of_incidents_says_whether_there_are_more(bench: Bench):
    """Filters pass through; `total` is null unless it is asked for."""
    for number in range(3):
        bench.sim.add_incident(f"Incident {number}", WORLD.service)
    bench.sim.add_incident("Other", WORLD.search_service)

    page = await bench.run(
        pagerduty.list_incidents,
        statuses=["triggered"],
        service_ids=[WORLD.service],
        since=bench.sim.clock.now() - timedelta(hours=1),
        limit=2,
        offset=1,
        sort_by="created_at:asc",
    )
    counted = await bench.run(pagerduty.list_incidents, total=True)

    assert (["Incident 1", "Incident 2"], False, None) == (
        [each.title for each in page.incidents],
        page.more,
        page.total,
    )
    assert 4 == counted.total


async def test_lists_beyond_ten_thousand_are_not_asked_for(bench: Bench):
    """PagerDuty refuses limit + offset over 10,000; so does the node, before it sends anything."""
    with pytest.raises(errors.InvalidRequestError, match=r"offset: limit \+ offset is 10,025"):
        await bench.run(pagerduty.list_incidents, offset=10_000)

    assert [] == bench.sent()


async def test_an_empty_filter_is_refused(bench: Bench):
    """An empty list of services would be read as no filter, and everything would come back."""
    with pytest.raises(errors.TerminalError, match="service_ids"):
        await bench.run(pagerduty.list_incidents, service_ids=[])

    assert [] == bench.sent()


async def test_a_created_incident_has_everything_that_was_given(bench: Bench):
    """Title, details, urgency, priority and key arrive; the request is what the documents say."""
    output = await bench.run(
        pagerduty.create_incident,
        **NEW,
        description="p99 is 4 s",
        urgency="low",
        priority_id=WORLD.p2,
        incident_key="slow",
        assignee_id=WORLD.bo,
    )
    incident = (await bench.run(pagerduty.get_incident, id=output.incident.id, include=["body"])).incident

    assert (True, "slow", "low", "P2") == (
        output.created,
        incident.incident_key,
        incident.urgency,
        incident.priority.summary,
    )
    assert [WORLD.bo] == [each.assignee.id for each in incident.assignments]
    assert "p99 is 4 s" == incident.body.details


async def test_an_incident_whose_answer_is_lost_is_created_once(bench: Bench):
    """The incident was created, the answer never came: the next attempt finds it."""
    bench.sim.faults.add(action="reset", method="POST", path="/incidents", after=True)
    output = await bench.insist(pagerduty.create_incident, **NEW)

    assert [output.incident.id] == [each.id for each in bench.sim.incidents()]
    assert not output.created


async def test_an_incident_that_was_resolved_meanwhile_is_not_created_again(bench: Bench):
    """The answer was lost, somebody resolved the incident, then came the next attempt: still one incident."""
    bench.sim.faults.add(action="reset", method="POST", path="/incidents", after=True)
    with pytest.raises(errors.UnreachableError, match="it may have been carried out"):
        await bench.run(pagerduty.create_incident, **NEW)
    (incident,) = bench.sim.incidents()
    await bench.run(pagerduty.update_incident, id=incident.id, status="resolved", step="other")

    output = await bench.run(pagerduty.create_incident, **NEW, attempt=2)

    assert (incident.id, False, 1) == (output.incident.id, output.created, len(bench.sim.incidents()))


async def test_an_open_incident_with_the_same_key_is_returned(bench: Bench):
    """PagerDuty refuses a second open incident with a key; the node gives the first one."""
    first = await bench.run(pagerduty.create_incident, **NEW, incident_key="slow")
    second = await bench.run(pagerduty.create_incident, **NEW, incident_key="slow", step="other")

    assert (True, False) == (first.created, second.created)
    assert first.incident.id == second.incident.id


async def test_an_assignee_and_a_policy_exclude_each_other(bench: Bench):
    """PagerDuty takes one of them; which was meant is for the author to say."""
    with pytest.raises(errors.InvalidRequestError, match="assignee_id: cannot be combined with escalation_policy_id"):
        await bench.run(
            pagerduty.create_incident, **NEW, assignee_id=WORLD.bo, escalation_policy_id=WORLD.payments_policy
        )


async def test_an_incident_is_changed_in_one_request(bench: Bench):
    """Status, title, urgency and priority go together, so that nobody sees half of it."""
    incident = bench.sim.add_incident("Slow", WORLD.service)
    output = await bench.run(
        pagerduty.update_incident,
        id=incident.id,
        status="acknowledged",
        title="Very slow",
        urgency="low",
        priority_id=WORLD.p1,
    )

    assert (True, "acknowledged", "Very slow", "low", "P1") == (
        output.changed,
        output.incident.status,
        output.incident.title,
        output.incident.urgency,
        output.incident.priority.summary,
    )
    assert 1 == len(bench.sent("PUT"))


@pytest.mark.parametrize("status", ["acknowledged", "resolved"])
async def test_a_change_whose_answer_is_lost_is_made_once(bench: Bench, status: str):
    """The next attempt sees that the work is done and sends nothing, so no timer starts anew."""
    incident = bench.sim.add_incident("Slow", WORLD.service)
    bench.sim.faults.add(action="reset", method="PUT", path="/incidents/*", after=True)

    output = await bench.insist(pagerduty.update_incident, id=incident.id, status=status)

    assert (status, False, 1) == (output.incident.status, output.changed, len(bench.sent("PUT")))


async def test_a_late_acknowledgement_never_reopens(bench: Bench):
    """PagerDuty re-opens a resolved incident that is acknowledged; the node leaves it resolved and says so."""
    incident = bench.sim.add_incident("Slow", WORLD.service, resolved_at=bench.sim.clock.now())
    output = await bench.run(pagerduty.update_incident, id=incident.id, status="acknowledged")

    assert ("resolved", False, []) == (incident.status, output.changed, bench.sent("PUT"))


async def test_a_late_acknowledgement_still_changes_the_rest(bench: Bench):
    """Only the status is left out: a new title arrives."""
    incident = bench.sim.add_incident("Slow", WORLD.service, resolved_at=bench.sim.clock.now())
    output = await bench.run(pagerduty.update_incident, id=incident.id, status="acknowledged", title="Was slow")

    assert ("resolved", "Was slow", True) == (incident.status, output.incident.title, output.changed)


async def test_a_resolved_incident_is_opened_again_only_on_request(bench: Bench):
    """`triggered` on a resolved incident is refused; with reopen=True it is what was asked for."""
    incident = bench.sim.add_incident("Slow", WORLD.service, resolved_at=bench.sim.clock.now())
    with pytest.raises(errors.ReopenRefusedError, match="reopen=True"):
        await bench.run(pagerduty.update_incident, id=incident.id, status="triggered")
    refused = incident.status

    await bench.run(pagerduty.update_incident, id=incident.id, status="triggered", reopen=True)

    assert ("resolved", "triggered") == (refused, incident.status)


async def test_somebody_who_was_quicker_is_no_error(bench: Bench):
    """An incident resolved between reading and writing answers with code 1001: the work is done."""
    incident = bench.sim.add_incident("Slow", WORLD.service)
    body = json.dumps({"error": {"message": "Incident Already Resolved", "code": 1001}})
    bench.sim.faults.add(action="status", status=400, method="PUT", path="/incidents/*", body=body)

    output = await bench.run(pagerduty.update_incident, id=incident.id, status="resolved")

    assert not output.changed


async def test_a_resolution_goes_with_resolving_only(bench: Bench):
    """PagerDuty would drop it silently; the node says so. With nothing to change there is nothing to send."""
    with pytest.raises(errors.InvalidRequestError, match="resolution: needs status='resolved'"):
        await bench.run(pagerduty.update_incident, id="P1", resolution="fixed")
    with pytest.raises(errors.InvalidRequestError, match="status: or another field"):
        await bench.run(pagerduty.update_incident, id="P1")


@pytest.mark.parametrize("fault", ["reset", "status"])
async def test_a_note_whose_answer_is_lost_is_there_once(bench: Bench, fault: str):
    """However the answer is lost, the next attempt finds the note by its mark."""
    incident = bench.sim.add_incident("Slow", WORLD.service)
    bench.sim.faults.add(action=fault, status=502, method="POST", path="/incidents/*/notes", after=True, times=2)

    output = await bench.insist(pagerduty.add_note, incident_id=incident.id, content="Restarted the pool")

    (note,) = incident.notes
    assert output.note_id == note.id
    assert note.content.startswith("Restarted the pool\n\n[ref: ")


async def test_two_steps_add_two_notes(bench: Bench):
    """The mark belongs to a step: the same words from another step are another note."""
    incident = bench.sim.add_incident("Slow", WORLD.service)
    first = await bench.run(pagerduty.add_note, incident_id=incident.id, content="Looked at it")
    second = await bench.run(pagerduty.add_note, incident_id=incident.number, content="Looked at it", step="other")

    assert [first.note_id, second.note_id] == [each.id for each in incident.notes]


async def test_on_calls_are_whole(bench: Bench):
    """Everybody on call is there, however many pages that takes, with names and, if asked for, addresses."""
    oncalls = await bench.run(pagerduty.get_on_calls, escalation_policy_ids=[WORLD.payments_policy], include=["users"])
    for number in range(120):
        bench.sim.add_escalation_policy(f"Policy {number}", [[WORLD.bo]])
    everybody = await bench.run(pagerduty.get_on_calls)

    assert [(1, WORLD.from_email), (2, "chen@harbour.example")] == [
        (each.escalation_level, each.user.email) for each in oncalls.oncalls
    ]
    assert oncalls.oncalls[1].schedule is None
    assert 124 == len(everybody.oncalls)


async def test_services_are_found_by_a_part_of_the_name(bench: Bench):
    """A page of services, with status and escalation policy."""
    page = await bench.run(pagerduty.list_services, query="pay", total=True)

    assert [("Payments API", "active", "Payments")] == [
        (each.name, each.status, each.escalation_policy.summary) for each in page.services
    ]
    assert 1 == page.total


async def test_duplicate_resolves_are_fine_either_way(bench: Bench):
    """Whether PagerDuty answers a second resolve with 200 or 400 is not documented; neither is an error."""
    incident = bench.sim.add_incident("Slow", WORLD.service)
    await bench.run(pagerduty.update_incident, id=incident.id, status="resolved")
    output = await bench.run(pagerduty.update_incident, id=incident.id, status="resolved", resolution="twice")

    assert ("resolved", False) == (output.incident.status, output.changed)
