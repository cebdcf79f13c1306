"""The workspace as nodes use it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from resolute.plan.context import check_may_write
from resolute.plan.errors import BrakedError, DryRunError, NodeError, NotGrantedError, ResoluteError
from resolute.plan.provider import NodeDefinition, Provider
from resolute.providing.audit import KEPT, LARGEST, AuditEntry, AuditFile, AuditSink, NoAudit, Outcome, entry_of_now
from resolute.providing.grants import Grants
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


class Workspace(Provider):
    """One Slack workspace: opened when the worker enters the provider, closed when it leaves.

    Every request is checked against the grants, sent once and written to the audit log.
    """

    name = "slack"

    def __init__(
        self,
        config: SlackConfig,
        *,
        grants: Sequence[str] | None = None,
        read_only: bool = False,
        audit_log: Path | None = None,
        audit_largest: int = LARGEST,
        audit_kept: int = KEPT,
    ) -> None:
        """Takes the settings; nothing is opened yet.

        Args:
            config: the workspace.
            grants: what nodes may do, such as `["messages:write"]`; by default, all the token may.
            read_only: grants every read and no write.
            audit_log: the file that every request and every click is written to.
            audit_largest: the size in bytes at which that file is rotated; 0 for never.
            audit_kept: how many rotated files to keep.

        Raises:
            ConfigurationError: a grant is unknown.
        """
        self.config = config
        self.grants = Grants.of(grants, RESOURCES, read_only=read_only)
        self.audit_log = audit_log
        self.audit: AuditSink = NoAudit()
        self.channels: dict[str, str] = {}
        """The ids of channels by the names under which messages were posted to them."""
        self._audit_bounds = (audit_largest, audit_kept)
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

    def refusal(self, node: NodeDefinition) -> str | None:
        """Why the grants forbid a node, or None if they do not."""
        missing = self.grants.missing(node.facts["grant"].split(", "))
        if not missing:
            return None
        return f"{node.name} needs the grant {', '.join(missing)}; this Slack provider has {self.grants}"

    async def refused(self, node: NodeDefinition, error: type[ResoluteError]) -> None:
        """Writes to the audit log that a run asked for a node and was refused."""
        await self.audit.refused(
            entry_of_now(
                account=ACCOUNT, operation=node.name, method="-", resource="-", outcome="refused", error=error.__name__
            )
        )

    async def call(self, method: Method, **arguments: Any) -> Mapping[str, Any]:
        """Calls a method of Slack's Web API once, for a node; see `Client.call`.

        Raises:
            NotGrantedError: the provider was not granted the method; nothing was sent.
            AuditError: the audit log cannot be written; nothing was sent.
            SlackAPIError: Slack refused, or did not answer.
        """
        if not self.grants.allow(method.grant):
            await self.audit.refused(_entry(method, arguments, "refused", NotGrantedError))
            raise NotGrantedError(
                f"{method.name} needs the grant {method.grant}, this provider has {self.grants}; nothing was sent"
            )
        return await self.respond(method, **arguments)

    async def respond(self, method: Method, **arguments: Any) -> Mapping[str, Any]:
        """Calls a method to answer a click. Grants limit what flows do, and a click is a person's."""
        if self._client is None:
            raise ResoluteError("this Slack provider is not open: a worker opens it, or `async with provider:`")
        if not method.reads:
            try:
                check_may_write(method.name)
            except (DryRunError, BrakedError) as error:
                await self.audit.refused(_entry(method, arguments, "refused", type(error)))
                raise
        entry = _entry(method, arguments, "unknown")
        await self.audit.begin(entry)
        try:
            answer = await self._client.call(method, arguments)
        except NodeError as error:
            await self.audit.end(entry.model_copy(update=_came(method, error)))
            raise
        await self.audit.end(entry.model_copy(update={"outcome": "done", "status": 200}))
        return answer

    async def __aenter__(self) -> Self:
        """Opens the audit log and the connections."""
        from resolute_slack.http.client import Client  # only workers load the SDK, not authors of flows

        if self.audit_log:
            largest, kept = self._audit_bounds
            self.audit = await asyncio.to_thread(
                AuditFile, self.audit_log, largest=largest, kept=kept, setting="SLACK_AUDIT_LOG"
            )
        self._client = Client(self.config)
        await self._client.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes the connections and the audit log."""
        if self._client is not None:
            await self._client.close()
        self._client = None
        self.audit.close()
        self.audit = NoAudit()


def _entry(
    method: Method, arguments: Mapping[str, Any], outcome: Outcome, error: type[ResoluteError] | None = None
) -> AuditEntry:
    """What is written of a request: where it goes, and never what it says."""
    named = [str(arguments[name]) for name in _NAMES_OF_RESOURCES if arguments.get(name) is not None]
    return entry_of_now(
        account=ACCOUNT,
        operation=method.name,
        method="GET" if method.reads else "POST",
        resource=" ".join([f"/{method.name}", *named])[:300],
        outcome=outcome,
        error=error.__name__ if error else None,
    )


def _came(method: Method, error: NodeError) -> dict[str, object]:
    """The outcome of a request that failed."""
    known = isinstance(error, SlackAPIError)
    doubtful = known and not method.reads and may_be_done(error)
    status = error.status if known else None
    return {"outcome": "unknown" if doubtful else "failed", "error": type(error).__name__, "status": status}
