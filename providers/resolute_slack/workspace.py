"""The workspace as nodes use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from resolute.plan.errors import ResoluteError
from resolute.plan.provider import Provider
from resolute_slack.config import SlackConfig
from resolute_slack.http.methods import Method

if TYPE_CHECKING:
    from resolute_slack.http.client import Client


class Workspace(Provider):
    """One Slack workspace: opened when the worker enters the provider, closed when it leaves."""

    name = "slack"

    def __init__(self, config: SlackConfig) -> None:
        """Takes the settings; nothing is opened yet."""
        self.config = config
        self.channels: dict[str, str] = {}
        """The ids of channels by the names under which messages were posted to them."""
        self._client: Client | None = None

    @property
    def ready(self) -> bool:
        """Whether there is a token."""
        return self.config.bot_token is not None

    def secrets(self) -> Sequence[str]:
        """The token and the signing secret."""
        return self.config.secret_values

    async def call(self, method: Method, **arguments: Any) -> Mapping[str, Any]:
        """Calls a method of Slack's Web API once; see `Client.call`."""
        if self._client is None:
            raise ResoluteError("this Slack provider is not open: a worker opens it, or `async with provider:`")
        return await self._client.call(method, arguments)

    async def __aenter__(self) -> Self:
        """Opens the connections."""
        from resolute_slack.http.client import Client  # only workers load the SDK, not authors of flows

        self._client = Client(self.config)
        await self._client.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes the connections."""
        if self._client is not None:
            await self._client.close()
        self._client = None
