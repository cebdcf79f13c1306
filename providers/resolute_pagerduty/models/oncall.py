"""Who is on call: on-calls."""

from __future__ import annotations

from datetime import datetime

from resolute_pagerduty.models.base import Model, Reference
from resolute_pagerduty.models.people import User


class OnCall(Model):
    """A time in which a user is on call for a level of an escalation policy.

    `start` and `end` are null where the user is on call for good; `schedule` is null where the policy names the user.

    Source: https://developer.pagerduty.com/api-reference/a47605517c19a-api-concepts#on-calls
    """

    user: User = User()
    schedule: Reference | None = None
    escalation_policy: Reference = Reference()
    escalation_level: int = 0
    start: datetime | None = None
    end: datetime | None = None
