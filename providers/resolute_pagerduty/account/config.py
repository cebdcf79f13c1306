"""The settings of one account: its credentials, and where PagerDuty is."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import (
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from resolute.plan.errors import ConfigurationError
from resolute.plan.settings import said_of_settings
from resolute_pagerduty.account.doubt import USUAL_SETTLE

_REST: Final = {"us": "https://api.pagerduty.com", "eu": "https://api.eu.pagerduty.com"}
_EVENTS: Final = {"us": "https://events.pagerduty.com", "eu": "https://events.eu.pagerduty.com"}
_IDENTITY: Final = "https://identity.pagerduty.com"


def _split(value: object) -> object:
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


Words: TypeAlias = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
"""A list that an environment variable holds as words separated by spaces or commas."""


class InvalidConfigError(ConfigurationError):
    """Settings of an account are invalid. `error` is what pydantic found."""

    def __init__(self, error: ValidationError) -> None:
        self.error = error
        super().__init__(f"PagerDutyConfig: {said_of_settings(error)}")


class PagerDutyConfig(BaseSettings):
    """The settings of one PagerDuty account, given as arguments; `from_env()` reads `PAGERDUTY_...` instead.

    The REST API needs one credential: an API key of the account or of a user, an OAuth token, or an app's client id and
    secret with the account's subdomain, for which tokens are fetched and renewed. The Events API needs a routing key.

    Attributes:
        api_key: a REST API key, of the account or of a user.
        oauth_token: an OAuth access token, instead of a key.
        client_id: the id of an app with scoped OAuth, instead of a key.
        client_secret: its secret.
        subdomain: the account that the app is used for, as in `https://<subdomain>.pagerduty.com`.
        scopes: what the app requests, such as `incidents.read incidents.write`.
        routing_key: the integration key for events whose node names none.
        service_key: an older name for `routing_key`; used if that is not set.
        from_email: the login address of the user as whom an account's key makes changes.
        region: the service region of the account.
        requests_per_minute: how many requests nodes may start, on all workers together; PagerDuty accepts 960 per
            credential, from all its users.
        settle_seconds: how long PagerDuty may still be processing a request whose answer was lost, counted from when
            it was sent. Writes that add something each time, such as a note, are looked for and repeated only then.
        api_url: another URL for the REST API, such as the simulator's.
        events_url: another URL for the Events API.
        identity_url: another URL for OAuth tokens.

    Example:
        >>> PagerDutyConfig(api_key=SecretStr("a key of the account"), region="eu").rest_base
        'https://api.eu.pagerduty.com'

    Source: https://github.com/PagerDuty/developer-docs/blob/HEAD/docs/REST-API/02-Authentication.md
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    api_key: SecretStr | None = None
    oauth_token: SecretStr | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None
    subdomain: str | None = None
    scopes: Words = ()
    routing_key: SecretStr | None = None
    service_key: SecretStr | None = None
    from_email: Annotated[str, Field(pattern=r"^[!-?A-~]+@[!-?A-~]+$")] | None = None
    region: Literal["us", "eu"] = "us"
    requests_per_minute: Annotated[int, Field(ge=1)] = 960
    settle_seconds: Annotated[float, Field(ge=0, le=3600)] = USUAL_SETTLE
    api_url: str | None = None
    events_url: str | None = None
    identity_url: str | None = None

    @field_validator("region", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.strip().lower() if isinstance(value, str) else value

    @field_validator("api_key", "oauth_token", "client_secret", "routing_key", "service_key")
    @classmethod
    def _is_key(cls, value: SecretStr | None) -> SecretStr | None:
        text = value.get_secret_value().strip() if value else ""
        if not (text.isascii() and text.replace(" ", "").isprintable()):
            raise ValueError("contains characters that no key has: was an extra line copied?")
        return SecretStr(text) if text else None

    @field_validator("api_url", "events_url", "identity_url")
    @classmethod
    def _is_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if not value.startswith(("https://", "http://")):
            raise ValueError("give a URL that starts with https:// (or http:// for a simulator)")
        if "@" in value:
            raise ValueError("leave out the user and password, they would be shown in messages")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _one_credential(self) -> Self:
        given = [name for name in ("api_key", "oauth_token", "client_id") if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} are set; the REST API is reached with one of them")
        if self.client_id and not (self.client_secret and self.subdomain and self.scopes):
            raise ValueError("client_id needs client_secret, subdomain and scopes beside it")
        return self

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
    def from_env(cls, account: str | None = None) -> PagerDutyConfig:
        """The settings of an account from the environment: `PAGERDUTY_API_KEY`, or `PAGERDUTY_<ACCOUNT>_API_KEY`.

        Raises:
            ConfigurationError: a value is invalid; the message names the variable, never the value.
        """
        prefix = "PAGERDUTY_" if account is None else f"PAGERDUTY_{account.upper().replace('-', '_')}_"
        try:
            return cls(**EnvSettingsSource(cls, env_prefix=prefix, env_ignore_empty=True)())
        except InvalidConfigError as error:
            raise ConfigurationError(said_of_settings(error.error, prefix)) from None

    @property
    def rest_base(self) -> str:
        """The URL of the REST API."""
        return self.api_url or _REST[self.region]

    @property
    def events_base(self) -> str:
        """The URL of the Events API."""
        return self.events_url or _EVENTS[self.region]

    @property
    def identity_base(self) -> str:
        """The URL that OAuth tokens come from; the same for all regions."""
        return self.identity_url or _IDENTITY

    @property
    def events_key(self) -> SecretStr | None:
        """The routing key for events that name none."""
        return self.routing_key or self.service_key

    @property
    def secret_values(self) -> tuple[str, ...]:
        """Every secret in the settings."""
        found = (self.api_key, self.oauth_token, self.client_secret, self.routing_key, self.service_key)
        return tuple(value.get_secret_value() for value in found if value is not None)
