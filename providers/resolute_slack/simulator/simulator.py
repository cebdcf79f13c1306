"""The simulator as users meet it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from resolute.testing.simulating import Faults, Serving
from resolute_slack.simulator.app import API, App
from resolute_slack.simulator.clicking import click
from resolute_slack.simulator.state import Asked, Channel, Posted, State, User
from resolute_slack.simulator.world import WORLD, World


class Simulator:
    """A stateful Slack on this machine: the Web API for messages and people, clicks on buttons, faults on request.

    Nothing leaves the machine and nobody is told. Slack's own client takes `api_url` as its `base_url`.

    Example:
        >>> with Simulator.serve() as sim:
        ...     sim.api_url.startswith("http://127.0.0.1:")
        True
    """

    def __init__(self, world: World = WORLD) -> None:
        self.world = world
        self.state = State(world)
        self.app = App(self.state)
        self.url = "http://simulator"

    @classmethod
    def serve(cls, port: int = 0, *, world: World = WORLD) -> Serving[Simulator]:
        """Serves a new simulator on loopback for the length of a `with` or an `async with`.

        Args:
            port: the port; 0 takes a free one.
            world: the workspace that it begins with.

        Raises:
            OSError: on entering, if the port is taken.
        """
        return Serving(cls(world), port)

    def served_at(self, url: str) -> None:
        """Takes note of the address that it is served at."""
        self.url = url

    @property
    def api_url(self) -> str:
        """The address of the Web API."""
        return f"{self.url}{API}"

    def send_clicks(self, url: str) -> None:
        """Says where clicks go that are asked for at `/_simulator/click`: a worker's `/slack/interactions`."""
        self.app.clicks_url = url

    @property
    def faults(self) -> Faults:
        """What goes wrong with the next requests; the path of a method is `/api/chat.postMessage`."""
        return self.app.faults

    @property
    def requests(self) -> Sequence[Asked]:
        """The requests that have come in, oldest first."""
        with self.state.changed:
            return tuple(self.state.requests)

    def add_channel(self, name: str, *, member: bool = True) -> Channel:
        """A new channel, of which the app is a member or is not."""
        with self.state.changed:
            return self.state.add_channel(name, member=member)

    def add_user(self, email: str, name: str, *, team: str | None = None, deleted: bool = False) -> User:
        """A new member, or with `team` somebody of another workspace."""
        with self.state.changed:
            return self.state.add_user(email, name, team=team, deleted=deleted)

    def user(self, email: str) -> User:
        """The user with an e-mail address."""
        with self.state.changed:
            return next(user for user in self.state.users.values() if user.email == email)

    def reset(self) -> None:
        """Starts over: the people and channels that it began with, no messages, no requests, no faults."""
        with self.state.changed:
            self.state.begin()
            self.faults.clear()

    def say(self, channel: str, text: str) -> Posted:
        """A message of somebody else in a channel."""
        with self.state.changed:
            message = Posted(channel=self.state.channel(channel).id, ts=self.state.now(), text=text)
            self.state.messages.append(message)
            return message

    def copy(self, message: Posted) -> Posted:
        """The same message once more, as if its request had been carried out twice."""
        with self.state.changed:
            twin = replace(message, ts=self.state.now())
            self.state.messages.append(twin)
            return twin

    def grant(self, *scopes: str) -> None:
        """Limits what the app's token may do to these scopes."""
        with self.state.changed:
            self.state.scopes = set(scopes)

    def messages(self, channel: str | None = None) -> list[Posted]:
        """The messages, oldest first: of a channel by name (`#ops`), of a person by e-mail address, or all.

        Those that only one person sees are in `whispers`.
        """
        with self.state.changed:
            found = [each for each in self.state.messages if each.whispered_to is None]
            if channel is None:
                return found
            if "@" in channel:
                user = next(user for user in self.state.users.values() if user.email == channel)
                wanted = self.state.conversation_with(user.id).id
            else:
                wanted = self.state.channel(channel).id
            return [each for each in found if each.channel == wanted]

    def whispers(self, email: str) -> list[Posted]:
        """The messages that only this person sees, oldest first."""
        user = self.user(email)
        with self.state.changed:
            return [each for each in self.state.messages if each.whispered_to == user.id]

    def click(self, message: Posted, button: str, *, by: str) -> tuple[dict[str, str], bytes]:
        """The request that Slack sends when a person clicks a button: its headers and its body.

        Args:
            message: the message with the button, as in `messages`.
            button: what the button says, such as `Approve`.
            by: the person's e-mail address.

        Raises:
            LookupError: the message has no such button.
        """
        user = self.user(by)
        with self.state.changed:
            return click(self.state, message, button, user)

    def wait_for(self, happened: Callable[[], Any], timeout: float = 60.0) -> None:
        """Blocks until something is true; asked again after every request.

        Raises:
            TimeoutError: it does not become true in time.
        """
        with self.state.changed:
            if not self.state.changed.wait_for(happened, timeout):
                raise TimeoutError(f"this did not happen within {timeout:g} seconds: {happened}")

    async def until(self, happened: Callable[[], Any], timeout: float = 60.0) -> None:  # noqa: ASYNC109 - as wait_for
        """Waits until something is true, as `wait_for` does, without blocking the event loop.

        Raises:
            TimeoutError: it does not become true in time.
        """
        await asyncio.to_thread(self.wait_for, happened, timeout)
