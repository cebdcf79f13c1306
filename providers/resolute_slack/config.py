"""The settings of the Slack provider: its token, what proves that a click comes from Slack, and where Slack is."""

from __future__ import annotations

from typing import Annotated, Any, Final, Self

from pydantic import Field, ModelWrapValidatorHandler, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from resolute.plan.errors import ConfigurationError
from resolute.plan.settings import said_of_settings

API: Final = "https://slack.com/api/"
"""Where Slack's Web API is. Source: https://docs.slack.dev/apis/web-api/"""

PREFIX: Final = "SLACK_"

SETTLE: Final = 30.0
"""Seconds after which Slack is no longer at work on a request, counted from when its answer was lost.

Slack publishes no such limit; its own clients wait 30 seconds for an answer.
"""


class InvalidConfigError(ConfigurationError):
    """The settings are invalid. `error` is what pydantic found."""

    def __init__(self, error: ValidationError) -> None:
        self.error = error
        super().__init__(f"SlackConfig: {said_of_settings(error)}")


class SlackConfig(BaseSettings):
    """The settings of one Slack workspace, given as arguments; `from_env()` reads `SLACK_...` instead.

    Attributes:
        bot_token: the token of the app's bot (`xoxb-...`), without which nothing is sent.
        signing_secret: the app's signing secret, without which no click on a button is believed.
        read_only: refuses every node that posts or changes something.
        settle_seconds: how long Slack may still be at work on a request whose answer was lost. The step waits that long
            before it looks for its message and, if that is not there, posts it again.
        api_url: another URL for the Web API, such as the simulator's.

    Example:
        >>> SlackConfig(bot_token=SecretStr("xoxb-of-the-app")).api_base
        'https://slack.com/api/'
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    bot_token: SecretStr | None = None
    signing_secret: SecretStr | None = None
    read_only: bool = False
    settle_seconds: Annotated[float, Field(ge=0, le=3600)] = SETTLE
    api_url: str | None = None

    @field_validator("bot_token", "signing_secret")
    @classmethod
    def _is_secret(cls, value: SecretStr | None) -> SecretStr | None:
        text = value.get_secret_value().strip() if value else ""
        if not (text.isascii() and text.isprintable() and " " not in text):
            raise ValueError("contains characters that no such value has: was an extra line copied?")
        return SecretStr(text) if text else None

    @field_validator("bot_token")
    @classmethod
    def _is_of_a_bot(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("xoxb-", "xoxe.xoxb-")):
            raise ValueError("give the token of the app's bot, which begins with xoxb-")
        return value

    @field_validator("api_url")
    @classmethod
    def _is_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if not value.startswith(("https://", "http://")):
            raise ValueError("give a URL that starts with https:// (or http:// for a simulator)")
        if "@" in value:
            raise ValueError("leave out the user and password, they would be shown in messages")
        return value

    @model_validator(mode="wrap")
    @classmethod
    def _says_what_is_wrong(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(values)
        except ValidationError as error:
            raise InvalidConfigError(error) from None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Settings given as arguments never read the environment."""
        return (init_settings,)

    @classmethod
    def from_env(cls) -> SlackConfig:
        """The settings from the environment: `SLACK_BOT_TOKEN` and so on.

        Raises:
            ConfigurationError: a value is invalid; the message names the variable, never the value.
        """
        try:
            return cls(**EnvSettingsSource(cls, env_prefix=PREFIX, env_ignore_empty=True)())
        except InvalidConfigError as error:
            raise ConfigurationError(said_of_settings(error.error, PREFIX)) from None

    @property
    def api_base(self) -> str:
        """The URL of the Web API, which ends with a slash."""
        return (self.api_url or API).rstrip("/") + "/"

    @property
    def secret_values(self) -> tuple[str, ...]:
        """Every secret in the settings."""
        return tuple(value.get_secret_value() for value in (self.bot_token, self.signing_secret) if value is not None)
