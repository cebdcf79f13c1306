"""Logging in with OpenID Connect in a real browser, at an issuer of another site."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Browser, expect

from resolute.execution.secrets import Environment
from tests.board.chromium import screen
from tests.board.flows import ASKING
from tests.board.issuer import KNOWN, Issuer
from tests.board.shown import approval_of
from tests.board.site import Site


async def test_a_person_logs_in_at_another_site_and_approves(browser: Browser, site: Site, tmp_path: Path) -> None:
    """From a gate to the issuer and back to the gate, which is then approved by the name that the issuer has given.

    A link on another site, such as one in a chat, leads to the page and not to the login.
    """
    run = await site.start(ASKING)
    await site.at(run, "approve", "running")
    async with (
        Issuer.serve("localhost") as issuer,  # the board is at 127.0.0.1: for a browser that is another site
        Site.of(site.client, site.queue, tmp_path, Environment({}), **issuer.settings()) as made,
        made.served() as address,
        screen(browser, address) as ada,
    ):
        issuer.asks = True
        await ada.go(approval_of(run, "approve"))
        await ada.page.get_by_role("link", name=f"Log in with {issuer.url.removeprefix('http://')}").click()
        await ada.page.get_by_role("link", name="I am Ada").click()
        await ada.page.wait_for_url("**/board/approval?**")
        await expect(ada.at(".who")).to_contain_text("ada@ops.test")
        await ada.at("[name='field:region']").fill("eu")
        await ada.page.get_by_role("button", name="Approve").click()
        await expect(ada.at("main")).to_contain_text("approved by ada@ops.test")

        await ada.page.goto(f"{issuer.url}/authorize?redirect_uri=x&state=x&{KNOWN}")
        await ada.page.evaluate("address => { location.href = address }", f"{address}runs")
        await expect(ada.at(".who")).to_contain_text("ada@ops.test")
        await ada.page.get_by_role("button", name="Log out").click()
        await expect(ada.at("main")).to_contain_text("You have logged out")
    await run.result()
    assert ("ada@ops.test", "decide", "done") in [(each.person, each.operation, each.outcome) for each in made.audit()]
