"""Messages: posted, replied to, changed, sent to people; escaped, bounded, and refused by their kind."""

import asyncio
import logging
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

import resolute_slack as slack
from resolute.plan.context import CallContext, enter_call
from resolute.plan.errors import DryRunError, NodeError
from resolute_slack import Slack, SlackConfig, errors
from resolute_slack.http.methods import BY_EMAIL, DELETE, OPEN, POST, UPDATE, WHISPER
from resolute_slack.simulator import Simulator
from resolute_slack.testing import simulated_config
from resolute_slack.texts import LONGEST_TEXT
from tests.providers.slack.harness import Bench


async def test_a_message_a_reply_and_a_change(bench: Bench) -> None:
    """A message is posted, replied to in its thread, and changed."""
    posted = await bench.run(slack.post_message, channel="#ops", text="Checkout is down")
    answer = await bench.run(
        slack.reply, step="reply", channel=posted.channel, thread_ts=posted.thread_ts, text="Looking"
    )
    await bench.run(slack.update_message, step="update", channel=posted.channel, ts=posted.ts, text="Checkout is back")

    first, second = bench.sim.messages("#ops")
    assert ("Checkout is back", True, posted.ts) == (first.text, first.edited, first.ts)
    assert ("Looking", posted.ts, answer.ts) == (second.text, second.thread_ts, second.ts)
    assert posted.ts == answer.thread_ts


async def test_a_person_is_told_by_address(bench: Bench) -> None:
    """A direct message reaches the person with an e-mail address, and nobody else."""
    await bench.run(slack.message_person, email="ada@example.com", text="You are on call")

    assert ["You are on call"] == [each.text for each in bench.sim.messages("ada@example.com")]
    assert 1 == len(bench.sim.messages())


async def test_people_are_told_once_each(bench: Bench) -> None:
    """Of several people each is told once, and those whom Slack does not know are named."""
    emails = ["ada@example.com", "nobody@example.com", "ada@example.com", "grace@example.com"]

    told = await bench.run(slack.message_people, emails=emails, text="Checkout is down")

    assert (("ada@example.com", "grace@example.com"), ("nobody@example.com",)) == (told.reached, told.missed)
    assert 2 == len(bench.sim.messages())


async def test_a_person_is_found(bench: Bench) -> None:
    """A member is found by address, with the name that others read."""
    found = await bench.run(slack.find_person, email="ada@example.com")

    assert (bench.sim.user("ada@example.com").id, "Ada Lovelace") == (found.id, found.name)


async def test_a_text_of_strangers_mentions_nobody(bench: Bench) -> None:
    """A text is shown as it is: no mention or hidden link in it comes to life, but for an author who asks for that."""
    await bench.run(slack.post_message, channel="#ops", text="<!channel> <http://evil.example|click>")
    await bench.run(slack.post_message, step="own", channel="#ops", text="*bold* <!here>", markup=True)

    first, second = bench.sim.messages("#ops")
    assert "&lt;!channel&gt; &lt;http://evil.example|click&gt;" == first.text
    assert "*bold* <!here>" == second.text


async def test_a_long_text_says_what_it_leaves_out(bench: Bench) -> None:
    """Slack takes 40,000 characters; of a longer text the end is left out, which the message and the output say."""
    posted = await bench.run(slack.post_message, channel="#ops", text="&" * 20_000)

    (message,) = bench.sim.messages("#ops")
    assert len(message.text) <= LONGEST_TEXT
    assert message.text.endswith(f"&amp;\n… ({posted.left_out:,} characters are left out)")
    assert 100_000 - posted.left_out == message.text.count("&amp;") * 5


@pytest.mark.parametrize(
    "blocks",
    [
        [{"type": "divider"}] * 51,
        [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3_001}}],
    ],
)
async def test_blocks_beyond_slacks_limits_are_not_sent(bench: Bench, blocks: list[Any]) -> None:
    """More than 50 blocks, or more than 3,000 characters in one, are refused before anything is sent."""
    with pytest.raises(errors.InvalidRequestError, match="Slack accepts"):
        await bench.run(slack.post_message, channel="#ops", text="x", blocks=blocks)

    assert [] == list(bench.sim.requests)


async def test_a_dry_run_sends_nothing(bench: Bench) -> None:
    """A write of a dry run is refused in the client, whatever the engine thought of the node; a read is not."""

    async def dry() -> None:
        enter_call(CallContext(flow="flow", run_id="run", step="step", node="slack.PostMessage", dry=True))
        for method in (POST, UPDATE, DELETE, OPEN, WHISPER):
            with pytest.raises(DryRunError, match=method.name):
                await bench.provider.call(method, channel="#ops", text="x")
        await bench.provider.call(BY_EMAIL, email="ada@example.com")

    await asyncio.create_task(dry())

    assert ["users.lookupByEmail"] == [each.method for each in bench.sim.requests]


async def test_slack_is_given_the_time_it_asks_for(bench: Bench) -> None:
    """What Slack says in Retry-After is the pause before the next attempt, and the client itself never tries again."""
    bench.sim.faults.add(action="rate_limit", reset_seconds=17, path="/api/chat.postMessage")

    with pytest.raises(errors.RateLimitedError) as failed:
        await bench.run(slack.post_message, channel="#ops", text="x")

    assert (True, timedelta(seconds=17)) == (failed.value.retryable, failed.value.retry_after)
    assert 1 == len(bench.sent("chat.postMessage"))


@pytest.mark.parametrize(
    ("channel", "error", "says"),
    [
        ("#nowhere", errors.NotFoundError, "is the name or id right"),
        ("#secret", errors.RefusedError, "invite the app"),
        ("#old", errors.RefusedError, "archived"),
    ],
)
async def test_what_slack_refuses_is_not_tried_again(
    bench: Bench, channel: str, error: type[NodeError], says: str
) -> None:
    """A refusal ends the step, and says what helps."""
    bench.sim.add_channel("secret", member=False)
    bench.sim.add_channel("old").archived = True

    with pytest.raises(error, match=says) as failed:
        await bench.run(slack.post_message, channel=channel, text="x")

    assert not failed.value.retryable


async def test_a_missing_scope_is_named(bench: Bench) -> None:
    """Without the scope that a method needs, the error names it."""
    bench.sim.grant("chat:write")

    with pytest.raises(errors.NotAllowedError, match=r"users:read\.email"):
        await bench.run(slack.find_person, email="ada@example.com")


async def test_without_a_token_nothing_is_sent(sim: Simulator) -> None:
    """A worker without SLACK_BOT_TOKEN is told which variable to set."""
    async with Slack(SlackConfig(api_url=sim.api_url)) as provider:
        with pytest.raises(errors.MissingSettingError, match="SLACK_BOT_TOKEN"):
            await Bench(sim, provider).run(slack.post_message, channel="#ops", text="x")

    assert [] == list(sim.requests)


async def test_a_token_is_never_told(
    sim: Simulator, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No error, no log line and no setting shows the token, not even while everything is logged."""
    monkeypatch.setattr(logging.getLogger("slack_sdk"), "level", logging.DEBUG)
    caplog.set_level(logging.DEBUG)
    config = simulated_config(sim).model_copy(update={"bot_token": SecretStr("xoxb-a-wrong-token")})
    async with Slack(config) as provider:
        with pytest.raises(errors.NotAllowedError) as failed:
            await Bench(sim, provider).run(slack.post_message, channel="#ops", text="words of a customer")
        assert "xoxb-a-wrong-token" in provider.secrets()

    told = f"{failed.value}{failed.value!r}{config!r}{caplog.text}"
    assert "xoxb-a-wrong-token" not in told
    assert "words of a customer" not in caplog.text


async def test_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`SLACK_...` describes the workspace; a wrong value is named, and never shown."""
    monkeypatch.setenv("SLACK_BOT_TOKEN", " xoxb-right\n")
    monkeypatch.setenv("SLACK_SIGNING_SECRET", "8f742231b10e")
    assert ("xoxb-right", "8f742231b10e") == Slack.from_env().config.secret_values

    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxp-of-a-person")
    with pytest.raises(Exception, match="SLACK_BOT_TOKEN") as failed:
        Slack.from_env()
    assert "xoxp-of-a-person" not in str(failed.value)
