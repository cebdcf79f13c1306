"""What the Events API accepts and answers."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from resolute import Record
from resolute_pagerduty.models.base import Model

WebAddress = Annotated[str, StringConstraints(pattern=r"^https?://\S+$")]
SafeAddress = Annotated[str, StringConstraints(pattern=r"^https://\S+$")]


class EventLink(Record):
    """A link shown with an alert: `EventLink(href=health.output.url, text="Dashboard")`.

    Source: https://github.com/PagerDuty/developer-docs/blob/HEAD/docs/events-API-v2/02-Trigger-Events.md
    """

    href: WebAddress
    text: str | None = None


class EventImage(Record):
    """An image shown with an alert. PagerDuty accepts only https URLs.

    Source: https://github.com/PagerDuty/developer-docs/blob/HEAD/docs/events-API-v2/02-Trigger-Events.md
    """

    src: SafeAddress
    href: WebAddress | None = None
    alt: str | None = None


class EventOutput(Model):
    """What the Events API says: the event was accepted and will be processed. There is no promise about when."""

    status: str = ""
    message: str = ""


class TriggerEventOutput(EventOutput):
    """As `EventOutput`, with the key that later events use to refer to the same alert."""

    dedup_key: str


class TriggerOrReopenOutput(TriggerEventOutput):
    """As `TriggerEventOutput`, and whether an incident with the key was open; null where nobody could say."""

    already_open: bool | None = None


class AcknowledgeEventOutput(EventOutput):
    """As `EventOutput`. If no alert with the key was open, PagerDuty silently ignores the event."""


class ResolveEventOutput(EventOutput):
    """As `EventOutput`. If no alert with the key was open, PagerDuty silently ignores the event."""


class ResolveUnlessTouchedOutput(Model):
    """What became of an incident that was to be resolved.

    `kept_open` says that it stays open, because `touched_by` has taken it over by `touched_how`.
    """

    kept_open: bool
    incident_id: str | None = None
    touched_by: str | None = None
    touched_how: str | None = None
