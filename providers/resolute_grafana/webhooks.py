"""The trigger for notifications of Grafana Alerting.

Source: https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from resolute import hmac_sha256, input_data
from resolute.plan.alert_groups import alert_groups
from resolute.plan.keyed import WhileRunning
from resolute.plan.triggers import TriggerSpec
from resolute.plan.verification import Verification, secrets_given
from resolute_grafana.models import Notification

SECRET: Final = "GRAFANA_WEBHOOK_SECRET"  # noqa: S105  # the name of a variable
SIGNATURE_HEADER: Final = "X-Grafana-Alerting-Signature"


def webhook(
    path: str,
    *,
    secret: str | Sequence[str] | None = None,
    verify: Verification | None = None,
    repeats: bool = False,
    key: object = None,
    while_running: WhileRunning | None = None,
    max_bytes: int = 1_048_576,
) -> TriggerSpec:
    """Runs the flow for each change of a group of alerts that Grafana sends.

    The flow reads the notification with `notification()`. The contact point has the worker's address as its URL, and
    the secret under "HMAC Signature", with the header that Grafana proposes and without a timestamp header. Grafana
    before 12 has no signatures: give it a token under "Authorization Header Credentials" and write
    `verify=bearer_token(secret("NAME"))`.

    Grafana gives a delivery no name, and repeats an unchanged group after the policy's repeat interval: the same body
    is the same delivery, so such a repeat starts nothing, as little as a delivery that is sent again after a lost
    answer.

    Args:
        path: such as "/grafana".
        secret: the contact point's secret, as `secret("NAME")`; several while one replaces another; by default
            `GRAFANA_WEBHOOK_SECRET`.
        verify: another proof of the sender than the signature.
        repeats: a repeat of an unchanged group starts a run as well, and so does a delivery that is sent again.
        key: a field of the notification, such as `notification().group_key`: at most one run for each of its values
            goes on at a time.
        while_running: what happens to a notification while a run of its key goes on; see `resolute.webhook`. With
            `"tell"` the run is told of it as event `"firing"` or `"resolved"`, and only `"firing"` starts one.
        max_bytes: larger bodies are refused; "Max Alerts" of the contact point bounds them.

    Raises:
        TypeError: the secret is given by value instead of by name.

    Example:
        >>> webhook("/grafana").trigger.text
        'POST /grafana (hmac_sha256)'
    """
    return alert_groups(
        path,
        Notification,
        verify=verify or hmac_sha256(*secrets_given(secret, SECRET), header=SIGNATURE_HEADER),
        repeats=repeats,
        key=key,
        while_running=while_running,
        max_bytes=max_bytes,
    )


def notification() -> Notification:
    """The notification that started the flow, for references to its fields.

    Example:
        >>> notification().common_annotations["summary"]
        input.common_annotations.summary
    """
    return input_data(Notification)
