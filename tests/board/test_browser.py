"""The board in a real browser: it keeps itself current, and everybody can use it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import expect
from pydantic import SecretStr

from resolute_pagerduty import PagerDuty, PagerDutyConfig
from resolute_pagerduty.simulator import Simulator
from resolute_worker.board.duty import Pager
from tests.board.accessible import found_by_axe
from tests.board.flows import ASKING, GREETING, HOLDING
from tests.board.shown import Shown, approval_of, place_of
from tests.board.site import TOKENS, Site


async def test_an_open_page_keeps_itself_current(shown: Shown) -> None:
    """Somebody logs in and looks at the first page; a gate that opens afterwards is on it without a reload."""
    async with shown.to() as ada:
        await ada.go()
        await ada.page.get_by_label("Token").fill(TOKENS["ada"])
        await ada.page.get_by_role("button", name="Log in").click()
        await expect(ada.page.get_by_role("heading", name="Now", exact=True)).to_be_visible()
        await ada.mark()

        run = await shown.site.start(ASKING)
        row = ada.page.get_by_role("row").filter(has_text=run.workflow_id)
        await expect(row.first).to_contain_text("Fail over")
        await shown.site.end(run)
        await expect(ada.at("section[aria-labelledby=waits]")).not_to_contain_text(run.workflow_id)

        assert await ada.is_same()


@pytest.fixture
async def pager(site: Site) -> AsyncIterator[None]:
    """A simulated PagerDuty, with somebody on call and an incident, in place of none."""
    before = site.board.pager, site.board.simulator
    async with Simulator.serve(0) as sim:
        sim.trigger("Checkout is down", routing_key=sim.world.routing_key, dedup_key="checkout")
        account = PagerDutyConfig(
            api_key=SecretStr(sim.world.account_key), from_email=sim.world.from_email, api_url=sim.url
        )
        site.board.pager = Pager(site.board.environment, lambda: PagerDuty(account))
        site.board.simulator = sim
        yield
    site.board.pager, site.board.simulator = before


@pytest.mark.usefixtures("pager")
async def test_axe_finds_nothing(shown: Shown) -> None:
    """No page keeps anybody from reading or using it, light or dark, as far as axe-core sees."""
    site = shown.site
    greeted, asking = await site.start(GREETING, {"names": ["a", "b"]}), await site.start(ASKING)
    holding = await site.start(HOLDING)
    await greeted.result()
    await site.at(asking, "approve", "running")
    await site.at(holding, "fragile", "held")
    await site.seen("waiting", asking, holding)
    await site.seen("ended", greeted)
    pages = [
        "",
        "runs",
        "runs?q=nobody",
        "runs?outcome=broken",
        "approvals",
        approval_of(asking, "approve"),
        "ledger",
        f"ledger?flow={GREETING.name}",
        f"alarms?name={GREETING.name}",
        place_of(greeted, "first"),
        place_of(asking, "approve"),
        place_of(holding, "fragile"),
        f"flow?name={GREETING.name}",
        "pagerduty",
        "nothing-here",
    ]

    async with shown.to() as nobody:
        await nobody.go("login")
        found = {"login": await found_by_axe(nobody)}
    async with shown.to("ada") as ada:
        for page in pages:
            await ada.go(page)
            found[page] = await found_by_axe(ada)
        ada.wrong = [text for text in ada.wrong if "nothing-here" not in text]  # the browser says that it is a 404

    await site.end(asking, holding)
    assert {page: [] for page in found} == found
