"""The Slack provider: what a worker needs to use Slack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from resolute.plan.inlets import Inlet
from resolute.plan.provider import NodeDefinition
from resolute.providing.access import AccessSettings
from resolute_slack.clicks import PATH, Clicks
from resolute_slack.config import PREFIX, SlackConfig
from resolute_slack.nodes import FACTORIES
from resolute_slack.workspace import Workspace


class Slack(Workspace):
    """Slack, for workers: its nodes, and the workspace that they use.

    Example:
        >>> from pydantic import SecretStr
        >>> provider = Slack(SlackConfig(bot_token=SecretStr("xoxb-of-the-app")))
        >>> provider.name
        'slack'
    """

    @classmethod
    def from_env(cls, *, grants: Sequence[str] | None = None, read_only: bool = False) -> Slack:
        """The provider as the environment describes it.

        `SLACK_BOT_TOKEN`, `SLACK_SIGNING_SECRET` and the other settings of `SlackConfig` describe the workspace.
        `SLACK_GRANTS` and `SLACK_READ_ONLY` limit what nodes may do, as the arguments do; if `SLACK_GRANTS` is set but
        empty, they may do nothing. `SLACK_AUDIT_LOG` is the file that every request and every click is written to, by
        default `.resolute/audit.jsonl`, as for other providers.

        Args:
            grants: what nodes may do; instead of `SLACK_GRANTS`.
            read_only: grants every read and no write, as `SLACK_READ_ONLY=true` does.

        Raises:
            ConfigurationError: a variable is invalid; the message names it, never its value.
        """
        access = AccessSettings.read(PREFIX).given(grants=grants, read_only=read_only)
        return cls(SlackConfig.from_env(), **access)

    def inlets(self) -> Mapping[str, Inlet]:
        """Clicks on the buttons of gates."""
        return {PATH: Clicks(self).answer} if self.config.signing_secret is not None else {}

    @classmethod
    def nodes(cls) -> Sequence[NodeDefinition]:
        """Every node of the provider."""
        return [factory.definition for factory in FACTORIES]
