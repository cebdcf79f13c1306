"""The node that asks: what a plan holds of its buttons, and what it posts."""

from datetime import timedelta
from typing import Any

import pytest

import resolute_slack as slack
from resolute import Flow, FlowBuildError, flow, gate, manual, text
from resolute.plan.values import Json
from resolute.testing import FlowTester
from resolute.writing.data import flow_from_data
from resolute.writing.documents import read_document, write_document
from resolute.writing.kinds.gate import Notify
from resolute_slack import Slack, errors
from resolute_slack.simulator import Simulator
from resolute_slack.testing import simulated_config
from tests.patience import PATIENCE
from tests.providers.slack.harness import Bench


def asking(notify: Notify, **options: Any) -> Flow:
    """A flow with a gate about which people are told like this."""
    asked = gate("approve", approvers=["ada@example.com", "grace@example.com"], notify=notify, **options)
    return flow("asking").triggered_by(manual("go")).then(asked).build()


def notified(built: Flow) -> Any:
    """The gate of a flow as its plan has it."""
    return built.plan.steps[0].model_dump(mode="json")


def test_a_channel_is_asked_once_and_with_nobodys_link() -> None:
    """The link that a button is given is not the link of a person: who clicks decides, so one message is for all."""
    found = notified(asking(lambda link: slack.ask(to="#ops", text="Go?", gate=link)))

    button: Json = {"$button": [{"$item": ["approve", "link"]}]}
    assert (button, False) == (found["notify"][0]["arguments"]["gate"], found["each_person"])


def test_each_approver_is_asked_where_the_person_is_named() -> None:
    """With the person, there is a message to each of them."""
    found = notified(asking(lambda link, person: slack.ask(to=person, text="Go?", gate=link)))

    assert found["each_person"]


def test_a_flow_with_buttons_is_data() -> None:
    """It comes back from YAML as it went."""
    built = asking(lambda link: slack.ask(to="#ops", text=text("Go, {}?", "all"), gate=link))
    document = read_document(write_document(built), "x.flow.yaml")

    again = flow_from_data(document.data, built.nodes)

    assert notified(built) == notified(again)


def test_a_button_that_is_no_link_is_refused() -> None:
    """What decides a gate is what `notify` was given, and nothing that an author writes."""
    with pytest.raises(FlowBuildError, match="takes the link that `notify` is given"):
        asking(lambda link: slack.ask(to="#ops", text="Go?", gate="approve"))


async def test_a_test_sees_what_is_asked(sim: Simulator) -> None:
    """In a test the message is posted, again after each reminder, with buttons."""
    asked = asking(
        lambda link: slack.ask(to="#ops", text="Go?", gate=link),
        timeout=timedelta(hours=2),
        remind=timedelta(hours=1),
        on_timeout="approve",
    )
    async with Slack(simulated_config(sim)) as provider:
        await FlowTester(asked, providers=[provider], patience=PATIENCE).run()

    assert [["button-of-approve"] * 2] * 2 == [
        [button["value"] for button in message.buttons] for message in sim.messages("#ops")
    ]


async def test_a_long_question_fits_into_its_block(bench: Bench) -> None:
    """Slack takes 3,000 characters in a block: of a longer text the end is left out, and the message says so."""
    asked = await bench.run(slack.ask, to="ada@example.com", text="<" * 2_000, gate="x")

    (message,) = bench.sim.messages("ada@example.com")
    assert f"({asked.left_out:,} characters are left out)" in message.says
    assert 2 == len(message.buttons)


async def test_what_no_button_can_carry_is_not_sent(bench: Bench) -> None:
    """Slack takes 2,000 characters in a button."""
    with pytest.raises(errors.InvalidRequestError, match="2,000"):
        await bench.run(slack.ask, to="#ops", text="Go?", gate="x" * 2_001)

    assert [] == bench.sim.messages()


async def test_without_a_signing_secret_nobody_is_asked(sim: Simulator) -> None:
    """Buttons on which nobody could decide are not posted; the error says which variable is missing."""
    config = simulated_config(sim).model_copy(update={"signing_secret": None})
    async with Slack(config) as provider:
        with pytest.raises(errors.MissingSettingError, match="SLACK_SIGNING_SECRET"):
            await Bench(sim, provider).run(slack.ask, to="#ops", text="Go?", gate="x")

        assert {} == provider.inlets()


async def test_a_provider_for_reading_does_not_write(sim: Simulator) -> None:
    """SLACK_READ_ONLY refuses every node that posts or changes something, and lets people be found."""
    async with Slack(simulated_config(sim), read_only=True) as provider:
        refused = [node.name for node in provider.nodes() if provider.refusal(node)]

    assert ["slack.FindPerson"] == [node.name for node in Slack.nodes() if node.name not in refused]
