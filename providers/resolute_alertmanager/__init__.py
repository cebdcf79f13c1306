"""Alertmanager for Resolute: Prometheus' notifications as the trigger of flows."""

from resolute_alertmanager.models import Alert, Notification
from resolute_alertmanager.webhooks import notification, webhook

__all__ = ["Alert", "Notification", "notification", "webhook"]
