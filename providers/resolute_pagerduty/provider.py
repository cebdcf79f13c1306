"""The PagerDuty provider: what a worker needs to use PagerDuty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from resolute.plan.provider import NodeDefinition, Verifier
from resolute.plan.values import Json
from resolute.providing.access import AccessSettings
from resolute.providing.config import Words
from resolute_pagerduty import inlet
from resolute_pagerduty.account.accounts import Accounts
from resolute_pagerduty.account.config import PREFIX, PagerDutyConfig
from resolute_pagerduty.nodes import FACTORIES
from resolute_pagerduty.webhooks import SCHEME, verify


class PagerDuty(Accounts):
    """PagerDuty, for workers: its nodes and the accounts that they use.

    Example:
        >>> from pydantic import SecretStr
        >>> provider = PagerDuty(PagerDutyConfig(api_key=SecretStr("a key of the account")), read_only=True)
        >>> str(provider.grants)
        '*:read'
    """

    @classmethod
    def from_env(cls, *, grants: Sequence[str] | None = None, read_only: bool = False) -> PagerDuty:
        """The provider as the environment describes it.

        `PAGERDUTY_API_KEY`, `PAGERDUTY_FROM_EMAIL`, `PAGERDUTY_REGION`, `PAGERDUTY_ROUTING_KEY` and the other settings
        of `PagerDutyConfig` describe the account that nodes use when they name none. `PAGERDUTY_ACCOUNTS=eu,staging`
        adds accounts by name, described by `PAGERDUTY_EU_API_KEY` and so on. `PAGERDUTY_GRANTS` and
        `PAGERDUTY_READ_ONLY` limit what nodes may do, as the arguments do; if
        `PAGERDUTY_GRANTS` is set but empty, they may do nothing. `PAGERDUTY_AUDIT_LOG` is the file that every
        request is written to, by default `.resolute/audit.jsonl`. It is rotated at `PAGERDUTY_AUDIT_LARGEST` bytes,
        and `PAGERDUTY_AUDIT_KEPT` old files are kept.

        Args:
            grants: what nodes may do; instead of `PAGERDUTY_GRANTS`.
            read_only: grants every read and no write, as `PAGERDUTY_READ_ONLY=true` does.

        Raises:
            ConfigurationError: a variable is invalid; the message names it, never its value.
        """
        settings = _Settings.read(PREFIX)
        return cls(
            PagerDutyConfig.from_env(),
            accounts={name: PagerDutyConfig.from_env(name) for name in settings.accounts},
            **settings.given(grants=grants, read_only=read_only),
        )

    @classmethod
    def nodes(cls) -> Sequence[NodeDefinition]:
        """Every node of the provider."""
        return [factory.definition for factory in FACTORIES]

    @classmethod
    def paging(cls, node: str, arguments: Mapping[str, Json]) -> Literal["paged", "resolved", ""]:
        """What opens an incident has paged, what resolves one has resolved it."""
        match node.partition(".")[2]:
            case "TriggerEvent" | "TriggerOrReopen" | "CreateIncident":
                return "paged"
            case "ResolveEvent":
                return "resolved"
            case "UpdateIncident" | "UpdateIncidents" if arguments.get("status") == "resolved":
                return "resolved"
            case "SendEvent":
                event = arguments.get("event")
                action = event.get("event_action") if isinstance(event, Mapping) else None
                return "paged" if action == "trigger" else "resolved" if action == "resolve" else ""
            case _:
                return ""

    @classmethod
    def verifications(cls) -> Mapping[str, Verifier]:
        """The schemes of PagerDuty's webhook signatures, and of events for PagerDuty."""
        return {SCHEME: verify, inlet.SCHEME: inlet.verify}


class _Settings(AccessSettings):
    """What the environment says about the provider as a whole."""

    accounts: Words = ()
