"""The methods of the Web API, as far as nodes use them.

Source: https://docs.slack.dev/reference/methods
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from resolute_slack.simulator.state import Posted, SlackSaysError, State, User

Arguments = Mapping[str, Any]
Answer = dict[str, Any]

LONGEST_TEXT: Final = 40_000
LONGEST_SECTION: Final = 3_000
MOST_BLOCKS: Final = 50
LONGEST_VALUE: Final = 2_000
_PAGE: Final = 100
_LARGEST_PAGE: Final = 999


@dataclass(frozen=True)
class Simulated:
    """A method: what it does, and what the token needs for it."""

    answer: Callable[[State, Arguments], Answer]
    scope: str = ""


def _post(state: State, given: Arguments) -> Answer:
    channel = state.channel(_text(given, "channel", "channel_not_found"))
    if channel.archived:
        raise SlackSaysError("is_archived")
    if not channel.member:
        raise SlackSaysError("not_in_channel")
    message = Posted(
        channel=channel.id,
        ts=state.now(),
        text=_said(given),
        blocks=_blocks(given),
        thread_ts=given.get("thread_ts"),
        metadata=given.get("metadata"),
    )
    state.messages.append(message)
    return {"channel": channel.id, "ts": message.ts, "message": _shown(state, message, metadata=True)}


def _update(state: State, given: Arguments) -> Answer:
    message = state.message(_text(given, "channel", "channel_not_found"), _text(given, "ts", "message_not_found"))
    message.text, message.edited = _said(given), True
    if given.get("blocks") is not None:
        message.blocks = _blocks(given)
    return {"channel": message.channel, "ts": message.ts, "text": message.text}


def _delete(state: State, given: Arguments) -> Answer:
    message = state.message(_text(given, "channel", "channel_not_found"), _text(given, "ts", "message_not_found"))
    state.messages.remove(message)
    return {"channel": message.channel, "ts": message.ts}


def _whisper(state: State, given: Arguments) -> Answer:
    channel = state.channel(_text(given, "channel", "channel_not_found"))
    user = state.user(_text(given, "user", "user_not_found"))
    message = Posted(channel=channel.id, ts=state.now(), text=_said(given), blocks=_blocks(given), whispered_to=user.id)
    state.messages.append(message)
    return {"message_ts": message.ts}


def _open(state: State, given: Arguments) -> Answer:
    user = state.user(_text(given, "users", "users_list_not_supplied"))
    if user.deleted:
        raise SlackSaysError("user_disabled")
    if user.is_bot:
        raise SlackSaysError("cannot_dm_bot")
    return {"channel": {"id": state.conversation_with(user.id).id}}


def _history(state: State, given: Arguments) -> Answer:
    channel = _readable(state, given)
    found = [each for each in reversed(state.in_channel(channel)) if each.thread_ts in (None, each.ts)]
    return _page(state, given, found)


def _replies(state: State, given: Arguments) -> Answer:
    channel, ts = _readable(state, given), _text(given, "ts", "thread_not_found")
    found = [each for each in state.in_channel(channel) if ts in (each.ts, each.thread_ts)]
    if not found:
        raise SlackSaysError("thread_not_found")
    return _page(state, given, found)


def _channels(state: State, given: Arguments) -> Answer:
    found = [
        {"id": each.id, "name": each.name, "is_member": each.member, "is_archived": each.archived}
        for each in state.channels.values()
        if each.name and not (each.archived and _flag(given, "exclude_archived"))
    ]
    return _paged(given, "channels", found)


def _by_email(state: State, given: Arguments) -> Answer:
    email = _text(given, "email", "users_not_found").casefold()
    for user in state.users.values():
        if user.email.casefold() == email and not user.deleted and user.team == state.world.team:
            return {"user": _user(user)}
    raise SlackSaysError("users_not_found")


def _info(state: State, given: Arguments) -> Answer:
    return {"user": _user(state.user(_text(given, "user", "user_not_found")))}


def _who_am_i(state: State, given: Arguments) -> Answer:
    return {"team_id": state.world.team, "user_id": state.world.bot, "bot_id": "B0BOT", "team": "simulated"}


METHODS: Final[Mapping[str, Simulated]] = {
    "chat.postMessage": Simulated(_post, "chat:write"),
    "chat.update": Simulated(_update, "chat:write"),
    "chat.delete": Simulated(_delete, "chat:write"),
    "chat.postEphemeral": Simulated(_whisper, "chat:write"),
    "conversations.open": Simulated(_open, "im:write"),
    "conversations.history": Simulated(_history, "channels:history"),
    "conversations.replies": Simulated(_replies, "channels:history"),
    "conversations.list": Simulated(_channels, "channels:read"),
    "users.lookupByEmail": Simulated(_by_email, "users:read.email"),
    "users.info": Simulated(_info, "users:read"),
    "auth.test": Simulated(_who_am_i),
}


def _text(given: Arguments, name: str, code: str) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not value:
        raise SlackSaysError(code)
    return value


def _flag(given: Arguments, name: str) -> bool:
    return given.get(name) in (True, "1", "true")


def _said(given: Arguments) -> str:
    text = given.get("text")
    if not text and not given.get("blocks"):
        raise SlackSaysError("no_text")
    if len(text or "") > LONGEST_TEXT:
        raise SlackSaysError("msg_too_long")
    return text or ""


def _blocks(given: Arguments) -> list[dict[str, Any]]:
    blocks = cast("list[dict[str, Any]]", given.get("blocks") or [])
    problems = [f"no more than {MOST_BLOCKS} items allowed [json-pointer:/blocks]"] if len(blocks) > MOST_BLOCKS else []
    for number, block in enumerate(blocks):
        text = cast("dict[str, Any]", block.get("text") or {})
        if block.get("type") == "section" and len(str(text.get("text", ""))) > LONGEST_SECTION:
            problems.append(f"must be less than {LONGEST_SECTION + 1} characters [json-pointer:/blocks/{number}/text]")
        for element in block.get("elements", ()):
            if len(str(element.get("value", ""))) > LONGEST_VALUE:
                problems.append(f"must be less than {LONGEST_VALUE + 1} characters [json-pointer:/blocks/{number}]")
    if problems:
        raise SlackSaysError("invalid_blocks", response_metadata={"messages": problems})
    return blocks


def _readable(state: State, given: Arguments) -> str:
    """The channel whose messages are read: by its id alone, and only if the bot is a member."""
    channel = state.channels.get(_text(given, "channel", "channel_not_found"))
    if channel is None:
        raise SlackSaysError("channel_not_found")
    if not channel.member:
        raise SlackSaysError("not_in_channel")
    return channel.id


def _page(state: State, given: Arguments, found: Sequence[Posted]) -> Answer:
    oldest, latest = float(given.get("oldest") or 0), float(given.get("latest") or "inf")
    within = [each for each in found if oldest < float(each.ts) < latest]
    metadata = _flag(given, "include_all_metadata")
    return _paged(given, "messages", [_shown(state, each, metadata=metadata) for each in within])


def _paged(given: Arguments, name: str, found: Sequence[Answer]) -> Answer:
    cursor = str(given.get("cursor") or "0")
    if not cursor.isdigit():
        raise SlackSaysError("invalid_cursor")
    first, size = int(cursor), min(int(given.get("limit") or _PAGE), _LARGEST_PAGE)
    rest = len(found) > first + size
    return {
        name: list(found[first : first + size]),
        "has_more": rest,
        "response_metadata": {"next_cursor": str(first + size) if rest else ""},
    }


def _shown(state: State, message: Posted, *, metadata: bool) -> Answer:
    shown: Answer = {
        "type": "message",
        "user": state.world.bot,
        "bot_id": "B0BOT",
        "ts": message.ts,
        "text": message.text,
        "blocks": message.blocks,
    }
    if message.thread_ts:
        shown["thread_ts"] = message.thread_ts
    if metadata and message.metadata:
        shown["metadata"] = dict(message.metadata)
    return shown


def _user(user: User) -> Answer:
    return {
        "id": user.id,
        "team_id": user.team,
        "name": user.email.partition("@")[0],
        "deleted": user.deleted,
        "is_bot": user.is_bot,
        "is_email_confirmed": True,
        "profile": {"real_name": user.name, "display_name": user.name, "email": user.email},
    }
