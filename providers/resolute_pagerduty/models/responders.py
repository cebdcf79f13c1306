"""People who are asked to help with an incident."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from pydantic import model_validator

from resolute_pagerduty.models.base import Model, Reference


class Responder(Model):
    """Somebody who was asked to help, and their answer: pending, joined, declined or user_cancelled."""

    state: str = ""
    user: Reference = Reference()
    updated_at: datetime | None = None


class ResponderTarget(Reference):
    """A user or an escalation policy that was asked, and the people behind it."""

    incidents_responders: tuple[Responder, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _unwrapped(cls, value: Any) -> Any:
        # The schema shows a bare target; the examples and real answers wrap each one.
        if not isinstance(value, dict):
            return value
        found = cast("dict[str, Any]", value)
        return found.get("responder_request_target", found)


class ResponderRequest(Model):
    """Who was asked for what.

    Source: https://developer.pagerduty.com/api-reference/, Incidents, "Create a responder request for an incident"
    """

    id: str = ""
    message: str = ""
    requested_at: datetime | None = None
    requester: Reference = Reference()
    incident: Reference = Reference()
    responder_request_targets: tuple[ResponderTarget, ...] = ()


class RequestRespondersOutput(Model):
    """The request. `created` is false if an earlier attempt of the step had created it."""

    responder_request: ResponderRequest
    created: bool = True
