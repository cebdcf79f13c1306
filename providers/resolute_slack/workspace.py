"""The workspace as nodes use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Unpack

from resolute.plan.errors import NodeError
from resolute.providing.audit import AuditEntry, entry_of_now
from resolute.providing.granted import Access, GrantedProvider
from resolute_slack.calls.doubt import pass_doubt_on
from resolute_slack.config import SlackConfig
from resolute_slack.errors import SlackAPIError, may_be_done
from resolute_slack.http.methods import RESOURCES, Method

if TYPE_CHECKING:
    from resolute_slack.http.client import Client

ACCOUNT: Final = "slack"
"""What the audit log calls the workspace."""

QUEUE: Final = "slack"
"""The queue of all nodes, whose rate limit they share."""

_NAMES_OF_RESOURCES: Final = ("channel", "users", "user", "email", "ts")


class Workspace(GrantedProvider):
    """One Slack workspace: opened when the worker enters the provider, closed when it leaves.

    Every request is checked against the grants, sent once and written to the audit log.
    """

    name = "slack"
    title = "Slack"
    resources = RESOURCES
    audited_as = ACCOUNT

    def __init__(self, config: SlackConfig, **access: Unpack[Access]) -> None:
        """Takes the settings; nothing is opened yet.

        Args:
            config: the workspace.
            **access: what nodes may do, such as `grants=["messages:write"]`, and the file that every request and every
                click is written to; see `Access`.

        Raises:
            ConfigurationError: a grant is unknown.
        """
        super().__init__(access)
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

    def queues(self) -> Mapping[str, float]:
        """The queue of the nodes, with the rate that the workspace allows."""
        return {QUEUE: self.config.requests_per_minute / 60}

    async def call(self, method: Method, **arguments: Any) -> Mapping[str, Any]:
        """Calls a method of Slack's Web API once, for a node; see `Client.call`.

        Raises:
            NotGrantedError: the provider was not granted the method; nothing was sent.
            AuditError: the audit log cannot be written; nothing was sent.
            SlackAPIError: Slack refused, or did not answer.
        """
        pass_doubt_on(self.config.settle_seconds)
        await self.guard.check_grant(method.name, method.grant, _entry(method, arguments))
        return await self.respond(method, **arguments)

    async def respond(self, method: Method, **arguments: Any) -> Mapping[str, Any]:
        """Calls a method to answer a click. Grants limit what flows do, and a click is a person's."""
        if self._client is None:
            raise self.not_open()
        entry = _entry(method, arguments)
        if not method.reads:
            await self.guard.check_write(method.name, entry)
        await self.guard.audit.begin(entry)
        try:
            answer = await self._client.call(method, arguments)
        except NodeError as error:
            await self.guard.audit.end(entry.model_copy(update=_came(method, error)))
            raise
        await self.guard.audit.end(entry.model_copy(update={"outcome": "done", "status": 200}))
        return answer

    async def open(self) -> None:
        """Opens the connections."""
        from resolute_slack.http.client import Client  # only workers load the SDK, not authors of flows

        self._client = Client(self.config)
        await self._client.open()

    async def close(self) -> None:
        """Closes the connections."""
        if self._client is not None:
            await self._client.close()
        self._client = None


def _entry(method: Method, arguments: Mapping[str, Any]) -> AuditEntry:
    """What is written of a request: where it goes, and never what it says."""
    named = [str(arguments[name]) for name in _NAMES_OF_RESOURCES if arguments.get(name) is not None]
    return entry_of_now(
        account=ACCOUNT,
        operation=method.name,
        method="GET" if method.reads else "POST",
        resource=" ".join([f"/{method.name}", *named])[:300],
        outcome="unknown",
    )


def _came(method: Method, error: NodeError) -> dict[str, object]:
    """The outcome of a request that failed."""
    known = isinstance(error, SlackAPIError)
    doubtful = known and not method.reads and may_be_done(error)
    status = error.status if known else None
    return {"outcome": "unknown" if doubtful else "failed", "error": type(error).__name__, "status": status}
