"""Notifications in Slack: a channel through an incoming webhook, one person through a bot.

Whatever takes `{"text": ...}` by POST will do for the channel: Slack, Mattermost, Rocket.Chat.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, cast

import httpx
from pydantic import BaseModel, ConfigDict

from resolute import NodeError, Retry, SecretText, TerminalError, current_call, node
from resolute_pagerduty import OnCall

TIMEOUT: Final = 10.0
SLACK_API: Final = "https://slack.com/api"
TOO_MANY_REQUESTS: Final = 429

_NOT_REACHABLE: Final = frozenset({"users_not_found", "user_not_found", "channel_not_found", "user_disabled"})
_PASSING: Final = frozenset({"ratelimited", "rate_limited", "fatal_error", "internal_error", "service_unavailable"})


class SlackError(NodeError):
    """Slack did not accept a message, but may accept it later."""


class SlackRefusedError(TerminalError):
    """Slack rejects the message: the webhook or the token is wrong or no longer exists."""


class Sent(BaseModel):
    """The message that was posted."""

    model_config = ConfigDict(frozen=True)

    text: str


class Reached(BaseModel):
    """Names of the people who were notified, and of those without an account in Slack."""

    model_config = ConfigDict(frozen=True)

    reached: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()


@node(timeout=timedelta(seconds=30), retry=Retry(attempts=6, initial=1, maximum=15))
async def post_to_channel(message: str, webhook_url: SecretText) -> Sent:
    """Posts a message to the channel of an incoming webhook.

    It is tried for about a minute. An attempt whose answer was lost is repeated: the channel may see a message twice,
    and never not at all.

    Raises:
        SlackRefusedError: the webhook is gone or wrong.

    >>> from resolute import secret
    >>> post_to_channel("Deploy done", secret("SLACK_WEBHOOK_URL")).as_("told").output.text
    told.text
    """
    await _post(webhook_url, _escaped(message))
    return Sent(text=message)


@node(timeout=timedelta(seconds=30), retry=Retry(attempts=6, initial=1, maximum=15))
async def notify_on_call(oncalls: Sequence[OnCall], message: str, webhook_url: SecretText) -> Sent:
    """Posts a message to a channel, with the names of those who are on call, the first level first.

    Args:
        oncalls: what `pagerduty.get_on_calls(...)` found.
        message: what they have to know.
        webhook_url: the incoming webhook of the channel, as `secret("NAME")`.

    Raises:
        SlackRefusedError: the webhook is gone or wrong.
    """
    people = by_level(oncalls)
    names = ", ".join(f"{name_of(each)} (level {each.escalation_level})" for each in people)
    text = f"{message}\nOn call: {names or 'nobody'}"
    await _post(webhook_url, _escaped(text))
    return Sent(text=text)


@node(
    timeout=timedelta(minutes=2),
    heartbeat=timedelta(seconds=45),
    retry=Retry(attempts=10, initial=1, maximum=30),
)
async def message_on_call(
    oncalls: Sequence[OnCall], message: str, bot_token: SecretText, api_url: str = SLACK_API
) -> Reached:
    """Sends a direct message to each person on call, once, no matter how often the step is tried.

    People are found by e-mail address, so the on-calls have to be read with `include=["users"]`. The bot needs the
    scopes `users:read.email` and `chat:write`.

    Args:
        oncalls: what `pagerduty.get_on_calls(..., include=["users"])` found.
        message: what they have to know.
        bot_token: the bot's token, as `secret("NAME")`.
        api_url: the address of Slack's API.

    Raises:
        SlackRefusedError: the token is wrong, or nobody could be reached.

    Source: https://api.slack.com/methods/chat.postMessage
    """
    call = current_call()
    reached = [str(name) for name in call.last_heartbeat]
    missed: list[str] = []
    async with httpx.AsyncClient(timeout=TIMEOUT, headers={"Authorization": f"Bearer {bot_token}"}) as client:
        for person in by_level(oncalls):
            name = name_of(person)
            if name in reached:
                continue
            user = await _find(client, api_url, person.user.email)
            if user is None or not await _message(client, api_url, user, message):
                missed.append(name)
                continue
            reached.append(name)
            call.heartbeat(*reached)
    if not reached:
        who = f"{', '.join(missed)} cannot be found in Slack" if missed else "nobody is on call"
        raise SlackRefusedError(f"no message was sent: {who}")
    return Reached(reached=tuple(reached), missed=tuple(missed))


def by_level(oncalls: Sequence[OnCall]) -> list[OnCall]:
    """Each person once, at their first level, in the order in which they are paged."""
    first: dict[str, OnCall] = {}
    for each in sorted(oncalls, key=lambda oncall: oncall.escalation_level):
        first.setdefault(each.user.id, each)
    return list(first.values())


def name_of(oncall: OnCall) -> str:
    """The person's name."""
    return oncall.user.name or oncall.user.summary or oncall.user.id


def _escaped(text: str) -> str:
    """Text that Slack shows as it is.

    Source: https://api.slack.com/reference/surfaces/formatting#escaping
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


async def _post(url: str, text: str) -> None:
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT) as client:
            answer = await client.post(url, json={"text": text})
    except httpx.InvalidURL:
        raise SlackRefusedError("the webhook URL is not a URL: set the secret to the whole URL") from None
    except httpx.UnsupportedProtocol:
        raise SlackRefusedError("the webhook URL does not begin with https://") from None
    except httpx.TransportError as error:
        raise SlackError(f"Slack cannot be reached ({type(error).__name__})") from None
    _check(answer)


async def _find(client: httpx.AsyncClient, api_url: str, email: str) -> str | None:
    """The id of a Slack user, or None if nobody has that address."""
    if not email:
        return None
    answer = await _call(client, "GET", f"{api_url}/users.lookupByEmail", params={"email": email})
    return None if answer is None else str(cast("Mapping[str, Any]", answer["user"])["id"])


async def _message(client: httpx.AsyncClient, api_url: str, user: str, text: str) -> bool:
    sent = await _call(client, "POST", f"{api_url}/chat.postMessage", json={"channel": user, "text": _escaped(text)})
    return sent is not None


async def _call(client: httpx.AsyncClient, method: str, url: str, **content: Any) -> Mapping[str, Any] | None:
    """Calls a method of Slack's API; None if there is no such person."""
    try:
        answer = await client.request(method, url, **content)
    except httpx.TransportError as error:
        raise SlackError(f"Slack cannot be reached ({type(error).__name__})") from None
    _check(answer)
    body: Mapping[str, Any] = answer.json()
    if body.get("ok"):
        return body
    reason = str(body.get("error"))
    if reason in _NOT_REACHABLE:
        return None
    if reason in _PASSING:
        raise SlackError(f"Slack says {reason}")
    raise SlackRefusedError(f"Slack says {reason}: check the bot's token and its scopes")


def _check(answer: httpx.Response) -> None:
    """Checks that Slack accepted a request; an error never shows the address, which is a secret."""
    if answer.is_success:
        return
    said = answer.text[:100].strip()
    if answer.status_code == TOO_MANY_REQUESTS:
        wait = answer.headers.get("retry-after", "")
        pause = timedelta(seconds=int(wait)) if wait.isdigit() else None
        raise SlackError("Slack asks to wait (429)", retry_after=pause)
    if answer.is_server_error:
        raise SlackError(f"Slack answers {answer.status_code}: {said}")
    raise SlackRefusedError(f"Slack answers {answer.status_code}: {said}; is the webhook URL still valid?")
