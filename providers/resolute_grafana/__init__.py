"""Grafana for Resolute: notifications of Grafana Alerting as the trigger of flows."""

from resolute_grafana.models import Alert, Notification
from resolute_grafana.webhooks import notification, webhook

__all__ = ["Alert", "Notification", "notification", "webhook"]
