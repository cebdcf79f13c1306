"""What Alertmanager sends to a webhook: a group of alerts (version 4 of its payload).

Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic.alias_generators import to_camel

_NEVER: Final = "0001-01-01T00:00:00Z"
"""How Go writes a time that has not come."""


def _without_never(value: object) -> object:
    return None if value == _NEVER else value


def _json_name(field: str) -> str:
    # Alertmanager writes URL in capitals, and every other name in camel case.
    return to_camel(field).removesuffix("Url") + "URL" if field.endswith("_url") else to_camel(field)


class Model(BaseModel):
    """A part of a notification: frozen, read by Alertmanager's names, and tolerant of fields that it adds."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=_json_name, validate_by_name=True, validate_by_alias=True
    )


class Alert(Model):
    """One alert of a group. `ends_at` is null while Prometheus does not know when it ends.

    `fingerprint` is made of the labels: the same alert has the same one whenever it fires.
    """

    status: Literal["firing", "resolved"]
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    starts_at: datetime | None = None
    ends_at: Annotated[datetime | None, BeforeValidator(_without_never)] = None
    generator_url: str = ""
    fingerprint: str = ""


class Notification(Model):
    """A group of alerts: "firing" while one of them fires, "resolved" when none does.

    `group_key` is the same for each notification of a group. `truncated_alerts` are those that `max_alerts` of the
    receiver left out.
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
    alerts: tuple[Alert, ...] = ()
