"""Posts a message once, however often its step is tried.

Each message carries a reference to its step in its metadata, which people do not see. An attempt after one that may
have posted looks for that first. If a step still made two, because the first request was carried out late, the later
one is deleted. Where the app may not read the channel nothing can be looked for: then the message is posted again, as
twice is better than not at all, and the output says so.

Source: https://docs.slack.dev/messaging/message-metadata
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from resolute.plan.attempts import step_digest
from resolute.plan.context import current_call
from resolute_slack.calls.doubt import check_settled, may_have_posted, posting, since
from resolute_slack.errors import RefusedError, UnreadableAnswerError
from resolute_slack.http.methods import CHANNELS, DELETE, HISTORY, POST, REPLIES
from resolute_slack.models import Message
from resolute_slack.workspace import Workspace

log = logging.getLogger(__name__)

EVENT: Final = "resolute_step"
"""The type of the metadata of messages that steps post."""

_PAGE: Final = 200
_PAGES: Final = 10
"""How many messages are looked through for one's own, at most: 2,000."""


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A message that is to be posted. `part` tells the messages of one step apart."""

    channel: str
    text: str
    blocks: Sequence[Mapping[str, Any]] | None = None
    thread_ts: str | None = None
    broadcast: bool = False
    unfurl: bool = False
    left_out: int = 0
    part: str = ""

    @property
    def ref(self) -> str:
        """What this message, and no other, is known by."""
        return f"{step_digest()}{f'-{self.part}' if self.part else ''}"


@dataclass(frozen=True)
class _Found:
    """The times of one's own messages, oldest first; `complete` says whether there can be no other."""

    times: tuple[str, ...]
    complete: bool


async def post_once(slack: Workspace, draft: Draft) -> Message:
    """The message of this step: the existing one, or a new one.

    Raises:
        SlackAPIError: Slack refused, or did not answer.
        UnsettledError: an earlier request may still be carried out; nothing was sent.
    """
    settle = slack.config.settle_seconds
    again = may_have_posted()
    looked = _Found((), complete=True)
    if again:
        check_settled(POST.name, settle)
        looked = await _own(slack, draft)
        if looked.times:
            return await _only_first(slack, draft, looked.times)
    async with posting(settle):
        answer = await slack.call(POST, **_arguments(draft))
    channel, ts = answer.get("channel"), answer.get("ts")
    if not isinstance(channel, str) or not isinstance(ts, str):
        raise UnreadableAnswerError(f"{POST.name}: the answer does not say where the message is")
    slack.channels[draft.channel] = channel
    if again and looked.complete:
        found = await _own(slack, draft)  # what an earlier attempt sent may have arrived by now
        if found.times:
            return await _only_first(slack, draft, found.times)
    if not looked.complete:
        log.warning("step %s may have posted twice: the app cannot look in %s", current_call().step, draft.channel)
    return _message(draft, channel, ts, maybe_twice=not looked.complete)


def _arguments(draft: Draft) -> dict[str, Any]:
    call = current_call()
    facts = {"ref": draft.ref, "flow": call.flow, "run": call.run[:500], "step": call.step[:500]}
    return {
        "channel": draft.channel,
        "text": draft.text,
        "blocks": None if draft.blocks is None else list(draft.blocks),
        "thread_ts": draft.thread_ts,
        "reply_broadcast": True if draft.broadcast else None,
        "unfurl_links": draft.unfurl,
        "unfurl_media": draft.unfurl,
        "metadata": {"event_type": EVENT, "event_payload": facts},
    }


def _message(draft: Draft, channel: str, ts: str, *, maybe_twice: bool = False) -> Message:
    return Message(
        channel=channel,
        ts=ts,
        thread_ts=draft.thread_ts or ts,
        left_out=draft.left_out,
        maybe_twice=maybe_twice,
    )


async def _only_first(slack: Workspace, draft: Draft, times: Sequence[str]) -> Message:
    """The first of one's own messages; the others are deleted."""
    channel = slack.channels[draft.channel]
    for ts in times[1:]:
        try:
            await slack.call(DELETE, channel=channel, ts=ts)
        except RefusedError as error:
            log.warning("step %s posted twice, and one cannot be deleted: %s", current_call().step, error)
    return _message(draft, channel, times[0])


async def _own(slack: Workspace, draft: Draft) -> _Found:
    """What this step has posted for the draft, as far as the app may look."""
    try:
        channel = await _channel_id(slack, draft.channel)
        if channel is None:
            return _Found((), complete=False)
        slack.channels[draft.channel] = channel
        return await _looked_through(slack, channel, draft)
    except RefusedError as error:
        log.warning("step %s cannot look for its message: %s", current_call().step, error)
        return _Found((), complete=False)


async def _looked_through(slack: Workspace, channel: str, draft: Draft) -> _Found:
    own: list[str] = []
    cursor: str | None = None
    for _ in range(_PAGES):
        answer = await slack.call(
            HISTORY if draft.thread_ts is None else REPLIES,
            channel=channel,
            ts=draft.thread_ts,
            oldest=f"{since():.6f}",
            limit=_PAGE,
            include_all_metadata=True,
            cursor=cursor,
        )
        own += [str(each["ts"]) for each in objects(answer, "messages") if _ref(each) == draft.ref]
        cursor = cursor_of(answer)
        if cursor is None:
            return _Found(tuple(sorted(own, key=float)), complete=True)
    return _Found(tuple(sorted(own, key=float)), complete=False)


def _ref(message: Mapping[str, Any]) -> object:
    match message.get("metadata"):
        case {"event_type": event, "event_payload": {"ref": ref}} if event == EVENT:
            return cast("object", ref)
        case _:
            return None


async def _channel_id(slack: Workspace, channel: str) -> str | None:
    """The id of a channel: `conversations.history` takes no names, as `chat.postMessage` does."""
    if channel in slack.channels:
        return slack.channels[channel]
    if not channel.startswith("#"):
        return channel
    cursor: str | None = None
    for _ in range(_PAGES):
        answer = await slack.call(
            CHANNELS, types="public_channel,private_channel", exclude_archived=True, limit=1000, cursor=cursor
        )
        for each in objects(answer, "channels"):
            if each.get("name") == channel.removeprefix("#"):
                return str(each["id"])
        cursor = cursor_of(answer)
        if cursor is None:
            break
    return None


def objects(answer: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The objects in a list of an answer.

    Raises:
        UnreadableAnswerError: there is no such list.
    """
    found: object = answer.get(name)
    if not isinstance(found, list):
        raise UnreadableAnswerError(f"the answer has no list of {name}")
    return [cast("Mapping[str, Any]", each) for each in cast("list[object]", found) if isinstance(each, Mapping)]


def cursor_of(answer: Mapping[str, Any]) -> str | None:
    """Where the next page begins; None behind the last one."""
    match answer.get("response_metadata"):
        case {"next_cursor": str() as cursor} if cursor:
            return cursor
        case _:
            return None
