"""The Slack provider: what a worker needs to use Slack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from resolute.plan.inlets import Inlet
from resolute.plan.provider import NodeDefinition
from resolute_slack.clicks import PATH, Clicks
from resolute_slack.config import SlackConfig
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
    def from_env(cls) -> Slack:
        """The provider as the environment describes it: `SLACK_BOT_TOKEN`, `SLACK_SIGNING_SECRET` and so on.

        Raises:
            ConfigurationError: a variable is invalid; the message names it, never its value.
        """
        return cls(SlackConfig.from_env())

    def inlets(self) -> Mapping[str, Inlet]:
        """Clicks on the buttons of gates."""
        return {PATH: Clicks(self).answer} if self.config.signing_secret is not None else {}

    def refusal(self, node: NodeDefinition) -> str | None:
        """That a provider for reading alone does not run a node that may write."""
        if self.config.read_only and node.effect == "write":
            return f"{node.name} writes, and SLACK_READ_ONLY lets this provider read only"
        return None

    @classmethod
    def nodes(cls) -> Sequence[NodeDefinition]:
        """Every node of the provider."""
        return [factory.definition for factory in FACTORIES]
