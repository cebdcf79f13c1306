"""The trigger for Alertmanager's notifications.

Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from resolute import bearer_token, input_data
from resolute.plan.alert_groups import alert_groups
from resolute.plan.keyed import WhileRunning
from resolute.plan.triggers import TriggerSpec
from resolute.plan.verification import Verification, secrets_given
from resolute_alertmanager.models import Notification

TOKEN: Final = "ALERTMANAGER_WEBHOOK_TOKEN"  # noqa: S105  # the name of a variable


def webhook(
    path: str,
    *,
    token: str | Sequence[str] | None = None,
    verify: Verification | None = None,
    repeats: bool = False,
    key: object = None,
    while_running: WhileRunning | None = None,
    max_bytes: int = 1_048_576,
) -> TriggerSpec:
    """Runs the flow for each change of a group of alerts that Alertmanager sends.

    The flow reads the notification with `notification()`. In Alertmanager's configuration the receiver has the worker's
    address, and the token under `http_config.authorization.credentials`.

    Alertmanager gives a delivery no name, and repeats an unchanged group after its `repeat_interval`: the same body is
    the same delivery, so such a repeat starts nothing, as little as a delivery that is sent again after a lost answer.

    Args:
        path: such as "/alertmanager".
        token: the token that Alertmanager sends, as `secret("NAME")`; several while one replaces another; by default
            `ALERTMANAGER_WEBHOOK_TOKEN`.
        verify: another proof of the sender than a token, such as `unverified()` behind a proxy that checks.
        repeats: a repeat of an unchanged group starts a run as well, and so does a delivery that is sent again.
        key: a field of the notification, such as `notification().group_key`: at most one run for each of its values
            goes on at a time.
        while_running: what happens to a notification while a run of its key goes on; see `resolute.webhook`. With
            `"tell"` the run is told of it as event `"firing"` or `"resolved"`, and only `"firing"` starts one.
        max_bytes: larger bodies are refused; `max_alerts` of the receiver bounds them.

    Raises:
        TypeError: the token is given by value instead of by name.

    Example:
        >>> webhook("/alertmanager").trigger.text
        'POST /alertmanager (bearer_token)'
    """
    return alert_groups(
        path,
        Notification,
        verify=verify or bearer_token(*secrets_given(token, TOKEN)),
        repeats=repeats,
        key=key,
        while_running=while_running,
        max_bytes=max_bytes,
    )


def notification() -> Notification:
    """The notification that started the flow, for references to its fields.

    Example:
        >>> notification().common_labels["severity"]
        input.common_labels.severity
    """
    return input_data(Notification)
