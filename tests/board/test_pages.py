"""What the pages show: of the namespace, of one run on its plan, of a flow."""

from __future__ import annotations

import uuid
from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from resolute.temporal.history.ledger import about
from resolute_worker.board.shelf import MOST, SECONDS, Reader, Shelf
from tests.board.flows import ASKING, GREETING, HOLDING, SLEEPING, STAYING
from tests.board.site import Site


async def test_a_run_on_its_plan(site: Site) -> None:
    """A run is shown as nested blocks with how each step stands, and a step with what it was given and gave."""
    run = await site.start(GREETING, {"names": ["a", "b", "c"]})
    await run.result()
    link = f"run?id={quote(run.workflow_id)}"

    async with site.browser("bob") as bob:
        page = await bob.text(link)
        compared = await bob.text(f"{link}&step=when_1")
        first = await bob.text(f"{link}&step=first")
        inner = await bob.text(f"{link}&step=greet")
        item = await bob.text(f"{link}&step={quote('all[1].greet')}")
        data = (await bob.get(link.replace("run?", "run.json?"))).json()

    assert "completed" in page
    assert "3 completed" in page
    assert "input.names" in compared
    assert "&lt;script&gt;" in first
    assert "<script>alert" not in first + page
    assert "all[2].greet" in inner
    assert "hello b" in item
    assert "completed" == data["status"]
    assert "first" in {step["id"] for step in data["report"]["steps"]}


async def test_secrets_are_nowhere(site: Site) -> None:
    """No page holds a secret: what the worker reads for a step stands as its name."""
    run = await site.start(GREETING, {"names": []})
    await run.result()

    async with site.browser("ada") as ada:
        shown = await ada.text(f"run?id={quote(run.workflow_id)}&step=last")
        data = await ada.text(f"run.json?id={quote(run.workflow_id)}")

    assert "$secret" in shown
    assert "a-secret-of-the-tests" not in shown + data


async def test_now_says_what_waits(site: Site) -> None:
    """The first page begins with the gates that are open and the steps that are held."""
    asking, holding = await site.start(ASKING), await site.start(HOLDING)
    await site.at(asking, "approve", "running")
    await site.at(holding, "fragile", "held")
    await site.seen("waiting", asking, holding)

    async with site.browser("bob") as bob:
        page = await bob.text("")

    waits = page[page.index('id="waits"') : page.index('id="paged"')]
    assert asking.workflow_id in waits
    assert holding.workflow_id in waits
    assert "Fail over &lt;script&gt;alert(1)&lt;/script&gt;?" in waits
    for run in (asking, holding):
        await run.handle.cancel()


async def test_runs_are_found(site: Site) -> None:
    """Runs are found by their flow, their status and the beginning of their id; none is said in words."""
    run = await site.start(GREETING, {"names": []})
    await run.result()

    async with site.browser("bob") as bob:
        by_flow = await bob.until(f"runs?flow={GREETING.name}&status=completed", run.workflow_id)
        by_id = await bob.until(f"runs?q={quote(run.workflow_id)}&since=1h", f">{run.workflow_id}<")
        nothing = await bob.text("runs?flow=of-nobody&status=terminated")

    assert run.workflow_id in by_flow
    assert run.workflow_id in by_id
    assert "No such run" in nothing


async def test_runs_that_had_to_do_with_an_incident(site: Site) -> None:
    """Of an incident those runs are listed too that still go on, whenever they began, above what became of others."""
    incident = f"Q{uuid.uuid4().hex.upper()[:13]}"
    ended, going = await site.start(GREETING, {"names": [incident]}), await site.start(STAYING, {"names": [incident]})
    other = await site.start(STAYING, {"names": ["another"]})
    await ended.result()
    await site.at(going, "nap", "running")
    await site.at(other, "nap", "running")
    await site.seen("running", going, other)
    await site.seen("ended", ended)

    async with site.browser("bob") as bob:
        page = await bob.text(f"runs?incident={incident}")
    later = await about(site.client, incident, since=datetime.now(UTC) + timedelta(hours=1))
    await site.end(going, other)

    above, _, below = page[page.index("Still going on") :].partition("What came of the others")
    assert (1, 0) == (above.count(f">{going.workflow_id}<"), above.count(ended.workflow_id))
    assert (0, 1) == (below.count(going.workflow_id), below.count(f">{ended.workflow_id}<"))
    assert other.workflow_id not in page
    assert ([going.workflow_id], []) == ([run.workflow_id for run in later.running], later.checks)


async def test_a_flow_with_its_times(site: Site) -> None:
    """A flow is shown with its plan, its latest runs, how long its steps take, and its versions."""
    run = await site.start(GREETING, {"names": ["a"]})
    await run.result()
    await site.seen("ended", run)

    async with site.browser("bob") as bob:
        page = await bob.text(f"flow?name={GREETING.name}")
        missing = await bob.get("flow?name=nobody")

    assert GREETING.plan.fingerprint in page
    assert "p95" in page
    assert "<svg" in page
    assert 404 == missing.status_code


async def test_everybody_has_the_own_form_token(site: Site) -> None:
    """Two who are shown the same page have their own form tokens in it, and who may do less has no forms of others."""
    run = await site.start(SLEEPING)
    await site.at(run, "nap", "running")
    link = f"run?id={quote(run.workflow_id)}"
    async with site.browser("olga") as one, site.browser("olga") as other, site.browser("bob") as bob:
        tokens = [await one.form_token(), await other.form_token()]
        pages = [await one.text(link), await other.text(link), await bob.text(link)]
    await run.handle.cancel()

    assert [True, False] == [token in pages[0] for token in tokens]
    assert [False, True] == [token in pages[1] for token in tokens]
    assert "do/cancel" in pages[1]
    assert "do/cancel" not in pages[2]
    assert not any(sign in page for page in pages for sign in astuple(site.board.shelf.signs))


def test_one_page_for_all_who_watch() -> None:
    """A page is made once for all who ask for it within a few seconds, and a bounded number of them is kept."""
    now = [0.0]
    shelf = Shelf(lambda: now[0])
    made: list[str] = []

    def page(key: str | None, token: str) -> bytes:
        text = shelf.page(key, lambda: made.append(token) or f"<{shelf.signs.form} {shelf.signs.name}>")
        return shelf.for_reader(text, Reader(token, token.upper()))

    assert [b"<a A>", b"<b B>"] == [page("run", "a"), page("run", "b")]
    assert [b"<c C>", b"<d D>"] == [page("other", "c"), page(None, "d")]
    now[0] = SECONDS
    assert b"<e E>" == page("run", "e")
    assert ["a", "c", "d", "e"] == made
    for number in range(MOST):
        page(str(number), "f")
    made.clear()
    assert b"<g G>" == page("run", "g")
    assert ["g"] == made
