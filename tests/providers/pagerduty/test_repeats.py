"""Every write, with its answer lost after PagerDuty carried it out: the next attempt does no harm."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import resolute_pagerduty as pagerduty
from resolute import FlowBuildError, flow, manual
from resolute.writing.node import NodeFactory
from resolute_pagerduty import errors
from resolute_pagerduty.nodes import FACTORIES
from resolute_pagerduty.simulator import Fault, Simulator
from resolute_pagerduty.simulator.world import WORLD
from tests.providers.pagerduty.harness import Bench
from tests.providers.pagerduty.test_every_node import GIVEN, name_of

Effects = Callable[[Simulator], int]


def entries(kind: str) -> Effects:
    """How often something stands in the timelines of the incidents."""
    return lambda sim: sum(each.type == f"{kind}_log_entry" for found in sim.incidents() for each in found.entries)


def in_state(name: str) -> Effects:
    """How many of something the account has."""
    return lambda sim: len(getattr(sim.account.state, name))


def overrides(sim: Simulator) -> int:
    return len(sim.account.state.schedules[WORLD.payments_schedule].overrides)


def integrations(sim: Simulator) -> int:
    return len(sim.account.state.services[WORLD.service].integrations)


def members(sim: Simulator) -> int:
    return len(sim.account.state.teams[WORLD.payments_team].members)


def notes(sim: Simulator) -> int:
    return sum(len(found.notes) for found in sim.incidents())


def responder_requests(sim: Simulator) -> int:
    return sum(len(found.responder_requests) for found in sim.incidents())


def routes(sim: Simulator) -> list[str]:
    """The labels of a router's rules."""
    return [rule.label for rule in sim.account.state.orchestrations[WORLD.orchestration].router.sets["start"]]


def new_post_updates(sim: Simulator) -> int:
    """How many updates a status page's post has got."""
    return len(sim.account.state.status_pages[WORLD.status_page].posts[WORLD.status_page_post].updates) - 1


EFFECTS: dict[str, Effects] = {
    "TriggerEvent": in_state("incidents"),
    "TriggerOrReopen": in_state("incidents"),
    "SendEvent": in_state("incidents"),
    "SendChangeEvent": in_state("changes"),
    "CreateIncident": in_state("incidents"),
    "UpdateIncident": entries("resolve"),
    "MergeIncidents": entries("resolve"),
    "SnoozeIncident": entries("snooze"),
    "AddNote": notes,
    "ResolveUnlessTouched": notes,
    "RequestResponders": responder_requests,
    "CreateOverride": overrides,
    "CreateEscalationPolicy": in_state("policies"),
    "CreateSchedule": in_state("schedules"),
    "AppendEventOrchestrationRouterRule": lambda sim: len(routes(sim)),
    "UpdateSchedule": lambda sim: len(sim.account.state.schedules[WORLD.payments_schedule].layers),
    "CreateService": in_state("services"),
    "CreateIntegration": integrations,
    "CreateMaintenanceWindow": in_state("windows"),
    "CreateUser": in_state("users"),
    "CreateTeam": in_state("teams"),
    "AddTeamMember": members,
    "CreateWebhookSubscription": in_state("subscriptions"),
}
"""Writes that leave something behind which can be counted: exactly one is expected."""


def only(kind: str, names: set[str]) -> Callable[[Simulator], bool]:
    """Whether the account has nothing of a kind but what it began with."""
    return lambda sim: {each.name for each in getattr(sim.account.state, kind).values()} == names


SETTLED: dict[str, Callable[[Simulator], bool]] = {
    "UpdateEscalationPolicy": lambda sim: (
        [
            (rule.delay_minutes, [target.id for target in rule.targets])
            for rule in sim.account.state.policies[WORLD.payments_policy].rules
        ]
        == [(5, [WORLD.bo])]
    ),
    "UpdateEventOrchestrationRouter": lambda sim: routes(sim) == ["Money"],
    "DeleteEscalationPolicy": only("policies", {"Payments", "Platform"}),
    "DeleteSchedule": only("schedules", {"Payments Primary", "Platform Primary"}),
    "DeleteOverride": lambda sim: (
        [each.end - each.start for each in sim.account.state.schedules[WORLD.payments_schedule].overrides]
        == [timedelta(0)]
    ),
    "DeleteService": only("services", {"Payments API", "Checkout", "Search"}),
    "UpdateMaintenanceWindow": lambda sim: (
        [each.description for each in sim.account.state.windows.values()] == ["Takes longer"]
    ),
    "UpdateUser": lambda sim: (
        (sim.account.state.users[WORLD.bo].job_title, sim.account.state.users[WORLD.bo].name) == ("SRE", "Bo Lindqvist")
    ),
    "UpdateTeam": lambda sim: (
        (
            sim.account.state.teams[WORLD.payments_team].description,
            sim.account.state.teams[WORLD.payments_team].name,
        )
        == ("Takes money", "Payments")
    ),
    "DeleteTeam": only("teams", {"Payments", "Platform"}),
    "RemoveTeamMember": lambda sim: list(sim.account.state.teams[WORLD.payments_team].members) == [WORLD.ada],
    "UpdateWebhookSubscription": lambda sim: (
        [(each.events, each.active, each.filter_id) for each in sim.account.state.subscriptions.values()]
        == [(["incident.resolved"], False, WORLD.payments_team)]
    ),
}
"""Writes that say how something is to be, or take something away, with how to tell that it is so."""

CONVERGING = {
    "UpdateNote",
    "DeleteNote",
    "UpdateAlert",
    "UpdateAlerts",
    "AcknowledgeEvent",
    "ResolveEvent",
    "UpdateIncidents",
    "UpdateService",
    "DeleteMaintenanceWindow",
    "EnableWebhookSubscription",
    "PingWebhookSubscription",
    "DeleteWebhookSubscription",
    *SETTLED,
}
"""Writes that say how something is to be, or take something away; tested one by one."""

AT_MOST_ONCE: dict[str, Effects] = {
    "SendStatusUpdate": in_state("status_updates"),
    "StartIncidentWorkflow": in_state("workflow_instances"),
    "CreateStatusPagePostUpdate": new_post_updates,
}
"""Writes of which PagerDuty shows no trace."""

BY_NAME = {name_of(factory): factory for factory in FACTORIES}


def lose_the_answer(bench: Bench, factory: NodeFactory[..., Any], how: str) -> None:
    """The next request of the kind that the node is for is carried out, and not answered."""
    method = factory.definition.facts["operation"].split(" ")[0]
    fault = {"reset": Fault(action="reset"), "gateway": Fault(action="status", status=504)}[how]
    bench.sim.faults.add(fault.model_copy(update={"method": method, "after": True}))


@pytest.mark.parametrize("how", ["reset", "gateway"])
@pytest.mark.parametrize("name", SETTLED)
async def test_a_change_whose_answer_is_lost_is_made_once(bench: Bench, tmp_path: Path, name: str, how: str):
    """It was carried out, the answer was lost, the step was tried again: it is as was asked, and the step succeeds."""
    given = GIVEN[name](bench.sim, tmp_path)
    before = SETTLED[name](bench.sim)
    lose_the_answer(bench, BY_NAME[name], how)

    await bench.insist(BY_NAME[name], **given)

    assert [] == bench.sim.faults.pending()
    assert (False, True) == (before, SETTLED[name](bench.sim))


def test_every_write_is_here():
    """Whoever adds a write says what a repeat of it does."""
    writes = {name for name, factory in BY_NAME.items() if ":write" in factory.definition.facts["grant"]}

    assert writes == set(EFFECTS) | CONVERGING | set(AT_MOST_ONCE)


@pytest.mark.parametrize("how", ["reset", "gateway"])
@pytest.mark.parametrize("name", EFFECTS)
async def test_a_write_whose_answer_is_lost_has_one_effect(bench: Bench, tmp_path: Path, name: str, how: str):
    """It was carried out, the answer was lost, the step was tried again: there is one of it, and the step succeeds."""
    given = GIVEN[name](bench.sim, tmp_path)
    before = EFFECTS[name](bench.sim)
    lose_the_answer(bench, BY_NAME[name], how)

    await bench.insist(BY_NAME[name], **given)

    assert [] == bench.sim.faults.pending()
    assert before + 1 == EFFECTS[name](bench.sim)


@pytest.mark.parametrize("name", AT_MOST_ONCE)
async def test_what_leaves_no_trace_is_sent_at_most_once(bench: Bench, tmp_path: Path, name: str):
    """Where nobody can find out whether it was done, the step fails and says so, for twice would page people."""
    given = GIVEN[name](bench.sim, tmp_path)
    lose_the_answer(bench, BY_NAME[name], "reset")

    with pytest.raises(errors.UncertainOutcomeError, match="may have been done"):
        await bench.insist(BY_NAME[name], **given)

    assert 1 == AT_MOST_ONCE[name](bench.sim)


@pytest.mark.parametrize("name", AT_MOST_ONCE)
async def test_a_worker_that_died_while_sending_is_not_followed_by_another(bench: Bench, tmp_path: Path, name: str):
    """An attempt that said that it is sending, and was never heard of again, may have sent."""
    given = GIVEN[name](bench.sim, tmp_path)
    bench.beats.append(({"request": "sending"},))

    with pytest.raises(errors.UncertainOutcomeError, match="an earlier attempt may have sent"):
        await bench.run(BY_NAME[name], attempt=2, **given)

    assert 0 == AT_MOST_ONCE[name](bench.sim)


@pytest.mark.parametrize("name", AT_MOST_ONCE)
async def test_a_worker_of_which_nothing_was_heard_is_not_followed_by_another(bench: Bench, tmp_path: Path, name: str):
    """An attempt whose worker died may have sent, also where its word that it is sending never arrived."""
    given = GIVEN[name](bench.sim, tmp_path)

    with pytest.raises(errors.UncertainOutcomeError, match="an earlier attempt may have sent"):
        await bench.run(BY_NAME[name], attempt=2, unheard=True, **given)

    assert 0 == AT_MOST_ONCE[name](bench.sim)


@pytest.mark.parametrize("name", AT_MOST_ONCE)
async def test_a_person_has_sent_again_what_may_have_been_done(bench: Bench, tmp_path: Path, name: str):
    """Who has such a step tried again could look whether it was done: it is sent, and by that order once only."""
    given = GIVEN[name](bench.sim, tmp_path)
    bench.beats.append(({"request": "sending"},))
    lose_the_answer(bench, BY_NAME[name], "reset")

    with pytest.raises(errors.UncertainOutcomeError, match="may have been done"):
        await bench.run(BY_NAME[name], attempt=2, earlier=1, unheard=True, **given)
    with pytest.raises(errors.UncertainOutcomeError, match="an earlier attempt may have sent"):
        await bench.run(BY_NAME[name], attempt=3, earlier=1, **given)

    assert 1 == AT_MOST_ONCE[name](bench.sim)


@pytest.mark.parametrize("name", GIVEN)
async def test_what_leaves_word_says_so_of_itself(bench: Bench, tmp_path: Path, name: str):
    """A node that needs its heartbeat to be safe is declared as one: so it is kept out of the local lane."""
    with suppress(errors.BadRequestError):  # what a user's key alone may ask
        await bench.run(BY_NAME[name], **GIVEN[name](bench.sim, tmp_path))
    definition = BY_NAME[name].definition

    assert definition.leaves_word or not bench.beats or definition.effect == "read"


def test_what_would_be_sent_twice_is_kept_out_of_the_local_lane():
    """There a killed attempt is made again as the first one: build() lets only in what a key makes safe."""
    change = pagerduty.send_change_event(summary="deployed").lane("local").as_("change")
    note = pagerduty.add_note(incident_id="PT4KHLK", content="x").lane("local").as_("note")
    page = pagerduty.trigger_event(summary="Slow", source="db", severity="critical").lane("local").as_("page")

    with pytest.raises(FlowBuildError) as refused:
        flow("deploys").triggered_by(manual("start")).then(page).then(change.on_failure(note)).build()

    places = [problem.place for problem in refused.value.problems]
    assert ["then[1] 'change'", "then[1].on_failure[0] 'note'"] == places
    assert {'use .lane("activity")'} == {problem.hint for problem in refused.value.problems}
    assert "'pagerduty.SendChangeEvent' may do its work twice in the local lane" in str(refused.value)


@pytest.mark.parametrize("name", AT_MOST_ONCE)
async def test_what_was_certainly_not_sent_is_tried_again(bench: Bench, tmp_path: Path, name: str):
    """A 429 says that nothing was done, so the next attempt sends it."""
    given = GIVEN[name](bench.sim, tmp_path)
    bench.sim.faults.add(action="rate_limit", method="POST", with_headers=False)

    await bench.insist(BY_NAME[name], **given)

    assert 1 == AT_MOST_ONCE[name](bench.sim)


@pytest.mark.parametrize("name", AT_MOST_ONCE)
async def test_twice_is_for_those_who_ask_for_it(bench: Bench, tmp_path: Path, name: str):
    """With repeat=True the step goes on until PagerDuty answers."""
    given = GIVEN[name](bench.sim, tmp_path)
    lose_the_answer(bench, BY_NAME[name], "reset")

    await bench.insist(BY_NAME[name], **given, repeat=True)

    assert 2 == AT_MOST_ONCE[name](bench.sim)


async def test_repeated_events_leave_the_incident_as_it_is(bench: Bench):
    """An acknowledge and a resolve that arrive twice are one acknowledged, one resolved incident."""
    bench.sim.trigger("Slow", routing_key=WORLD.routing_key, dedup_key="slow")
    lose_the_answer(bench, pagerduty.acknowledge_event, "reset")
    await bench.insist(pagerduty.acknowledge_event, dedup_key="slow")
    acknowledged = [each.status for each in bench.sim.incidents()]
    lose_the_answer(bench, pagerduty.resolve_event, "reset")
    await bench.insist(pagerduty.resolve_event, dedup_key="slow")

    assert (["acknowledged"], ["resolved"]) == (acknowledged, [each.status for each in bench.sim.incidents()])
    assert 1 == entries("resolve")(bench.sim)


async def test_a_late_bulk_acknowledgement_reopens_nothing(bench: Bench):
    """The answer was lost, one incident was resolved meanwhile: it stays so, and the others are not sent again."""
    ids = [bench.sim.add_incident(f"Incident {number}", WORLD.service).id for number in range(3)]
    lose_the_answer(bench, pagerduty.update_incidents, "reset")
    with pytest.raises(errors.UnreachableError):
        await bench.run(pagerduty.update_incidents, ids=ids, status="acknowledged")
    await bench.run(pagerduty.update_incident, id=ids[0], status="resolved", step="other")

    output = await bench.run(pagerduty.update_incidents, ids=ids, status="acknowledged", attempt=2)

    assert ((), tuple(ids)) == (output.changed, output.unchanged)
    assert ["resolved", "acknowledged", "acknowledged"] == [each.status for each in bench.sim.incidents()]


async def test_an_escalation_whose_answer_is_lost_notifies_once(bench: Bench):
    """A level is not part of what PagerDuty shows of an incident; the timeline tells that it was reached."""
    incident = bench.sim.add_incident("Slow", WORLD.service)
    lose_the_answer(bench, pagerduty.update_incident, "reset")

    await bench.insist(pagerduty.update_incident, id=incident.id, escalation_level=2)

    assert 1 == entries("escalate")(bench.sim)


async def test_somebody_elses_snooze_is_not_mistaken_for_ones_own(bench: Bench):
    """What stood in the timeline before the step began is not its work."""
    incident = bench.sim.add_incident("Slow", WORLD.service, acknowledged_at=bench.sim.clock.now())
    await bench.run(pagerduty.snooze_incident, id=incident.id, seconds=60, step="other")
    lose_the_answer(bench, pagerduty.snooze_incident, "reset")

    await bench.insist(pagerduty.snooze_incident, id=incident.id, seconds=3600)

    assert 2 == entries("snooze")(bench.sim)


async def test_an_assignment_that_stands_is_not_made_again(bench: Bench):
    """People who have the incident already are not notified of it a second time."""
    incident = bench.sim.add_incident("Slow", WORLD.service)
    lose_the_answer(bench, pagerduty.update_incident, "reset")

    output = await bench.insist(pagerduty.update_incident, id=incident.id, assignee_ids=[WORLD.bo, WORLD.chen])

    assert (False, 1) == (output.changed, len(bench.sent("PUT")))
    assert {WORLD.bo, WORLD.chen} == {each.assignee.id for each in output.incident.assignments}


async def test_a_subscription_is_made_anew_where_its_secret_was_lost(bench: Bench, tmp_path: Path):
    """PagerDuty shows the secret once; the file has that of the subscription that is there, for its owner alone."""
    file = tmp_path / "secret"
    lose_the_answer(bench, pagerduty.create_webhook_subscription, "reset")
    output = await bench.insist(
        pagerduty.create_webhook_subscription,
        url="https://hooks.example/pagerduty",
        events=["incident.triggered"],
        secret_file=str(file),
    )
    (kept,) = bench.sim.account.state.subscriptions.values()

    assert output.webhook_subscription.id == kept.id
    assert kept.secrets[0] == file.read_text()
    assert 0o600 == file.stat().st_mode & 0o777
    assert kept.secrets[0] not in output.model_dump_json()


async def test_what_is_gone_counts_as_deleted(bench: Bench):
    """A delete whose answer was lost finds nothing, and that is what was wanted."""
    subscription = bench.sim.add_webhook("http://127.0.0.1:9/hook")
    lose_the_answer(bench, pagerduty.delete_webhook_subscription, "reset")
    await bench.insist(pagerduty.delete_webhook_subscription, id=subscription.id)
    window = await bench.run(
        pagerduty.create_maintenance_window,
        service_ids=[WORLD.service],
        start_time=bench.sim.clock.now() + timedelta(hours=1),
        end_time=bench.sim.clock.now() + timedelta(hours=2),
    )
    lose_the_answer(bench, pagerduty.delete_maintenance_window, "reset")
    await bench.insist(pagerduty.delete_maintenance_window, id=window.maintenance_window.id)

    assert (0, 0) == (in_state("subscriptions")(bench.sim), in_state("windows")(bench.sim))


async def test_changes_that_say_how_it_is_to_be_can_come_twice(bench: Bench):
    """A service that is updated, a subscription that is enabled: the second time changes nothing."""
    subscription = bench.sim.add_webhook("http://127.0.0.1:9/hook")
    lose_the_answer(bench, pagerduty.update_service, "reset")
    updated = await bench.insist(pagerduty.update_service, id=WORLD.service, description="Takes money")
    lose_the_answer(bench, pagerduty.enable_webhook_subscription, "reset")
    enabled = await bench.insist(pagerduty.enable_webhook_subscription, id=subscription.id)

    assert ("Takes money", "Payments API") == (updated.service.description, updated.service.name)
    assert not enabled.webhook_subscription.delivery_method.temporarily_disabled


async def test_a_change_event_is_sent_without_looking_where_nobody_may_look(bench: Bench):
    """A worker that has only a routing key sends it again; it is shown twice and notifies nobody."""
    bench.sim.faults.add(action="status", status=403, method="GET", path="/change_events")
    lose_the_answer(bench, pagerduty.send_change_event, "reset")

    await bench.insist(pagerduty.send_change_event, summary="Deployed")

    assert 2 == in_state("changes")(bench.sim)


async def test_what_was_there_before_is_returned(bench: Bench):
    """A service, a team, a user and a policy of the same name are not made again; the output says so."""
    made = [
        await bench.run(pagerduty.create_service, name="payments api", escalation_policy_id=WORLD.payments_policy),
        await bench.run(pagerduty.create_team, name="Payments"),
        await bench.run(pagerduty.create_user, name="Ada", email="ADA@harbour.example"),
    ]

    assert [False, False, False] == [each.created for each in made]
    assert [WORLD.service, WORLD.payments_team, WORLD.ada] == [made[0].service.id, made[1].team.id, made[2].user.id]
