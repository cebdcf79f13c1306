"""What Alertmanager sends to a webhook: a group of alerts (version 4 of its payload).

Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

from pydantic import computed_field

from resolute.plan.alert_groups import Alert, AlertGroup, title_of

__all__ = ["Alert", "Notification"]


class Notification(AlertGroup):
    """A group of alerts as Alertmanager sends it; see `AlertGroup`."""

    alerts: tuple[Alert, ...] = ()

    @computed_field
    @property
    def title(self) -> str:
        """The group in a line, as Alertmanager's own templates say it: `[FIRING:2] HighLatency checkout (critical)`."""
        return title_of(self, self.alerts)
