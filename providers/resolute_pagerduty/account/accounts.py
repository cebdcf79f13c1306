"""What nodes receive: the accounts that a worker uses, each under its name."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Self

from resolute.plan.errors import ResoluteError
from resolute.plan.provider import NodeDefinition, Provider
from resolute.plan.shapes import did_you_mean
from resolute.providing.audit import KEPT, LARGEST, AuditFile, AuditSink, NoAudit, entry_of_now
from resolute.providing.grants import Grants
from resolute_pagerduty.account.account import Account
from resolute_pagerduty.account.config import PagerDutyConfig
from resolute_pagerduty.errors import MissingSettingError
from resolute_pagerduty.http.operations import RESOURCES

DEFAULT = "default"
"""The name of the account that nodes use when they name none."""


QUEUE: Final = "pagerduty"
"""The queue of the nodes that use the REST API, whose rate limit they share."""

_USED: Final = 0.95
"""The share of a rate limit that nodes use: Temporal lets a second's worth of them through at once."""


class Accounts(Provider):
    """The accounts of a PagerDuty provider: opened when the worker enters the provider, closed when it leaves."""

    name = "pagerduty"

    def __init__(
        self,
        config: PagerDutyConfig,
        *,
        accounts: Mapping[str, PagerDutyConfig] | None = None,
        grants: Sequence[str] | None = None,
        read_only: bool = False,
        audit_log: Path | None = None,
        audit_largest: int = LARGEST,
        audit_kept: int = KEPT,
    ) -> None:
        """Takes the settings; nothing is opened yet.

        Args:
            config: the account that nodes use when they name none.
            accounts: further accounts by name, for nodes with `account="eu"`.
            grants: what nodes may do, such as `["incidents:read", "notes:write"]`; by default, all the credential may.
            read_only: grants every read and no write.
            audit_log: the file that every request is written to.
            audit_largest: the size in bytes at which that file is rotated; 0 for never.
            audit_kept: how many rotated files to keep.

        Raises:
            ConfigurationError: a grant is unknown.
        """
        self.configs: Mapping[str, PagerDutyConfig] = {DEFAULT: config, **(accounts or {})}
        self.grants = Grants.of(grants, RESOURCES, read_only=read_only)
        self.audit_log = audit_log
        self._audit_bounds = (audit_largest, audit_kept)
        self._audit: AuditSink = NoAudit()
        self._open: dict[str, Account] = {}

    def account(self, name: str | None = None) -> Account:
        """The account of that name, or the one that nodes use when they name none.

        Raises:
            MissingSettingError: the provider has no account of that name.
            ResoluteError: the provider is not open (`async with provider:`).
        """
        if not self._open:
            raise ResoluteError("this PagerDuty provider is not open: a worker opens it, or `async with provider:`")
        found = self._open.get(name or DEFAULT)
        if found is None:
            raise MissingSettingError(
                f"this worker has no PagerDuty account {name!r} ({did_you_mean(name, list(self._open))}): "
                "name it in PAGERDUTY_ACCOUNTS"
            )
        return found

    def refusal(self, node: NodeDefinition) -> str | None:
        """Why the grants forbid a node, or None if they do not."""
        missing = self.grants.missing(node.facts["grant"].split(", "))
        if not missing:
            return None
        return f"{node.name} needs the grant {', '.join(missing)}; this PagerDuty provider has {self.grants}"

    async def refused(self, node: NodeDefinition, error: type[ResoluteError]) -> None:
        """Writes to the audit log that a run asked for a node and was refused."""
        entry = entry_of_now(
            account=DEFAULT,
            operation=node.name,
            method="-",
            resource="-",
            outcome="refused",
            error=error.__name__,
        )
        await self._audit.refused(entry)

    def queues(self) -> Mapping[str, float]:
        """The queue of the REST API, with the request rate that the slowest account allows."""
        slowest = min(config.requests_per_minute for config in self.configs.values())
        return {QUEUE: slowest / 60 * _USED}

    def secrets(self) -> Sequence[str]:
        """Keys and secrets of all accounts, and the tokens they have fetched: none of them may be shown."""
        settings = [value for config in self.configs.values() for value in config.secret_values]
        return [*settings, *(token for account in self._open.values() for token in account.credential.fetched)]

    async def __aenter__(self) -> Self:
        """Opens the audit log and the connections."""
        from resolute_pagerduty.http.client import Client  # only workers load httpx, not authors of flows

        if self.audit_log:
            largest, kept = self._audit_bounds
            self._audit = await asyncio.to_thread(AuditFile, self.audit_log, largest=largest, kept=kept)
        else:
            self._audit = NoAudit()
        self._client = Client()
        self._open = {
            name: Account(
                name,
                config,
                prefix="PAGERDUTY_" if name == DEFAULT else f"PAGERDUTY_{name.upper().replace('-', '_')}_",
                transport=self._client,
                grants=self.grants,
                audit=self._audit,
            )
            for name, config in self.configs.items()
        }
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes the connections and the audit log."""
        self._open = {}
        await self._client.close()
        self._audit.close()
