"""Asking people to help with an incident, and what PagerDuty finds about one, through nodes."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

import resolute_pagerduty as pagerduty
from resolute_pagerduty import errors
from resolute_pagerduty.models.responders import ResponderRequest
from resolute_pagerduty.simulator import Behaviour, Fault, Simulator
from resolute_pagerduty.simulator.world import WORLD
from tests.providers.pagerduty.harness import Bench, config_for

HELP: dict[str, Any] = {"message": "Please join the bridge", "user_ids": [WORLD.bo]}


async def test_people_are_asked_in_the_name_of_the_sender(bench: Bench) -> None:
    """The user of PAGERDUTY_FROM_EMAIL asks; the output says whom, and how they answered."""
    incident = bench.sim.add_incident("Slow", WORLD.service)

    output = await bench.run(pagerduty.request_responders, incident_id=incident.number, **HELP)
    asked = output.responder_request
    (target,) = asked.responder_request_targets

    assert (True, WORLD.ada, "Please join the bridge") == (output.created, asked.requester.id, asked.message)
    assert (WORLD.bo, ["pending"]) == (target.id, [each.state for each in target.incidents_responders])
    bench.check_requests()


async def test_the_owner_of_a_key_asks(sim: Simulator) -> None:
    """A user's key needs no From; whoever else is named asks instead."""
    config = config_for(sim, api_key=SecretStr(WORLD.user_key), from_email=None)
    async with pagerduty.PagerDuty(config) as provider:
        bench, incident = Bench(sim, provider), sim.add_incident("Slow", WORLD.service)
        await bench.run(pagerduty.request_responders, incident_id=incident.id, **HELP)
        await bench.run(
            pagerduty.request_responders, incident_id=incident.id, requester_id=WORLD.chen, step="other", **HELP
        )

    assert [WORLD.ada, WORLD.chen] == [each.requester_id for each in incident.responder_requests]


async def test_somebody_has_to_ask(sim: Simulator) -> None:
    """A key of the account without a From belongs to nobody: nothing is asked, and the error says what to set."""
    async with pagerduty.PagerDuty(config_for(sim, from_email=None)) as provider:
        bench, incident = Bench(sim, provider), sim.add_incident("Slow", WORLD.service)
        with pytest.raises(errors.MissingSettingError, match="PAGERDUTY_FROM_EMAIL"):
            await bench.run(pagerduty.request_responders, incident_id=incident.id, **HELP)

    assert [] == incident.responder_requests


async def test_somebody_has_to_be_asked(bench: Bench) -> None:
    """Neither a user nor an escalation policy: nothing is sent."""
    with pytest.raises(errors.InvalidRequestError, match="nobody would be asked"):
        await bench.run(pagerduty.request_responders, incident_id="PINCIDENT", message="x")

    assert [] == bench.sent()


async def test_an_equal_request_of_another_step_does_not_stand_in(bench: Bench) -> None:
    """Two steps that ask the same ask twice; what stood there before is not taken for one's own work."""
    incident = bench.sim.add_incident("Slow", WORLD.service)
    await bench.run(pagerduty.request_responders, incident_id=incident.id, step="other", **HELP)
    bench.beats.clear()
    bench.sim.faults.add(Fault(action="reset", method="POST", after=True))

    output = await bench.insist(pagerduty.request_responders, incident_id=incident.id, **HELP)

    assert (False, 2) == (output.created, len(incident.responder_requests))


@pytest.mark.parametrize(("request_was", "created"), [("answered", True), ("lost", False)])
async def test_what_came_while_a_step_was_held_is_its_own_only_in_doubt(
    bench: Bench, request_was: str, created: bool
) -> None:
    """A person has the step tried again: an equal request is taken for its own only where its answer was lost."""
    incident = bench.sim.add_incident("Slow", WORLD.service)
    await bench.run(pagerduty.request_responders, incident_id=incident.id, step="other", **HELP)
    bench.beats.append(({"request": request_was, "newest": "0"},))

    output = await bench.run(pagerduty.request_responders, incident_id=incident.id, attempt=2, earlier=1, **HELP)

    assert (created, 1 + created) == (output.created, len(incident.responder_requests))


async def test_a_request_that_was_not_carried_out_is_made_by_the_repeat(bench: Bench) -> None:
    """The connection broke before PagerDuty did anything: the repeat finds nothing and asks."""
    incident = bench.sim.add_incident("Slow", WORLD.service)
    bench.sim.faults.add(Fault(action="reset", method="POST"))

    output = await bench.insist(pagerduty.request_responders, incident_id=incident.id, **HELP)

    assert (True, 1) == (output.created, len(incident.responder_requests))


async def test_where_requests_are_not_shown_nobody_is_asked_twice() -> None:
    """An earlier attempt may have asked, and the incident does not tell: the step fails, until a person says retry."""
    with Simulator.serve(behaviour=Behaviour(abilities=frozenset())) as sim:
        async with pagerduty.PagerDuty(config_for(sim)) as provider:
            bench, incident = Bench(sim, provider), sim.add_incident("Slow", WORLD.service)
            bench.beats.append(({"request": "lost", "newest": "0"},))
            with pytest.raises(errors.UncertainOutcomeError, match="may have asked the responders"):
                await bench.run(pagerduty.request_responders, incident_id=incident.id, attempt=2, **HELP)
            unsent = bench.sent("POST")
            with pytest.raises(errors.MissingAbilityError):  # as PagerDuty itself says: it was asked
                await bench.run(pagerduty.request_responders, incident_id=incident.id, attempt=3, earlier=2, **HELP)

    assert (0, 1) == (len(unsent), len(bench.sent("POST")))


@pytest.mark.parametrize("wrapped", [True, False])
def test_targets_are_read_however_they_are_wrapped(wrapped: bool) -> None:
    """The documents' schema shows a target as it is, their examples wrap it."""
    target = {"id": "PL7A2O4", "type": "user"}
    answer = {"responder_request_targets": [{"responder_request_target": target} if wrapped else target]}

    assert ["PL7A2O4"] == [each.id for each in ResponderRequest.model_validate(answer).responder_request_targets]


async def test_what_pagerduty_finds_about_an_incident(bench: Bench) -> None:
    """Its like in the past, what goes on elsewhere, how unusual it is, and what was changed before."""
    sim, now = bench.sim, bench.sim.clock.now()
    past = sim.add_incident("Disk 1 full", WORLD.service, created_at=now - timedelta(days=3), resolved_at=now)
    related = sim.add_incident("Disk slow", WORLD.search_service)
    change = sim.add_change("Deployed", routing_key=WORLD.routing_key, at=now - timedelta(hours=1))
    here = sim.add_incident("Disk 2 full", WORLD.service)

    before = await bench.run(pagerduty.get_past_incidents, incident_id=here.id, total=True)
    beside = await bench.run(pagerduty.get_related_incidents, incident_id=here.number)
    outlier = (await bench.run(pagerduty.get_outlier_incident, incident_id=here.id)).outlier_incident
    changes = await bench.run(pagerduty.get_related_change_events, incident_id=here.id)

    assert ([(past.id, 100.0)], 1) == ([(each.incident.id, each.score) for each in before.past_incidents], before.total)
    assert [(related.id, "triggered")] == [
        (each.incident.id, each.incident.status) for each in beside.related_incidents
    ]
    assert (here.id, 2, "frequent") == (
        outlier.incident.id, outlier.incident.occurrence.count, outlier.incident.occurrence.category,
    )  # fmt: skip
    assert "Disk <*> full" == outlier.incident_template.mined_text
    assert [(change.id, "most_recent")] == [(each.id, each.correlation_reason.reason) for each in changes.change_events]
    bench.check_requests()
