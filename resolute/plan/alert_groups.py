"""Groups of alerts, in the format that Prometheus' Alertmanager made and other tools speak, as the trigger of a flow.

A provider of such a tool adds its fields to `Alert` and `AlertGroup`, and says how the tool proves who it is.

Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, computed_field
from pydantic.alias_generators import to_camel

from resolute.plan.keyed import WhileRunning
from resolute.plan.triggers import TriggerSpec, webhook
from resolute.plan.verification import Verification
from resolute.plan.words import input_data

_NEVER: Final = "0001-01-01T00:00:00Z"
"""How Go writes a time that has not come."""


def _without_never(value: object) -> object:
    return None if value == _NEVER else value


def _json_name(field: str) -> str:
    # URL stands in capitals, and every other name in camel case.
    return to_camel(field).removesuffix("Url") + "URL" if field.endswith("_url") else to_camel(field)


class Sent(BaseModel):
    """A part of a notification: frozen, read by the sender's names, and tolerant of fields that it adds."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=_json_name, validate_by_name=True, validate_by_alias=True
    )


class Alert(Sent):
    """One alert of a group. `ends_at` is null while it is not known when it ends.

    `fingerprint` is made of the labels: the same alert has the same one whenever it fires.
    """

    status: Literal["firing", "resolved"]
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    starts_at: datetime | None = None
    ends_at: Annotated[datetime | None, BeforeValidator(_without_never)] = None
    generator_url: str = ""
    fingerprint: str = ""


class AlertGroup(Sent):
    """A group of alerts: "firing" while one of them fires, "resolved" when none does.

    `group_key` is the same for each notification of a group, and may be long; `dedup_key` is its digest, which is short
    enough for every pager. `common_labels` and `common_annotations` hold only what all alerts of the group have alike.
    `truncated_alerts` are those that the sender's bound on alerts left out.
    """

    version: str = ""
    group_key: str
    status: Literal["firing", "resolved"]
    receiver: str = ""
    group_labels: Mapping[str, str] = {}
    common_labels: Mapping[str, str] = {}
    common_annotations: Mapping[str, str] = {}
    external_url: str = ""
    truncated_alerts: int = 0

    @computed_field
    @property
    def dedup_key(self) -> str:
        """What an incident of the group is known by: the SHA-256 of its key, which Alertmanager itself sends pagers."""
        return hashlib.sha256(self.group_key.encode(errors="surrogatepass")).hexdigest()


def title_of(group: AlertGroup, alerts: Sequence[Alert]) -> str:
    """The group in a line, as Alertmanager's own templates say it: `[FIRING:2] HighLatency checkout (critical)`."""
    firing = sum(alert.status == "firing" for alert in alerts)
    state = f"FIRING:{firing}" if group.status == "firing" else "RESOLVED"
    others = {name: value for name, value in group.common_labels.items() if name not in group.group_labels}
    said = [f"[{state}]", *_values(group.group_labels), *([f"({' '.join(_values(others))})"] if others else [])]
    return " ".join(said)


def _values(labels: Mapping[str, str]) -> list[str]:
    # The name of the alert comes first, and the others by their names, as Alertmanager sorts them.
    return [value for _, value in sorted(labels.items(), key=lambda pair: (pair[0] != "alertname", pair[0]))]


def alert_groups(
    path: str,
    model: type[AlertGroup],
    *,
    verify: Verification,
    repeats: bool,
    key: object,
    while_running: WhileRunning | None,
    max_bytes: int,
) -> TriggerSpec:
    """Runs the flow for each change of a group of alerts; see the providers for the arguments.

    Such a tool gives a delivery no name, and repeats an unchanged group: the same body is the same delivery. With
    `"tell"` a run is told of a notification as event `"firing"` or `"resolved"`, and only `"firing"` starts one.
    """
    status, tells = input_data(model).status, while_running == "tell"
    return webhook(
        path,
        verify=verify,
        input=model,
        once=None if repeats else "body",
        key=key,
        while_running=while_running,
        event=status if tells else None,
        starts=status == "firing" if tells else None,
        max_bytes=max_bytes,
    )
