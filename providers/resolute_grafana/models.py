"""What a webhook contact point of Grafana Alerting sends: a group of alerts.

Source: https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator

from resolute.plan import alert_groups


def _without_null(value: object) -> object:
    return {} if value is None else value


class Alert(alert_groups.Alert):
    """One alert of a group.

    `values` are those of the rule's expressions when it was evaluated last; a rule without data has none.
    """

    values: Annotated[Mapping[str, float | None], BeforeValidator(_without_null)] = {}
    silence_url: str = ""
    dashboard_url: str = ""
    panel_url: str = ""
    image_url: str = ""


class Notification(alert_groups.AlertGroup):
    """A group of alerts; see `AlertGroup`. `title` and `message` are what the contact point's templates made."""

    org_id: int = 0
    alerts: tuple[Alert, ...] = ()
    title: str = ""
    message: str = ""
