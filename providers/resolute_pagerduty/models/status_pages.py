"""Status pages: what customers get to read.

Source: https://developer.pagerduty.com/api-reference/, Status Pages
"""

from __future__ import annotations

from datetime import datetime

from resolute_pagerduty.models.base import Model, Reference


class StatusPage(Model):
    """A status page. `published_at` is null while customers do not see it."""

    id: str = ""
    type: str = ""
    name: str = ""
    status_page_type: str = ""
    url: str = ""
    published_at: datetime | None = None


class StatusPageOption(Model):
    """A severity, an impact or a status that posts of a status page can have."""

    id: str = ""
    type: str = ""
    description: str = ""
    post_type: str = ""


class ImpactedService(Model):
    """A service of a status page, and how it is affected."""

    service: Reference = Reference()
    impact: Reference = Reference()


class StatusPagePostUpdate(Model):
    """What a post says from a given time on. In a post it has only its id, unless it is included."""

    id: str = ""
    type: str = ""
    post: Reference = Reference()
    message: str = ""
    reviewed_status: str = ""
    status: Reference = Reference()
    severity: Reference = Reference()
    impacted_services: tuple[ImpactedService, ...] = ()
    update_frequency_ms: int | None = None
    notify_subscribers: bool = False
    reported_at: datetime | None = None


class StatusPagePost(Model):
    """An incident or maintenance that customers are told about."""

    id: str = ""
    type: str = ""
    post_type: str = ""
    title: str = ""
    status_page: Reference = Reference()
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    updates: tuple[StatusPagePostUpdate, ...] = ()
