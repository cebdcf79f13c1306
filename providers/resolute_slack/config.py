"""The settings of the Slack provider: its token, what proves that a click comes from Slack, and where Slack is."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field, SecretStr, field_validator

from resolute.providing.config import Address, Key, ProviderConfig

API: Final = "https://slack.com/api/"
"""Where Slack's Web API is. Source: https://docs.slack.dev/apis/web-api/"""

PREFIX: Final = "SLACK_"

SETTLE: Final = 30.0
"""Seconds after which Slack is no longer at work on a request, counted from when its answer was lost.

Slack publishes no such limit; its own clients wait 30 seconds for an answer.
"""


MESSAGES: Final = 50
"""Calls of nodes in a minute that every workspace takes: Slack allows at least as many of each method that they use.

Source: https://docs.slack.dev/apis/web-api/rate-limits (tier 3)
"""


class SlackConfig(ProviderConfig):
    """The settings of one Slack workspace, given as arguments; `from_env()` reads `SLACK_...` instead.

    Attributes:
        bot_token: the token of the app's bot (`xoxb-...`), without which nothing is sent.
        signing_secret: the app's signing secret, without which no click on a button is believed.
        requests_per_minute: how many nodes may start in a minute, on all workers together.
        settle_seconds: how long Slack may still be at work on a request whose answer was lost. The step waits that long
            before it looks for its message and, if that is not there, posts it again.
        api_url: another URL for the Web API, such as the simulator's.

    Example:
        >>> SlackConfig(bot_token=SecretStr("xoxb-of-the-app")).api_base
        'https://slack.com/api/'
    """

    bot_token: Key = None
    signing_secret: Key = None
    requests_per_minute: Annotated[int, Field(ge=1)] = MESSAGES
    settle_seconds: Annotated[float, Field(ge=0, le=3600)] = SETTLE
    api_url: Address = None

    @field_validator("bot_token")
    @classmethod
    def _is_of_a_bot(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("xoxb-", "xoxe.xoxb-")):
            raise ValueError("give the token of the app's bot, which begins with xoxb-")
        return value

    @classmethod
    def from_env(cls) -> SlackConfig:
        """The settings from the environment: `SLACK_BOT_TOKEN` and so on.

        Raises:
            ConfigurationError: a value is invalid; the message names the variable, never the value.
        """
        return cls.read(PREFIX)

    @property
    def api_base(self) -> str:
        """The URL of the Web API, which ends with a slash."""
        return f"{self.api_url}/" if self.api_url else API
