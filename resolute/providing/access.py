"""What the environment says of a provider as a whole: what its nodes may do, and where that is written down."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import EnvSettingsSource

from resolute.plan.errors import ConfigurationError
from resolute.plan.settings import said_of_settings
from resolute.providing.audit import KEPT, LARGEST
from resolute.providing.config import GivenSettings, Words
from resolute.providing.granted import Access

AUDIT_LOG: Final = Path(".resolute/audit.jsonl")
"""The audit log of all providers, unless one has a file of its own."""


class AccessSettings(GivenSettings):
    """Grants and audit log of a provider.

    Attributes:
        grants: what nodes may do; set but empty, nothing; not set, all that the credential may.
        read_only: whether they may read alone.
        audit_log: the file that every request is written to.
        audit_largest: the size in bytes at which it is rotated; 0 for never.
        audit_kept: how many rotated files are kept.
    """

    @model_validator(mode="before")
    @classmethod
    def _empty_is_unset(cls, values: Any) -> Any:
        # Except the grants: an empty list means nothing, and certainly not everything.
        return {name: value for name, value in dict(values).items() if value != "" or name == "grants"}

    grants: Words | None = None
    read_only: bool = False
    audit_log: Path = AUDIT_LOG
    audit_largest: Annotated[int, Field(ge=0)] = LARGEST
    audit_kept: Annotated[int, Field(ge=0)] = KEPT

    @classmethod
    def read(cls, prefix: str) -> Self:
        """The settings from the environment, by variables that begin with a prefix such as `PAGERDUTY_`.

        Raises:
            ConfigurationError: a variable is invalid; the message names it, never its value.
        """
        try:
            return cls(**EnvSettingsSource(cls, env_prefix=prefix)())
        except ValidationError as error:
            raise ConfigurationError(said_of_settings(error, prefix)) from None

    def given(self, *, grants: Sequence[str] | None = None, read_only: bool = False) -> Access:
        """What a provider is opened with: as the environment says, unless the arguments say more."""
        return {
            "grants": self.grants if grants is None else grants,
            "read_only": read_only or self.read_only,
            "audit_log": self.audit_log,
            "audit_largest": self.audit_largest,
            "audit_kept": self.audit_kept,
        }
