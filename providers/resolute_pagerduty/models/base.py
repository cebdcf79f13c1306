"""What all models of PagerDuty's answers have in common."""

from __future__ import annotations

from typing import Any, cast

from pydantic import BaseModel, ConfigDict, model_validator


class Model(BaseModel):
    """A part of PagerDuty's answers: frozen, and tolerant of what the documentation does not promise.

    Unknown fields are left out; a field that is null or missing has its default. So a field that PagerDuty adds, drops
    or forgets never fails a read.

    Source: https://github.com/PagerDuty/developer-docs/blob/HEAD/docs/REST-API/11-References.md
    """

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_missing(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        fields = cast("dict[str, Any]", value)
        return {name: item for name, item in fields.items() if item is not None}


class Reference(Model):
    """A short form of another object: `summary` is what people call it, `html_url` is where they can see it."""

    id: str = ""
    type: str = ""
    summary: str = ""
    html_url: str | None = None
