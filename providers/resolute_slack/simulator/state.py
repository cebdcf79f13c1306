"""What a simulated workspace holds: people, channels, messages."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from resolute.plan.errors import ResoluteError
from resolute_slack.simulator.world import World


class SlackSaysError(ResoluteError):
    """An error of Slack's, by its code."""

    def __init__(self, code: str, **more: Any) -> None:
        self.code = code
        self.more = more
        super().__init__(code)


@dataclass(frozen=True, kw_only=True)
class User:
    """A member of the workspace, or somebody from another one."""

    id: str
    email: str
    name: str
    team: str
    is_bot: bool = False
    deleted: bool = False


@dataclass(kw_only=True)
class Channel:
    """A channel, or the conversation with one person, whose id is `user`."""

    id: str
    name: str = ""
    user: str | None = None
    member: bool = True
    archived: bool = False


@dataclass(kw_only=True)
class Posted:
    """A message. `whispered_to` is the only person who sees it; nobody finds it again."""

    channel: str
    ts: str
    text: str
    blocks: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    thread_ts: str | None = None
    metadata: Mapping[str, Any] | None = None
    whispered_to: str | None = None
    edited: bool = False

    @property
    def buttons(self) -> list[dict[str, Any]]:
        """The buttons of the message."""
        return [
            element
            for block in self.blocks
            if block.get("type") == "actions"
            for element in block.get("elements", ())
            if element.get("type") == "button"
        ]

    @property
    def says(self) -> str:
        """The text that people read: that of the blocks, if there are some."""
        parts = [str(block.get("text", {}).get("text", "")) for block in self.blocks if block.get("type") == "section"]
        parts += [
            str(element.get("text", ""))
            for block in self.blocks
            if block.get("type") == "context"
            for element in block.get("elements", ())
        ]
        shown = "\n".join(part for part in parts if part) or self.text
        return shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request that the simulator has seen. `status` is None if a fault let it get no answer."""

    method: str
    arguments: Mapping[str, Any]
    status: int | None
    fault: str | None


class State:
    """The workspace. Everything that changes it holds `changed`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.changed = threading.Condition()
        self._last = 0
        self.begin()

    def begin(self) -> None:
        """The workspace as it begins."""
        self.users: dict[str, User] = {}
        self.channels: dict[str, Channel] = {}
        self.messages: list[Posted] = []
        self.scopes: set[str] | None = None
        """What the token may do; None for everything."""
        self.requests: list[Asked] = []
        self._numbers = itertools.count(1)
        for name in self.world.channels:
            self.add_channel(name)
        for email, person in self.world.people:
            self.add_user(email, person)
        bot = self.world.bot
        self.users[bot] = User(id=bot, email="", name="resolute", team=self.world.team, is_bot=True)

    def add_channel(self, name: str, *, member: bool = True) -> Channel:
        """A new channel."""
        channel = Channel(id=f"C{next(self._numbers):07d}", name=name, member=member)
        self.channels[channel.id] = channel
        return channel

    def add_user(self, email: str, name: str, *, team: str | None = None, deleted: bool = False) -> User:
        """A new member, or somebody from another workspace."""
        user = User(
            id=f"U{next(self._numbers):07d}", email=email, name=name, team=team or self.world.team, deleted=deleted
        )
        self.users[user.id] = user
        return user

    def conversation_with(self, user: str) -> Channel:
        """The conversation with one person; it is opened if there is none."""
        for channel in self.channels.values():
            if channel.user == user:
                return channel
        channel = Channel(id=f"D{next(self._numbers):07d}", user=user)
        self.channels[channel.id] = channel
        return channel

    def channel(self, name: str) -> Channel:
        """A channel by id, by name, or by the person in it.

        Raises:
            SlackSaysError: there is none.
        """
        if name in self.users:
            return self.conversation_with(name)
        for channel in self.channels.values():
            if name == channel.id or (channel.name and name.removeprefix("#") == channel.name):
                return channel
        raise SlackSaysError("channel_not_found")

    def user(self, user_id: str) -> User:
        """A user by id.

        Raises:
            SlackSaysError: there is none.
        """
        if user_id not in self.users:
            raise SlackSaysError("user_not_found")
        return self.users[user_id]

    def message(self, channel: str, ts: str) -> Posted:
        """A message.

        Raises:
            SlackSaysError: there is none.
        """
        for each in self.messages:
            if (each.channel, each.ts) == (channel, ts) and each.whispered_to is None:
                return each
        raise SlackSaysError("message_not_found")

    def in_channel(self, channel: str) -> Sequence[Posted]:
        """The messages of a channel, oldest first, without those that one person alone sees."""
        return [each for each in self.messages if each.channel == channel and each.whispered_to is None]

    def now(self) -> str:
        """The time of a new message: later than that of every other."""
        self._last = max(self._last + 1, time.time_ns() // 1000)
        return f"{self._last // 1_000_000}.{self._last % 1_000_000:06d}"
