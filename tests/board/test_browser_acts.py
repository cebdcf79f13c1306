"""What people do on the board in a real browser: by form, by link, by keyboard, without JavaScript, on a telephone."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.async_api import expect

from resolute.execution.secrets import Environment
from resolute.temporal.client.client import RunHandle
from resolute.temporal.client.links import Ticket
from tests.board.flows import ASKING, FIXED, GREETING, HOLDING, SLEEPING
from tests.board.shown import Shown, approval_of, place_of
from tests.board.site import Site
from tests.keys import KEYS


async def asking(shown: Shown) -> RunHandle:
    """A run that waits at its gate, and is on the board."""
    run = await shown.site.start(ASKING)
    await shown.site.at(run, "approve", "running")
    await shown.site.seen("waiting", run)
    return run


async def test_a_gate_is_approved_by_keyboard(shown: Shown) -> None:
    """Without a mouse: `a` leads to the approvals, `j` to the gate, Enter opens it, Tab goes through its form.

    Where the keyboard is, is seen.
    """
    run = await asking(shown)
    async with shown.to("ada") as ada:
        keys = ada.page.keyboard
        await ada.go()
        await keys.press("a")
        await ada.page.wait_for_url("**/approvals")
        await expect(ada.at("tr[data-row]").filter(has_text=run.workflow_id)).to_be_visible()
        for _ in range(await ada.at("tr[data-row]").count()):
            await keys.press("j")
            if run.workflow_id in await ada.focused():
                break
        outline = await ada.page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
        await keys.press("Enter")
        await ada.page.wait_for_url("**/approval?**")
        while "field:region" != await ada.page.evaluate("() => document.activeElement?.name ?? ''"):
            await keys.press("Tab")
        await keys.type("eu")
        await keys.press("Tab")
        await keys.press("Tab")
        await keys.type("it burns")
        await keys.press("Tab")
        await keys.press("Enter")
        await expect(ada.at("main")).to_contain_text("You have approved")
        await expect(ada.at("main")).to_contain_text("approved by ada: it burns")

    assert "solid" == outline
    await run.result()


async def test_keys_find_runs(shown: Shown) -> None:
    """`/` leads from any page to the search, whose field then has the keyboard."""
    run = await shown.site.start(GREETING, {"names": []})
    await run.result()
    async with shown.to("bob") as bob:
        await bob.go("alarms")
        await bob.page.keyboard.press("/")
        await bob.page.wait_for_url("**/runs#q")
        await expect(bob.at("[data-search]")).to_be_focused()
        await bob.page.keyboard.type(run.workflow_id)
        await bob.page.keyboard.press("Enter")
        await bob.page.wait_for_url("**/runs?q=*")
        await expect(bob.at("tr[data-row]")).to_have_count(1)
        await bob.page.keyboard.press("j")
        assert run.workflow_id == await bob.focused()


async def test_a_gate_is_approved_by_link(shown: Shown) -> None:
    """A link that somebody was sent shows what is asked, and decides with its form; the open board sees it at once."""
    run = await asking(shown)
    ticket = Ticket(
        flow=ASKING.name,
        workflow_id=run.workflow_id,
        run=run.run_id or "",
        gate="approve",
        person="grace",
        until=datetime.now(UTC) + timedelta(hours=1),
    )
    async with shown.to("bob") as bob, shown.to() as grace:
        await bob.go(place_of(run, "approve"))
        await bob.mark()
        await grace.page.goto(shown.link(ticket.token(KEYS)))
        await expect(grace.page.get_by_text("Fail over")).to_be_visible()
        await grace.page.locator("[name='field:region']").fill("eu")
        await grace.page.get_by_role("button", name="Approve").click()
        await expect(grace.at("main, body")).to_contain_text("You have approved approve")
        await expect(bob.at("aside")).to_contain_text("approved by grace")
        await expect(bob.at("h1 .state")).to_contain_text("completed")
        assert await bob.is_same()
    await run.result()


async def test_a_held_step_is_retried_and_the_brake_pulled(shown: Shown) -> None:
    """An operator retries a held step by its button, pulls the brake, which every page says, and releases it."""
    run, other = await shown.site.start(HOLDING), await shown.site.start(SLEEPING)
    await shown.site.at(run, "fragile", "held")
    await shown.site.at(other, "nap", "running")
    async with AsyncExitStack() as stack:
        olga, *others = [await stack.enter_async_context(shown.to(name)) for name in ("olga", "bob", "bob", "bob")]
        for person, place in zip(others, ("", place_of(other), "alarms"), strict=True):
            await person.go(place)
            await person.mark()
        await olga.go(place_of(run, "fragile"))
        FIXED.append("disk")
        await olga.at("aside").get_by_role("button", name="Retry").click()
        await expect(olga.at("h1 .state")).to_contain_text("completed")
        await olga.at("#ask-brake summary").click()
        await olga.at("#ask-brake [name=reason]").fill("too many pages")
        await olga.at("#ask-brake button").click()
        for person in (olga, *others):
            await expect(person.at("main")).to_contain_text("The brake is on")
            await expect(person.at("main")).to_contain_text("too many pages")
        await olga.page.get_by_role("button", name="Release the brake").click()
        for person in (olga, *others):
            await expect(person.at("main")).not_to_contain_text("The brake is on")
        assert [True] * 3 == [await person.is_same() for person in others]
    await shown.site.end(other)


async def test_what_is_typed_stays(shown: Shown) -> None:
    """A form that somebody fills in is not touched while the rest of the page changes."""
    async with shown.to("bob") as bob:
        await bob.go("runs")
        await bob.at("#q").fill("half an id")
        run = await shown.site.start(SLEEPING)
        await expect(bob.at("main")).to_contain_text(run.workflow_id)
        assert "half an id" == await bob.at("#q").input_value()
    await shown.site.end(run)


async def test_without_javascript(shown: Shown) -> None:
    """Everything is read and decided without a script: what waits, its form, the plan, and the brake."""
    run = await asking(shown)
    async with shown.to("ada", script=False) as ada:
        await ada.go()
        await ada.page.get_by_role("link", name="Approvals").click()
        await ada.at("tr[data-row]").filter(has_text=run.workflow_id).get_by_role("link", name="Decide").click()
        await ada.at("[name='field:region']").fill("eu")
        await ada.page.get_by_role("button", name="Approve").click()
        await expect(ada.at("main")).to_contain_text("approved by ada")
        await run.result()
        await ada.go(place_of(run))
        await ada.page.get_by_role("link", name="greet").click()
        await expect(ada.at("aside")).to_contain_text("hello after")
        await ada.at("#ask-brake summary").click()
        await ada.at("#ask-brake button").click()
        await expect(ada.at("main")).to_contain_text("The brake is on")
        await ada.page.get_by_role("button", name="Release the brake").click()
        await expect(ada.at("main")).not_to_contain_text("The brake is on")


async def test_on_a_telephone_and_on_a_wall(shown: Shown) -> None:
    """Nothing is wider than the screen, at 360 pixels and in 4K; and the whole page is read in the dark as well."""
    run, waiting = await shown.site.start(GREETING, {"names": ["a"] * 5}), await asking(shown)
    await run.result()
    pages = [
        "",
        "approvals",
        approval_of(waiting, "approve"),
        "runs",
        place_of(run, "greet"),
        f"flow?name={GREETING.name}",
        f"ledger?flow={GREETING.name}",
        "alarms",
        "pagerduty",
    ]
    wide: dict[str, int] = {}
    for width in (360, 3840):
        async with shown.to("ada", width=width, theme="dark") as ada:
            for page in pages:
                await ada.go(page)
                wide[f"{width} {page}"] = await ada.overflow()
            background = await ada.page.evaluate("() => getComputedStyle(document.body).backgroundColor")
            assert "rgb(21, 23, 26)" == background
    await shown.site.end(waiting)
    assert dict.fromkeys(wide, 0) == wide


async def test_a_page_comes_back_after_a_restart(shown: Shown, tmp_path: Path) -> None:
    """A page that is open while the board restarts says that it is not connected, and goes on by itself."""
    site = shown.site
    run = await site.start(SLEEPING)
    await site.at(run, "nap", "running")
    async with AsyncExitStack() as later, AsyncExitStack() as first:
        before = Site.of(site.client, site.queue, tmp_path, Environment({}))
        serving = served(before)
        address = await first.enter_async_context(serving)
        ada = await later.enter_async_context(shown.to("ada", address=address))
        await ada.go(place_of(run, "nap"))
        await ada.mark()
        await first.aclose()
        await expect(ada.at("body.offline")).to_be_attached()
        port = int(address.split(":")[2].partition("/")[0])
        after = Site.of(site.client, site.queue, tmp_path, Environment({}))
        await later.enter_async_context(served(after, port))
        await expect(ada.at("body.offline")).not_to_be_attached()
        await site.end(run)
        await expect(ada.at("h1 .state")).to_contain_text("cancelled")
        assert await ada.is_same()
        ada.wrong.clear()  # the browser says that nobody answered meanwhile


@asynccontextmanager
async def served(board: AbstractAsyncContextManager[Site], port: int = 0) -> AsyncGenerator[str]:
    """A board at an address; every open page is let go before its server stops."""
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(board)
        address = await stack.enter_async_context(site.served(port))
        stack.callback(site.board.closing.set)
        yield address
