"""Change events: what was deployed or changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from resolute_pagerduty.models.base import Model, Reference
from resolute_pagerduty.models.outputs import Page, Whole


class ChangeLink(Model):
    """A link that came with a change event."""

    href: str = ""
    text: str | None = None


class ChangeImage(Model):
    """An image that came with a change event."""

    src: str = ""
    href: str | None = None
    alt: str | None = None


class ChangeEvent(Reference):
    """A deployment or another change. The routing key that it came with is a secret, so it is not here.

    Source: https://developer.pagerduty.com/api-reference/a47605517c19a-api-concepts#change-events
    """

    timestamp: datetime | None = None
    source: str = ""
    services: tuple[Reference, ...] = ()
    integration: Reference | None = None
    links: tuple[ChangeLink, ...] = ()
    images: tuple[ChangeImage, ...] = ()
    custom_details: dict[str, Any] = Field(default_factory=dict[str, Any])


class CorrelationReason(Model):
    """Why PagerDuty shows a change next to an incident: most_recent, related_service or intelligent."""

    reason: str = ""


class RelatedChangeEvent(ChangeEvent):
    """A change event, and why it may have to do with an incident."""

    correlation_reason: CorrelationReason = CorrelationReason()


class GetChangeEventOutput(Model):
    """A change event."""

    change_event: ChangeEvent


class ListChangeEventsOutput(Page):
    """A page of change events, newest first."""

    change_events: tuple[ChangeEvent, ...] = ()


class AllChangeEventsOutput(Whole):
    """Change events, newest first."""

    change_events: tuple[ChangeEvent, ...] = ()


class GetRelatedChangeEventsOutput(Model):
    """The changes that PagerDuty thinks may have caused an incident."""

    change_events: tuple[RelatedChangeEvent, ...] = ()
