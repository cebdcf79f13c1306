"""What a worker knows of its environment: which variables there are, and which of them are secret."""

import re
from collections.abc import Mapping
from typing import Final, get_args

from pydantic import SecretStr

from resolute_worker.settings import Settings
from resolute_worker.versioning import GIVEN

TEMPORAL: Final = {
    "TEMPORAL_ADDRESS",
    "TEMPORAL_NAMESPACE",
    "TEMPORAL_API_KEY",
    "TEMPORAL_PROFILE",
    "TEMPORAL_TLS",
    "TEMPORAL_TLS_CLIENT_CERT_PATH",
    "TEMPORAL_TLS_CLIENT_KEY_PATH",
    *GIVEN,
}
"""Source: https://docs.temporal.io/develop/environment-configuration"""

OTHERS: Final = {"PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}

_SECRET: Final = re.compile(r"(_KEYS?|_TOKENS?|_SECRETS?|PASSWORD|PWD|_CREDENTIALS?)$")


def known() -> set[str]:
    """Every variable that a worker, Temporal's client or Python reads."""
    return {f"RESOLUTE_{name.upper()}" for name in Settings.model_fields} | TEMPORAL | OTHERS


def is_secret(name: str) -> bool:
    """Whether a variable holds a secret: by its type in the settings, or by its name."""
    field = Settings.model_fields.get(name.removeprefix("RESOLUTE_").lower())
    return bool(_SECRET.search(name)) or (field is not None and _holds_secret(field.annotation))


def _holds_secret(annotation: object) -> bool:
    return annotation is SecretStr or any(_holds_secret(each) for each in get_args(annotation))


def settings_of(variables: Mapping[str, str | None]) -> Settings:
    """The settings that a worker reads from variables; raises if one of them is wrong."""
    given = {
        name.removeprefix("RESOLUTE_").lower(): value
        for name, value in variables.items()
        if name.startswith("RESOLUTE_") and value is not None
    }
    return Settings(**given)  # pyright: ignore[reportArgumentType]  # texts, as they come from an environment
