"""Lists that are whole: every page, any length of time, and never silently less."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

import resolute_pagerduty as pagerduty
from resolute.plan.context import CallContext, enter_call
from resolute.providing.guard import Guard
from resolute.writing.node import NodeFactory
from resolute_pagerduty import errors
from resolute_pagerduty.account.account import Account
from resolute_pagerduty.calls import paging
from resolute_pagerduty.http.exchange import Answer, Request
from resolute_pagerduty.http.operations import LIST_SERVICES
from resolute_pagerduty.models.services import Service
from resolute_pagerduty.simulator import Simulator
from resolute_pagerduty.simulator.world import WORLD
from tests.providers.pagerduty.harness import Bench, config_for


@pytest.fixture
def noon(sim: Simulator) -> datetime:
    return sim.clock.now()


@pytest.fixture
def shallow(monkeypatch: pytest.MonkeyPatch) -> int:
    """Pages that go 300 deep instead of 10,000, so that few incidents are many."""
    monkeypatch.setattr(paging, "DEEPEST", 300)
    return 300


def fill(sim: Simulator, count: int, since: datetime, apart: timedelta) -> list[str]:
    return [
        sim.add_incident(f"Incident {number}", WORLD.service, created_at=since + number * apart).title
        for number in range(count)
    ]


async def test_every_page_is_read(bench: Bench, noon: datetime):
    """250 incidents are three requests, the oldest first."""
    titles = fill(bench.sim, 250, noon - timedelta(days=1), timedelta(minutes=1))
    output = await bench.run(pagerduty.all_incidents, since=noon - timedelta(days=2), until=noon)

    assert titles == [each.title for each in output.incidents]
    assert (False, 3) == (output.more, len(bench.sent()))


async def test_a_limit_cuts_and_says_so(bench: Bench, noon: datetime):
    """No page is read beyond the limit; `more` tells that there is more."""
    titles = fill(bench.sim, 250, noon - timedelta(days=1), timedelta(minutes=1))
    cut = await bench.run(pagerduty.all_incidents, since=noon - timedelta(days=2), until=noon, limit=120)
    whole = await bench.run(pagerduty.all_incidents, since=noon - timedelta(days=2), until=noon, limit=250)
    services = await bench.run(pagerduty.all_services, limit=2)

    assert (titles[:120], True) == ([each.title for each in cut.incidents], cut.more)
    assert (250, False) == (len(whole.incidents), whole.more)
    assert (2, True) == (len(services.services), services.more)


async def test_more_incidents_than_pages_go_deep_are_read_all(bench: Bench, noon: datetime, shallow: int):
    """Where pages end, the next ones begin at the last incident; nothing is missing, nothing is there twice."""
    titles = fill(bench.sim, 2 * shallow + 50, noon - timedelta(days=1), timedelta(seconds=30))
    output = await bench.run(pagerduty.all_incidents, since=noon - timedelta(days=2), until=noon)

    assert titles == [each.title for each in output.incidents]
    assert max(int(each.query["offset"][0]) + 100 for each in bench.sent()) <= shallow


async def test_a_time_longer_than_six_months_is_read_in_parts(bench: Bench, noon: datetime):
    """PagerDuty refuses more than six months at once; a year is read all the same, incidents at the seams once."""
    begin = noon - timedelta(days=400)
    seam = begin + paging.LONGEST_WINDOW
    times = [begin, seam - timedelta(seconds=1), seam, seam + timedelta(seconds=1), noon - timedelta(days=1)]
    for number, time in enumerate(times):
        bench.sim.add_incident(f"Incident {number}", WORLD.service, created_at=time)
    output = await bench.run(pagerduty.all_incidents, since=begin, until=noon)

    assert [f"Incident {number}" for number in range(5)] == [each.title for each in output.incidents]
    assert 3 == len(bench.sent())


async def test_too_many_incidents_in_one_second_are_an_error(bench: Bench, noon: datetime, shallow: int):
    """There the pages cannot go on, and less than all is never returned as all."""
    fill(bench.sim, shallow + 50, noon - timedelta(days=1), timedelta())
    with pytest.raises(errors.UnreadableAnswerError, match="were created at"):
        await bench.run(pagerduty.all_incidents, since=noon - timedelta(days=1), until=noon)


async def test_an_empty_page_that_promises_more_is_an_error(sim: Simulator):
    """It neither loops for ever nor passes as the end of the list."""
    empty = json.dumps({"services": [], "more": True}).encode()

    class Empty:
        sent = 0

        async def send(self, request: Request) -> Answer:
            self.sent += 1
            return Answer(status=200, headers={}, content=empty)

    transport = Empty()
    enter_call(CallContext(flow="flow", run_id="run", step="step", node="node"))
    account = Account("default", config_for(sim), prefix="PAGERDUTY_", transport=transport, guard=Guard())
    with pytest.raises(errors.UnreadableAnswerError, match="an empty page that says there is more"):
        await paging.walk(account, LIST_SERVICES, "services", Service)

    assert 1 == transport.sent


async def test_lists_that_are_longer_than_pages_go_deep_are_refused(bench: Bench, shallow: int):
    """Services cannot be split by time: the node says that there are too many instead of returning some."""
    for number in range(shallow + 1):
        bench.sim.add_service(f"Service {number:04}", WORLD.payments_policy)
    with pytest.raises(errors.InvalidRequestError, match="services: are more than 300"):
        await bench.run(pagerduty.all_services)


@pytest.mark.parametrize(
    ("factory", "field"),
    [
        (pagerduty.all_teams, "teams"),
        (pagerduty.all_users, "users"),
        (pagerduty.all_schedules, "schedules"),
        (pagerduty.all_escalation_policies, "escalation_policies"),
        (pagerduty.all_webhook_subscriptions, "webhook_subscriptions"),
    ],
)
async def test_every_list_has_a_whole_form(bench: Bench, factory: NodeFactory[..., Any], field: str):
    """More than a page of anything comes back complete."""
    sim = bench.sim
    for number in range(130):
        sim.add_team(f"Team {number}")
        sim.add_user(f"User {number}", f"user{number}@harbour.example")
        sim.add_schedule(f"Schedule {number}", [])
        sim.add_escalation_policy(f"Policy {number}", [[WORLD.bo]])
        sim.add_webhook(f"http://127.0.0.1:9/{number}")
    output = await bench.run(factory)

    found = getattr(output, field)
    assert len(found) >= 130
    assert len(found) == len({each.id for each in found})
    assert 2 == len(bench.sent())


async def test_bulk_changes_go_in_requests_of_250(bench: Bench):
    """251 incidents are two requests; PagerDuty would refuse them in one."""
    ids = [bench.sim.add_incident(f"Incident {number}", WORLD.service).id for number in range(251)]
    output = await bench.run(pagerduty.update_incidents, ids=[*ids, ids[0]], status="resolved")

    assert (tuple(ids), ()) == (output.changed, output.unchanged)
    assert [250, 1] == [len(json.loads(each.body)["incidents"]) for each in bench.sent("PUT")]


async def test_a_refused_bulk_change_changed_nothing_and_says_so(bench: Bench):
    """One wrong value, and none of the incidents of the request is changed."""
    ids = [bench.sim.add_incident(f"Incident {number}", WORLD.service).id for number in range(2)]
    with pytest.raises(errors.BadRequestError, match="none of these 2 incidents was changed"):
        await bench.run(pagerduty.update_incidents, ids=ids, title="New", priority_id="PNOTHING")

    assert ["Incident 0", "Incident 1"] == [each.title for each in bench.sim.incidents()]


async def test_a_bulk_change_that_breaks_half_way_says_what_was_done(bench: Bench):
    """Between two requests there is no all or nothing; the error names the incidents that were changed."""
    ids = [bench.sim.add_incident(f"Incident {number}", WORLD.service).id for number in range(300)]
    bench.sim.faults.add(action="slow", method="PUT", path="/incidents", seconds=0)  # the first one passes
    bench.sim.faults.add(action="status", status=400, method="PUT", path="/incidents")
    with pytest.raises(errors.BulkPartError, match=rf"none of these 50.*the 250 before them were: {ids[0]}, "):
        await bench.run(pagerduty.update_incidents, ids=ids, title="New")

    assert 250 == sum(each.title == "New" for each in bench.sim.incidents())


async def test_an_unknown_incident_in_a_bulk_change_is_told(bench: Bench):
    """An id that is not open is looked up: one that is resolved is left alone, one that is nothing is an error."""
    resolved = bench.sim.add_incident("Old", WORLD.service, resolved_at=bench.sim.clock.now()).id
    output = await bench.run(pagerduty.update_incidents, ids=[resolved], status="resolved")
    with pytest.raises(errors.NotFoundError):
        await bench.run(pagerduty.update_incidents, ids=["PNOTHING"], status="resolved")

    assert ((resolved,), []) == (output.unchanged, bench.sent("PUT"))
