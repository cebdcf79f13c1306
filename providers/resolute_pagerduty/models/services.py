"""Services, how events reach them, and when they are in maintenance."""

from __future__ import annotations

from datetime import datetime

from resolute_pagerduty.models.base import Reference


class Integration(Reference):
    """A way for events to reach a service. Its key is a secret, so it is not here: see `create_integration`.

    Source: https://developer.pagerduty.com/api-reference/a47605517c19a-api-concepts#services
    """

    name: str = ""
    service: Reference = Reference()
    created_at: datetime | None = None
    integration_email: str | None = None


class Service(Reference):
    """A service. `status` follows its incidents: active, warning (acknowledged) or critical (triggered).

    While it notifies nobody, it is maintenance or disabled.

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
    integrations: tuple[Integration, ...] = ()


class MaintenanceWindow(Reference):
    """A period in which services open no incidents.

    Source: https://developer.pagerduty.com/api-reference/a47605517c19a-api-concepts#maintenance-windows
    """

    description: str = ""
    start_time: datetime | None = None
    end_time: datetime | None = None
    services: tuple[Reference, ...] = ()
    teams: tuple[Reference, ...] = ()
    created_by: Reference | None = None
