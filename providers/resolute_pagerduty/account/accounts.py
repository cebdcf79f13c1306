"""What nodes receive: the accounts that a worker uses, each under its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Unpack

from resolute.plan.shapes import did_you_mean
from resolute.providing.granted import Access, GrantedProvider
from resolute_pagerduty.account.account import Account
from resolute_pagerduty.account.config import PagerDutyConfig, prefix_of
from resolute_pagerduty.errors import MissingSettingError
from resolute_pagerduty.http.operations import RESOURCES

DEFAULT = "default"
"""The name of the account that nodes use when they name none."""


QUEUE: Final = "pagerduty"
"""The queue of the nodes that use the REST API, whose rate limit they share."""

_USED: Final = 0.95
"""The share of a rate limit that nodes use: Temporal lets a second's worth of them through at once."""


class Accounts(GrantedProvider):
    """The accounts of a PagerDuty provider: opened when the worker enters the provider, closed when it leaves."""

    name = "pagerduty"
    title = "PagerDuty"
    resources = RESOURCES
    audited_as = DEFAULT

    def __init__(
        self,
        config: PagerDutyConfig,
        *,
        accounts: Mapping[str, PagerDutyConfig] | None = None,
        **access: Unpack[Access],
    ) -> None:
        """Takes the settings; nothing is opened yet.

        Args:
            config: the account that nodes use when they name none.
            accounts: further accounts by name, for nodes with `account="eu"`.
            **access: what nodes may do, such as `grants=["incidents:read", "notes:write"]`, and where that is written
                down; see `Access`.

        Raises:
            ConfigurationError: a grant is unknown.
        """
        super().__init__(access)
        self.configs: Mapping[str, PagerDutyConfig] = {DEFAULT: config, **(accounts or {})}
        self._open: dict[str, Account] = {}

    def account(self, name: str | None = None) -> Account:
        """The account of that name, or the one that nodes use when they name none.

        Raises:
            MissingSettingError: the provider has no account of that name.
            ResoluteError: the provider is not open (`async with provider:`).
        """
        if not self._open:
            raise self.not_open()
        found = self._open.get(name or DEFAULT)
        if found is None:
            raise MissingSettingError(
                f"this worker has no PagerDuty account {name!r} ({did_you_mean(name, list(self._open))}): "
                "name it in PAGERDUTY_ACCOUNTS"
            )
        return found

    def queues(self) -> Mapping[str, float]:
        """The queue of the REST API, with the request rate that the slowest account allows."""
        slowest = min(config.requests_per_minute for config in self.configs.values())
        return {QUEUE: slowest / 60 * _USED}

    def secrets(self) -> Sequence[str]:
        """Keys and secrets of all accounts, and the tokens they have fetched: none of them may be shown."""
        settings = [value for config in self.configs.values() for value in config.secret_values]
        return [*settings, *(token for account in self._open.values() for token in account.credential.fetched)]

    async def open(self) -> None:
        """Opens the connections."""
        from resolute_pagerduty.http.client import Client  # only workers load httpx, not authors of flows

        self._client = Client()
        self._open = {
            name: Account(
                name,
                config,
                prefix=prefix_of(None if name == DEFAULT else name),
                transport=self._client,
                guard=self.guard,
            )
            for name, config in self.configs.items()
        }

    async def close(self) -> None:
        """Closes the connections."""
        self._open = {}
        await self._client.close()
