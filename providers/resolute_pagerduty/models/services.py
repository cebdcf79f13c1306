"""Services and how events reach them."""

from __future__ import annotations

from datetime import datetime

from resolute_pagerduty.models.base import Reference


class Service(Reference):
    """A service. `status` follows its incidents: active, warning (acknowledged) or critical (triggered).

    While nobody is to be notified it is maintenance or disabled.

    Source: https://developer.pagerduty.com/api-reference/a47605517c19a-api-concepts#services
    """

    name: str = ""
    description: str = ""
    status: str = ""
    created_at: datetime | None = None
    last_incident_timestamp: datetime | None = None
    auto_resolve_timeout: int | None = None
    acknowledgement_timeout: int | None = None
    escalation_policy: Reference = Reference()
    teams: tuple[Reference, ...] = ()
    integrations: tuple[Reference, ...] = ()
