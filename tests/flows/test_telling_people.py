"""How the ready-to-run flows tell people: a channel, and each person who is on call."""

from datetime import timedelta
from typing import Any

import pytest
from starlette.responses import PlainTextResponse

from flows.common.slack import (
    Reached,
    SlackError,
    SlackRefusedError,
    by_level,
    message_on_call,
    notify_on_call,
    post_to_channel,
)
from resolute_pagerduty import OnCall
from tests.flows.town import TOKEN, Town, call_node


def on_call(name: str, level: int, email: str = "") -> dict[str, Any]:
    """An entry as `get_on_calls(..., include=["users"])` gives it."""
    return {"user": {"id": name, "summary": name, "name": name, "email": email}, "escalation_level": level}


ADA = on_call("Ada", 1, "ada@harbour.example")
BO = on_call("Bo", 2, "bo@harbour.example")
SECRET_PATH = "channel?token=T000-secret-of-the-channel"


async def test_the_channel_reads_what_was_said(town: Town) -> None:
    """Text arrives whole, with what Slack would take for markup made harmless."""
    await call_node(post_to_channel, {"message": "<db> is down & out", "webhook_url": f"{town.url}/channel"})

    assert ["&lt;db&gt; is down &amp; out"] == town.posted


async def test_the_channel_reads_who_is_on_call(town: Town) -> None:
    """Each person once, the first level first."""
    arguments = {"oncalls": [BO, ADA, on_call("Ada", 3)], "message": "db is down", "webhook_url": f"{town.url}/channel"}

    await call_node(notify_on_call, arguments)

    assert ["db is down\nOn call: Ada (level 1), Bo (level 2)"] == town.posted


@pytest.mark.parametrize(("status", "error"), [(500, SlackError), (429, SlackError), (404, SlackRefusedError)])
async def test_what_slack_refuses_is_told_by_its_kind(town: Town, status: int, error: type[Exception]) -> None:
    """Trouble that passes is tried again, a webhook that is gone is not, and its address is never shown."""
    town.channel = [PlainTextResponse("no_service", status_code=status, headers={"retry-after": "7"})]

    with pytest.raises(error) as caught:
        await call_node(post_to_channel, {"message": "hello", "webhook_url": f"{town.url}/{SECRET_PATH}"})

    assert "T000-secret" not in str(caught.value)


async def test_slack_is_given_the_time_it_asks_for(town: Town) -> None:
    """A 429 says how long to wait, and that is how long the next attempt waits."""
    town.channel = [PlainTextResponse("", status_code=429, headers={"retry-after": "7"})]

    with pytest.raises(SlackError) as caught:
        await call_node(post_to_channel, {"message": "hello", "webhook_url": f"{town.url}/channel"})

    assert timedelta(seconds=7) == caught.value.retry_after


@pytest.mark.parametrize(
    "url", ["T000-secret-of-the-channel", "ftp://T000-secret.example", "http://T000-secret.example:port"]
)
async def test_an_address_that_is_none_is_a_mistake(url: str) -> None:
    """It fails for good, without being shown."""
    with pytest.raises(SlackRefusedError) as caught:
        await call_node(post_to_channel, {"message": "hello", "webhook_url": url})

    assert "T000-secret" not in str(caught.value)


async def tell(town: Town, *oncalls: dict[str, Any], **options: Any) -> Reached:
    """Sends each person a direct message."""
    arguments = {
        "oncalls": list(oncalls),
        "message": "the deploy begins",
        "bot_token": options.pop("token", TOKEN),
        "api_url": f"{town.url}/api",
    }
    return Reached.model_validate(await call_node(message_on_call, arguments, **options))


async def test_each_person_gets_a_message(town: Town) -> None:
    """People are found by e-mail address; who has no account in Slack is named, and stops nobody else."""
    town.people = {"ada@harbour.example": "U1", "bo@harbour.example": "U2"}

    reached = await tell(town, BO, ADA, on_call("Chen", 1, "chen@harbour.example"), on_call("Dara", 1))

    assert [("U1", "the deploy begins"), ("U2", "the deploy begins")] == town.sent
    assert Reached(reached=("Ada", "Bo"), missed=("Chen", "Dara")) == reached


async def test_who_was_told_is_not_told_again(town: Town) -> None:
    """An attempt that breaks off in the middle is taken up where it stood."""
    town.people = {"ada@harbour.example": "U1", "bo@harbour.example": "U2"}
    town.refuses = {"U2": "ratelimited"}
    beats: list[Any] = []
    with pytest.raises(SlackError):
        await tell(town, ADA, BO, beats=beats)

    reached = await tell(town, ADA, BO, last=tuple(beats))

    assert ["U1", "U2"] == [user for user, _ in town.sent]
    assert ("Ada", "Bo") == reached.reached


@pytest.mark.parametrize(
    ("oncalls", "token", "words"),
    [([], TOKEN, "nobody is on call"), ([ADA], TOKEN, "Ada cannot be found"), ([ADA], "stale", "invalid_auth")],
)
async def test_a_message_that_reaches_nobody_fails(
    town: Town, oncalls: list[dict[str, Any]], token: str, words: str
) -> None:
    """Silence is never taken for success, and trying again would not help."""
    with pytest.raises(SlackRefusedError, match=words):
        await tell(town, *oncalls, token=token)


def test_people_are_ordered_as_they_are_paged() -> None:
    """Each person counts once, at their first level."""
    oncalls = [OnCall.model_validate(each) for each in (BO, on_call("Ada", 3), ADA)]

    assert [("Ada", 1), ("Bo", 2)] == [(each.user.name, each.escalation_level) for each in by_level(oncalls)]
