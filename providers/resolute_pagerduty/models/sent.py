"""An event of the Events API v2 as a monitoring tool sends it, for flows that take it in PagerDuty's place.

Source: https://github.com/PagerDuty/developer-docs/blob/HEAD/docs/events-API-v2/02-Trigger-Events.md
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, cast

from pydantic import ConfigDict, Field, JsonValue, StringConstraints, model_validator

from resolute.plan.values import digest
from resolute_pagerduty.models.base import Model
from resolute_pagerduty.models.events import EventImage, EventLink
from resolute_pagerduty.models.parameters import DedupKey, Severity

Summary = Annotated[str, StringConstraints(max_length=1024)]


class SentPayload(Model):
    """What an alert says: `class_` is PagerDuty's `class`."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    summary: Summary = ""
    source: str = ""
    severity: Severity = "info"
    timestamp: datetime | None = None
    component: str | None = None
    group: str | None = None
    class_: str | None = Field(default=None, alias="class")
    custom_details: JsonValue = None


class SentEvent(Model):
    """An event without its routing key, which proves the sender and is no part of the run.

    The payload is empty where an alert is acknowledged or resolved without one.

    A trigger without a `dedup_key` gets one that is made of the event, so that one that is sent again has the same.
    """

    event_action: Literal["trigger", "acknowledge", "resolve"]
    dedup_key: DedupKey
    payload: SentPayload = SentPayload()
    links: tuple[EventLink, ...] = Field(default=(), max_length=50)
    images: tuple[EventImage, ...] = Field(default=(), max_length=50)
    client: str | None = None
    client_url: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        event = cast("dict[str, Any]", value)
        return {**event, "dedup_key": key_of(event)} if key_of(event) else event

    @model_validator(mode="after")
    def _says_what_is_wrong(self) -> SentEvent:
        said = self.payload
        needed = (("summary", said.summary), ("source", said.source), ("severity", "severity" in said.model_fields_set))
        if self.event_action == "trigger" and (missing := [name for name, is_there in needed if not is_there]):
            raise ValueError(f"'payload.{missing[0]}' is missing or blank")
        return self


def key_of(event: dict[str, Any]) -> str | None:
    """The dedup_key of an event as it was sent; None where there is none and none can be made."""
    given = event.get("dedup_key")
    if isinstance(given, str) and given:
        return given
    if event.get("event_action") != "trigger":
        return None
    return digest({name: item for name, item in event.items() if name not in ("routing_key", "dedup_key")})
