"""The monitors: they open one incident, tell who is on call, resolve it, and are never silent when they fail."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from starlette.responses import JSONResponse, PlainTextResponse

from flows.auto_resolve import auto_resolve
from flows.common.health import Health
from flows.database_monitor import database_monitor
from flows.smart_alerting import smart_alerting
from resolute import Flow
from resolute.testing import FlowTester, TestedRun
from resolute_pagerduty import PagerDuty
from resolute_pagerduty.simulator import Limits, Simulator
from resolute_pagerduty.testing import simulated_config
from tests.flows.test_health_checks import database, says
from tests.flows.town import CHANNEL, Town
from tests.patience import PATIENCE

ILL = JSONResponse({"status": "critical", "message": "pool exhausted", "component": "checkout", "metrics": {"free": 0}})
WELL = JSONResponse({"status": "healthy", "message": "all is well", "component": "checkout"})


@dataclass
class Watch:
    """A town with a PagerDuty, and whoever looks after both."""

    town: Town
    sim: Simulator
    pagerduty: PagerDuty
    env: dict[str, str] = field(default_factory=dict[str, str])

    def tester(self, flow: Flow) -> FlowTester:
        """A tester whose nodes do their work for real, in the town and at the simulated PagerDuty."""
        env = {
            "HEALTH_URL": f"{self.town.url}/health",
            "SERVICE_HEALTH_URL": f"{self.town.url}/health",
            "SLACK_CHANNEL": CHANNEL,
            "PAGERDUTY_ROUTING_KEY": self.sim.world.routing_key,
            "ESCALATION_POLICY": self.sim.world.payments_policy,
        }
        return FlowTester(flow, env=env | self.env, providers=[self.pagerduty, self.town.slack], patience=PATIENCE)

    def incidents(self) -> list[tuple[str, str, str]]:
        """Key, title and status of every incident."""
        return [(each.key, each.title, each.status) for each in self.sim.incidents()]


@pytest.fixture
async def watch(town: Town) -> AsyncIterator[Watch]:
    """A town, a simulated PagerDuty, and a provider that talks to it."""
    async with Simulator.serve(limits=Limits.none()) as sim, PagerDuty(simulated_config(sim)) as pagerduty:
        yield Watch(town, sim, pagerduty)


def completed(run: TestedRun) -> TestedRun:
    """The run, which has to have ended well."""
    assert run.error is None, run.error
    return run


async def test_a_sick_service_pages_and_a_well_one_resolves(watch: Watch) -> None:
    """The whole story: well, ill for two looks, well again; one incident, opened, told of, and resolved."""
    tester = watch.tester(smart_alerting)
    for answer in (WELL, ILL, ILL, WELL, WELL):
        watch.town.answers = [answer]
        completed(await tester.run())

    assert [("system-health", "pool exhausted", "resolved")] == watch.incidents()
    assert 2 * ["checkout is critical: pool exhausted\nOn call: Ada Moreno (level 1), Chen Wei (level 2)"] == (
        watch.town.posted
    )


async def test_a_well_service_disturbs_nobody(watch: Watch) -> None:
    """While all is well nothing is sent to PagerDuty, and nothing said."""
    watch.town.answers = [WELL]
    tester = watch.tester(smart_alerting)
    for _ in range(3):
        completed(await tester.run())

    assert ([], []) == (list(watch.sim.requests), watch.town.posted)


async def test_an_alert_carries_what_helps(watch: Watch) -> None:
    """Component, severity and figures reach whoever is woken up."""
    watch.town.answers = [ILL]

    run = completed(await watch.tester(smart_alerting).run())

    given = run.calls_of("pagerduty.TriggerEvent")[0].arguments
    details: Any = given["custom_details"]
    assert ("checkout", "critical", "health-monitor") == (given["component"], given["severity"], given["source"])
    assert 0 == details["metrics"]["free"]


async def test_an_answer_that_gets_lost_doubles_nothing(watch: Watch) -> None:
    """PagerDuty took the event and its answer never came: the step is tried again, and there is one incident."""
    watch.town.answers = [ILL]
    watch.sim.faults.add(action="reset", method="POST", path="/v2/enqueue", after=True)

    run = completed(await watch.tester(smart_alerting).run())

    assert [1, 2] == [call.attempt for call in run.calls_of("pagerduty.TriggerEvent")]
    assert 1 == len(watch.incidents())


async def test_a_pagerduty_that_is_away_is_told_of_in_time(watch: Watch) -> None:
    """A run that cannot page ends before the next look, says so in the channel, and the next run pages."""
    watch.town.answers = [ILL]
    fault = watch.sim.faults.add(action="status", path="/v2/enqueue", times=None)
    tester = watch.tester(smart_alerting)
    began = tester.clock.now()

    run = await tester.run()

    assert "failed" == run.status
    assert timedelta(minutes=5) > tester.clock.now() - began
    assert 1 == len(watch.town.posted)
    assert watch.town.posted[0].startswith("smart-alerting: step trigger_event failed: ")
    watch.sim.faults.clear()
    completed(await tester.run())
    assert [("system-health", "pool exhausted", "triggered")] == watch.incidents(), fault


async def test_a_failed_run_forgets_no_incident(watch: Watch) -> None:
    """Where resolving fails, the next run knows that the last completed one was critical, and resolves."""
    tester = watch.tester(smart_alerting)
    watch.town.answers = [ILL]
    completed(await tester.run())
    watch.town.answers = [WELL]
    watch.sim.faults.add(action="status", path="/v2/enqueue", times=None)
    assert "failed" == (await tester.run()).status
    watch.sim.faults.clear()

    completed(await tester.run())

    assert "resolved" == watch.sim.incidents()[0].status


@pytest.mark.parametrize("flow", [smart_alerting, database_monitor], ids=lambda flow: flow.name)
async def test_a_monitor_that_cannot_see_is_not_silent(watch: Watch, flow: Flow) -> None:
    """It says so in the channel and opens one warning, however often it fails."""
    watch.town.answers = [PlainTextResponse("not found", status_code=404)]
    watch.env = {"DATABASE_ADDRESS": "nowhere"}
    tester = watch.tester(flow)
    for _ in range(2):
        assert "failed" == (await tester.run()).status

    assert 2 == len(watch.town.posted)
    assert all(text.startswith(f"{flow.name}: step health failed: ") for text in watch.town.posted)
    assert [(f"{flow.name}-fails", "triggered")] == [(key, status) for key, _, status in watch.incidents()]


async def test_a_dead_channel_does_not_hide_the_failure(watch: Watch) -> None:
    """Where the channel is gone too, the warning at PagerDuty is opened all the same."""
    watch.town.answers = [PlainTextResponse("not found", status_code=404)]
    watch.town.office.state.channel(CHANNEL).archived = True

    run = await watch.tester(smart_alerting).run()

    assert ["smart-alerting-fails"] == [key for key, _, _ in watch.incidents()]
    assert "RefusedError" == run.report.compensation_failures[0].error_type


async def test_a_database_that_goes_away_and_comes_back(watch: Watch, closed_port: int) -> None:
    """One incident, opened while it takes no connections and resolved when it does."""
    watch.env = {"DATABASE_ADDRESS": f"127.0.0.1:{closed_port}"}
    away = completed(await watch.tester(database_monitor).run())
    assert ["db-health-check"] == [key for key, _, _ in watch.incidents()]
    assert "cannot be reached" in watch.incidents()[0][1]

    async with database(says(b"")) as address:
        watch.env = {"DATABASE_ADDRESS": address}
        completed(await watch.tester(database_monitor).run(previous=away.result))

    assert "resolved" == watch.incidents()[0][2]


async def test_any_incident_of_the_key_is_resolved(watch: Watch) -> None:
    """auto-resolve resolves what another monitor has opened, and does no harm where nothing is open."""
    watch.sim.trigger("Disk full", routing_key=watch.sim.world.routing_key, dedup_key="disk")
    watch.env = {"SERVICE_DEDUP_KEY": "disk"}
    tester = watch.tester(auto_resolve)
    watch.town.answers = [ILL]
    completed(await tester.run())
    assert "triggered" == watch.incidents()[0][2]

    watch.town.answers = [WELL]
    for _ in range(2):
        completed(await tester.run())

    assert [("disk", "Disk full", "resolved")] == watch.incidents()


async def test_a_flow_can_be_tried_without_any_server() -> None:
    """With answers in place of nodes, a flow needs neither a network nor a PagerDuty."""
    env = {"HEALTH_URL": "http://checkout", "ESCALATION_POLICY": "PEPPAYM", "SLACK_CHANNEL": CHANNEL}
    tester = FlowTester(smart_alerting, env=env)
    tester.sequence(
        "health", [Health(status=status, message=status, component="checkout") for status in ("critical", "healthy")]
    )
    tester.answer("pagerduty.TriggerEvent", {"dedup_key": "system-health"})
    tester.answer("pagerduty.GetOnCalls", {"oncalls": []})
    tester.answer("slack.PostMessage", {"channel": "C0OPS", "ts": "1.0", "thread_ts": "1.0"})
    tester.answer("pagerduty.ResolveEvent", {})

    ill, well = completed(await tester.run()), completed(await tester.run())

    assert (True, False) == (ill.ran("trigger_event"), ill.ran("resolve_event"))
    assert (False, True) == (well.ran("trigger_event"), well.ran("resolve_event"))
