"""What people do on the board is done, and stands in the audit log with its person."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import pytest
from temporalio.client import WorkflowFailureError

from resolute.plan.errors import NodeFailedError
from resolute.temporal.wire.switches import read_switches
from tests.board.flows import ASKING, FIXED, GREETING, HOLDING, SLEEPING
from tests.board.site import Browser, Site
from tests.keys import KEYS
from tests.patience import PATIENCE


def done(site: Site, run: str = "") -> list[tuple[str | None, str, str]]:
    """What was done to a run: by whom, what, and how it went."""
    return [(each.person, each.operation, each.outcome) for each in site.audit() if (each.run or "") == run]


async def test_a_gate_is_decided_by_its_form(site: Site) -> None:
    """A form that is not filled in right is shown again with what was typed; a right one decides, as who logged in."""
    run = await site.start(ASKING)
    await site.at(run, "approve", "running")
    await site.seen("waiting", run)
    fields = {"id": run.workflow_id, "gate": "approve", "decision": "approve"}

    async with site.browser("ada") as ada:
        inbox = await ada.text("approvals")
        page = await ada.text(f"approval?id={quote(run.workflow_id)}&gate=approve")
        wrong = await ada.post("do/decide", **fields, reason="it burns", **{"field:region": "e"})
        right = await ada.post("do/decide", **fields, reason="it burns", **{"field:region": "eu"})
        late = await ada.post("do/decide", **fields, **{"field:region": "eu"})
        result = await run.result()
        shown = await ada.text(right.headers["location"].removeprefix("/board/"))

    assert run.workflow_id in inbox
    assert "&lt;b&gt;Region&lt;/b&gt;" in page
    assert (422, 303, 422) == (wrong.status_code, right.status_code, late.status_code)
    assert "region has 1 characters, 2 is the least" in wrong.text
    assert "it burns" in wrong.text
    assert isinstance(result, dict)
    assert "You have approved" in shown
    assert "approved by ada: it burns" in shown
    assert [("ada", "decide", "failed"), ("ada", "decide", "done"), ("ada", "decide", "failed")] == done(
        site, run.workflow_id
    )


async def held(site: Site, olga: Browser, word: str, **fields: str) -> str:
    """Decides on a held step, and gives its run's id."""
    FIXED.clear()
    run = await site.start(HOLDING)
    await site.at(run, "fragile", "held")
    if word == "retry":
        FIXED.append("disk")
    answer = await olga.post(f"do/{word}", id=run.workflow_id, step="fragile", back="runs", **fields)
    assert (303, f"/board/runs?said={word}") == (answer.status_code, answer.headers["location"])
    if word == "fail":
        with pytest.raises((NodeFailedError, WorkflowFailureError)):
            await run.result()
    else:
        await run.result()
    assert [("olga", word, "done")] == done(site, run.workflow_id)
    return run.workflow_id


async def test_held_steps_are_decided(site: Site) -> None:
    """An operator retries, skips or fails a held step; a value that is no JSON is refused."""
    async with site.browser("olga") as olga:
        retried = await held(site, olga, "retry")
        skipped = await held(site, olga, "skip", value='"made up"')
        await held(site, olga, "fail")
        wrong = await olga.post("do/skip", id=retried, step="fragile", value="{")
        shown = await olga.text(f"run?id={quote(skipped)}&step=fragile")

    assert 422 == wrong.status_code
    assert "olga decided: skip" in shown


async def test_runs_are_paused_cancelled_and_rerun(site: Site) -> None:
    """A run is paused and resumed, cancelled, and taken up again from a step as another run."""
    run = await site.start(SLEEPING)
    await site.at(run, "nap", "running")
    greeted = await site.start(GREETING, {"names": []})
    await greeted.result()
    async with site.browser("olga") as olga:
        for word, said in (("pause", "Paused by olga"), ("resume", "▶")):
            assert 303 == (await olga.post(f"do/{word}", id=run.workflow_id, reason="look")).status_code
            assert said in await olga.text(f"run?id={quote(run.workflow_id)}")
        assert 303 == (await olga.post("do/cancel", id=run.workflow_id)).status_code
        found = await site.until(run, lambda found: found.summary.status == "cancelled")
        again = await olga.post("do/cancel", id=run.workflow_id)
        rerun = await olga.post("do/rerun", id=greeted.workflow_id, step="last")
        page = await olga.text(rerun.headers["location"].removeprefix("/board/"))

    assert "cancelled" == found.summary.status
    assert 422 == again.status_code
    assert "already ended" in again.text
    assert f"rerun of {greeted.workflow_id} from last" in page


async def test_the_brake_and_pauses_of_flows(site: Site) -> None:
    """The brake and the pause of a flow are thrown and released, and every page says that they are on."""
    async with site.browser("olga") as olga, site.browser("bob") as bob:
        assert 303 == (await olga.post("do/brake", reason="wrong pages")).status_code
        assert 303 == (await olga.post("do/pause-flow", flow=SLEEPING.name)).status_code
        assert 422 == (await olga.post("do/pause-flow")).status_code
        seen = await bob.until("runs", "The brake is on", "wrong pages")
        found = (await read_switches(site.client, KEYS)).switches
        assert 303 == (await olga.post("do/release")).status_code
        assert 303 == (await olga.post("do/resume-flow", flow=SLEEPING.name)).status_code
        async with asyncio.timeout(PATIENCE):
            while "The brake is on" in (after := await bob.text("runs")):
                pass  # a board that looks for longer than somebody waits shows what it saw before

    assert "The brake is on" in seen
    assert "wrong pages" in seen
    assert found.brake is not None
    assert ("olga", [SLEEPING.name]) == (found.brake.by, list(found.flows))
    assert "The brake is on" not in after


async def test_mutes_are_made_and_ended(site: Site) -> None:
    """A flow is muted for a time with a reason, and unmuted; a length that is none is refused."""
    async with site.browser("olga") as olga:
        muted = await olga.post("do/mute", name=GREETING.name, reason="known", back="alarms", **{"for": "2h"})
        wrong = await olga.post("do/mute", name=GREETING.name, **{"for": "soon"})
        shown = await olga.text("alarms")
        ended = await olga.post("do/unmute", name=GREETING.name, back="alarms")
        after = await olga.text("alarms")

    assert (303, 422, 303) == (muted.status_code, wrong.status_code, ended.status_code)
    assert "known" in shown
    assert "Nothing is muted" in after


async def test_nothing_leads_elsewhere(site: Site) -> None:
    """After an action a browser stays on the board, whatever the form says."""
    async with site.browser("olga") as olga:
        for place in (
            "//evil.test",
            "https://evil.test",
            "/evil",
            "\\\\evil.test",
            "javascript:alert(1)",
            "run\n?id=x",
        ):
            answer = await olga.post("do/unmute", name="nobody", back=place)
            assert "/board/?said=unmute" == answer.headers["location"], place
