"""The settings of one account of a service: given as arguments, or read from variables with a prefix."""

from __future__ import annotations

from typing import Annotated, Any, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ModelWrapValidatorHandler,
    SecretStr,
    ValidationError,
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


class InvalidConfigError(ConfigurationError):
    """Settings of an account are invalid. `error` is what pydantic found."""

    def __init__(self, name: str, error: ValidationError) -> None:
        self.error = error
        super().__init__(f"{name}: {said_of_settings(error)}")


def _split(value: object) -> object:
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


def _key(value: SecretStr | None) -> SecretStr | None:
    text = value.get_secret_value().strip() if value else ""
    if not (text.isascii() and text.replace(" ", "").isprintable()):
        raise ValueError("contains characters that no key has: was an extra line copied?")
    return SecretStr(text) if text else None


def _address(value: str | None) -> str | None:
    if value is None:
        return None
    if not value.startswith(("https://", "http://")):
        raise ValueError("give a URL that starts with https:// (or http:// for a simulator)")
    if "@" in value:
        raise ValueError("leave out the user and password, they would be shown in messages")
    return value.rstrip("/")


Words: TypeAlias = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
"""A list that an environment variable holds as words separated by spaces or commas."""

Key: TypeAlias = Annotated[SecretStr | None, AfterValidator(_key)]
"""A key, token or secret; one that is empty is none."""

Address: TypeAlias = Annotated[str | None, AfterValidator(_address)]
"""Another URL of a service, without a slash at its end."""


class GivenSettings(BaseSettings):
    """Settings that never read the environment by themselves, are frozen, and of which no message shows a value."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments alone."""
        return (init_settings,)


class ProviderConfig(GivenSettings):
    """What the settings of all providers share; a mistake in them is one that a person can read."""

    def problem(self) -> str:
        """What is wrong with settings that are right each by itself; empty if nothing is."""
        return ""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if problem := self.problem():
            raise ValueError(problem)
        return self

    @model_validator(mode="wrap")
    @classmethod
    def _says_what_is_wrong(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(values)
        except ValidationError as error:
            raise InvalidConfigError(cls.__name__, error) from None

    @classmethod
    def read(cls, prefix: str) -> Self:
        """The settings from the environment, by variables that begin with a prefix such as `PAGERDUTY_`.

        Raises:
            ConfigurationError: a value is invalid; the message names the variable, never the value.
        """
        try:
            return cls(**EnvSettingsSource(cls, env_prefix=prefix, env_ignore_empty=True)())
        except InvalidConfigError as error:
            raise ConfigurationError(said_of_settings(error.error, prefix)) from None

    @property
    def secret_values(self) -> tuple[str, ...]:
        """Every secret in the settings."""
        found = (getattr(self, name) for name in type(self).model_fields)
        return tuple(value.get_secret_value() for value in found if isinstance(value, SecretStr))
