"""Buttons in Slack: people approve and reject gates, the message shows who has, and a run goes on."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from temporalio.client import Client

import resolute_slack as slack
from resolute import flow, gate, manual, secret, sleep, text, unverified, webhook
from resolute.plan.errors import ConfigurationError, NodeFailedError
from resolute_slack.simulator import Fault
from resolute_worker.needs import missing_variables
from tests.clicking import ADA, BOTH, EACH, EDSGER, FORM, GRACE, PATH, Office, office
from tests.patience import PATIENCE
from tests.worker.terminal import command


@pytest.fixture(scope="module")
async def at(client: Client) -> AsyncIterator[Office]:
    """Every test has a run and a message of its own."""
    async with office(client) as found:
        yield found


async def test_a_click_approves_and_the_message_says_who(at: Office) -> None:
    """A click by an approver decides the gate in that person's name; the buttons go, and the message names them."""
    run, message = await at.ask()
    assert "Fail over <db-1>?" == message.says
    assert ["Approve", "Reject"] == [each["text"]["text"] for each in message.buttons]

    answer = await at.click(message, "Approve", by=ADA)
    result = await at.result(run)
    await at.sim.until(lambda: message.edited, PATIENCE)

    assert (200, b"") == (answer.status_code, answer.content)
    assert (True, ["Ada@Example.com"]) == (result["approve"]["approved"], result["approve"]["by"])
    assert [] == message.buttons
    assert f"Approved by <@{at.sim.user(ADA).id}>" in message.says


async def test_a_click_rejects(at: Office) -> None:
    """A click on Reject rejects the gate, which fails the run."""
    run, message = await at.ask()

    await at.click(message, "Reject", by=GRACE)
    with pytest.raises(NodeFailedError, match=f"{GRACE} rejected gate 'approve'"):
        await at.result(run)
    await at.sim.until(lambda: message.edited, PATIENCE)

    assert f"Rejected by <@{at.sim.user(GRACE).id}>" in message.says


async def test_who_may_not_decide_is_told_so(at: Office) -> None:
    """A click by somebody who is no approver decides nothing; only that person is told."""
    run, message = await at.ask()
    heard = len(at.sim.whispers(EDSGER))

    await at.click(message, "Approve", by=EDSGER)
    await at.sim.until(lambda: len(at.sim.whispers(EDSGER)) > heard, PATIENCE)

    assert f"Not decided: {EDSGER} may not decide gate 'approve'" in at.sim.whispers(EDSGER)[-1].text
    assert ([], False) == (await at.decisions(run), message.edited)


async def test_a_quorum_keeps_the_buttons_until_it_is_reached(at: Office) -> None:
    """With a quorum of two the message counts on, also where both click at once, and shows both at the end."""
    run, message = await at.ask(BOTH)
    first, second = at.sim.click(message, "Approve", by=ADA), at.sim.click(message, "Approve", by=GRACE)

    await asyncio.gather(at.send(*first), at.send(*second))
    result = await at.result(run)
    await at.sim.until(lambda: not message.buttons, PATIENCE)

    assert {"Ada@Example.com", GRACE} == set(result["approve"]["by"])
    assert 2 == message.says.count("Approved by")
    assert 1 == message.says.count("(1 more have to approve)")


async def test_a_second_click_changes_nothing(at: Office) -> None:
    """Who has decided is told so, and the decision stays."""
    run, message = await at.ask(BOTH)
    heard = len(at.sim.whispers(ADA))

    await at.click(message, "Approve", by=ADA)
    await at.sim.until(lambda: message.edited, PATIENCE)
    await at.click(message, "Reject", by=ADA)
    await at.sim.until(lambda: len(at.sim.whispers(ADA)) > heard, PATIENCE)

    assert "a decision is not changed" in at.sim.whispers(ADA)[-1].text
    assert ["Ada@Example.com approved"] == await at.decisions(run)


async def test_a_click_on_what_is_decided_takes_the_buttons_away(at: Office) -> None:
    """Where the gate was decided elsewhere in the meantime, the message says by whom."""
    run, message = await at.ask()
    late = at.sim.click(message, "Approve", by=GRACE)
    await at.click(message, "Approve", by=ADA)
    await at.result(run)
    await at.sim.until(lambda: message.edited, PATIENCE)
    heard = len(at.sim.whispers(GRACE))

    await at.send(*late)
    await at.sim.until(lambda: len(at.sim.whispers(GRACE)) > heard, PATIENCE)

    assert "Not decided" in at.sim.whispers(GRACE)[-1].text
    assert [] == message.buttons


async def test_a_form_is_filled_in_behind_a_link_of_ones_own(at: Office) -> None:
    """A click does not approve a gate with a form, not even one that could stay empty: it gives the person a link."""
    run, message = await at.ask(FORM)
    heard = len(at.sim.whispers(ADA))

    await at.click(message, "Approve", by=ADA)
    await at.sim.until(lambda: len(at.sim.whispers(ADA)) > heard, PATIENCE)
    found = re.search(r"<https://ops\.test(/gates/\S+)\|Open the form>", at.sim.whispers(ADA)[-1].text)
    assert found is not None
    page = await at.http.get(found[1])

    assert (200, True) == (page.status_code, "Ada@Example.com" in page.text)
    assert [] == await at.decisions(run)


async def test_each_approver_is_asked_in_person(at: Office) -> None:
    """With the person in `notify`, each approver gets a direct message with buttons."""
    run, message = await at.ask(EACH, of=GRACE)
    await at.sim.until(lambda: at.sim.messages(ADA), PATIENCE)

    await at.click(message, "Approve", by=GRACE)

    assert [GRACE] == (await at.result(run))["approve"]["by"]
    await at.sim.until(
        lambda: message.edited, PATIENCE
    )  # which is no part of the next test, where Slack refuses that once
    assert 1 == len(at.sim.messages(ADA))


async def test_a_decision_counts_though_slack_does_not_show_it(at: Office) -> None:
    """Where the message cannot be changed, the person is told that the decision is taken."""
    run, message = await at.ask()
    heard = len(at.sim.whispers(ADA))
    at.sim.faults.add(Fault(action="status", status=500, path="/api/chat.update"))

    await at.click(message, "Approve", by=ADA)
    await at.result(run)
    await at.sim.until(lambda: len(at.sim.whispers(ADA)) > heard, PATIENCE)

    assert "Your decision is taken" in at.sim.whispers(ADA)[-1].text


async def test_a_flow_cannot_take_the_path_of_clicks(at: Office) -> None:
    """A webhook of a flow at a provider's path is refused when the flow is to be served."""
    greedy = flow("greedy").triggered_by(webhook(PATH, verify=unverified())).then(sleep(timedelta(0.1))).build()

    with pytest.raises(ConfigurationError, match="provider 'slack'"):
        at.worker.deliveries.replace([greedy])


def test_what_a_flow_needs_is_told_beside_links_and_buttons() -> None:
    """A flow whose gate sends links and buttons still says which variables it reads, and no others."""
    asked = gate(
        "approve",
        approvers=[ADA],
        notify=lambda link: [
            slack.ask(to="#ops", text="Fail over?", gate=link),
            slack.message_person(email=ADA, text=text("{} {}", secret("WORD"), link)),
        ],
    )
    needy = flow("needy").triggered_by(manual("go")).then(asked).build()

    assert ["secret WORD is not set (flow needy)"] == [str(each) for each in missing_variables([needy], {})]


async def test_a_button_is_pressed_from_outside(at: Office) -> None:
    """Who tries flows with `resolute simulator slack` presses a button by a request, as a person of the workspace."""
    run, _ = await at.ask()
    at.sim.send_clicks(f"{at.worker.http.url}{PATH}")
    async with httpx.AsyncClient(base_url=at.sim.url, timeout=PATIENCE) as http:
        shown = (await http.get("/_simulator/messages")).json()
        nobody = await http.post("/_simulator/click", json={"button": "Approve", "by": "nobody@example.com"})
        pressed = await http.post("/_simulator/click", json={"button": "Approve", "by": ADA})
    await run.result()

    assert ["Approve", "Reject"] == shown[-1]["buttons"]
    assert (404, {"status": 200}) == (nobody.status_code, pressed.json())
    assert ["Ada@Example.com approved"] == await at.decisions(run)


def test_options_of_one_simulator(capsys: pytest.CaptureFixture[str]) -> None:
    """An option that the simulated Slack does not have is refused, and not ignored."""
    ended = command(capsys, "simulator")("slack", "--rate-limit", "5")

    assert 2 == ended.code
    assert "options of the simulated PagerDuty" in ended.said
