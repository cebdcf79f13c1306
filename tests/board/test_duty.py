"""The page of PagerDuty: who is on call, what is open, and what the simulator does wrong on request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client

from resolute.execution.secrets import Environment
from resolute_pagerduty.simulator import Simulator
from tests.board.flows import GREETING
from tests.board.site import Site
from tests.patience import PATIENCE

TITLE = "Checkout is down <script>alert(1)</script>"


@pytest.fixture
async def site(temporal_client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    """A board beside a simulated PagerDuty."""
    monkeypatch.setattr("resolute_worker.board.duty.FRESH", PATIENCE)
    monkeypatch.setattr("resolute_worker.board.duty._PATIENCE", PATIENCE)
    async with Simulator.serve(0) as sim:
        for name, value in {
            "PAGERDUTY_API_URL": sim.url,
            "PAGERDUTY_API_KEY": sim.world.account_key,
            "PAGERDUTY_FROM_EMAIL": sim.world.from_email,
        }.items():
            monkeypatch.setenv(name, value)
        async with Site.of(temporal_client, "nobody", tmp_path, Environment(), simulator=sim) as site:
            yield site


async def test_who_is_on_call_and_what_is_open(site: Site) -> None:
    """The page names who is on call and each open incident, as text, with the way to the runs that touched it."""
    sim = site.board.simulator
    assert sim is not None
    sim.trigger(TITLE, routing_key=sim.world.routing_key, dedup_key="pool")
    (incident,) = sim.incidents()
    async with site.browser("bob") as bob:
        page = await bob.text("pagerduty")
        again = len(sim.requests)
        await bob.text("pagerduty")

    assert "Ada" in page
    assert "Checkout is down &lt;script&gt;" in page
    assert f"runs?incident={incident.id}" in page
    assert again == len(sim.requests)


async def test_which_runs_touched_an_incident(site: Site) -> None:
    """Beside each open incident stand the runs that were given its id or key, while they go on and after their end."""
    sim = site.board.simulator
    assert sim is not None
    sim.trigger("Pool", routing_key=sim.world.routing_key, dedup_key="the-pool-is-dry")
    (incident,) = sim.incidents()
    by_id, by_key, other = [
        await site.start(GREETING, {"names": ["a", name]}) for name in (incident.id, "the-pool-is-dry", "the-pool-is")
    ]
    await site.seen("running", by_id, by_key, other)
    async with site.browser("bob") as bob:
        page = await bob.text("pagerduty")
        await by_id.handle.terminate()
        while by_id.run_id not in site.board.touched.ended:
            await site.board.poll.anew()
        after = await bob.text("pagerduty")
    await by_key.handle.terminate()
    await other.handle.terminate()

    for seen in (page, after):
        assert [True, True, False] == [run.workflow_id in seen for run in (by_id, by_key, other)]
    assert "terminated" in after


async def test_faults_by_button(site: Site) -> None:
    """An operator has the simulator fail, sees what that does to PagerDuty's page, and has it be well again."""
    async with site.browser("olga") as olga, site.browser("bob") as bob:
        assert 403 == (await bob.post("do/fault", fault="gone")).status_code
        assert 303 == (await olga.post("do/fault", fault="busy", back="pagerduty")).status_code
        assert 422 == (await olga.post("do/fault", fault="dance")).status_code
        shown = await olga.text("pagerduty")
        assert 303 == (await olga.post("do/fault", fault="none", back="pagerduty")).status_code
        well = await olga.text("pagerduty")

    assert "rate_limit for * *" in shown
    assert "It does nothing wrong" in well
