"""Who is on call: on-calls, schedules and escalation policies."""

from __future__ import annotations

from datetime import datetime

from resolute_pagerduty.models.base import Model, Reference
from resolute_pagerduty.models.people import User


class OnCall(Model):
    """A period in which a user is on call for a level of an escalation policy.

    `start` and `end` are null if the user is always on call; `schedule` is null if the policy names the user.

    Source: https://developer.pagerduty.com/api-reference/a47605517c19a-api-concepts#on-calls
    """

    user: User = User()
    schedule: Reference | None = None
    escalation_policy: Reference = Reference()
    escalation_level: int = 0
    start: datetime | None = None
    end: datetime | None = None


class Shift(Model):
    """A period in which a user is on call on a schedule."""

    id: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    user: User = User()


class Rendered(Model):
    """Shifts of a part of a schedule in the requested period, and how much of it they cover, in percent."""

    name: str = ""
    rendered_schedule_entries: tuple[Shift, ...] = ()
    rendered_coverage_percentage: float | None = None


class ScheduleLayer(Rendered):
    """A rotation of users."""

    id: str = ""
    start: datetime | None = None
    end: datetime | None = None
    rotation_turn_length_seconds: int | None = None


class Schedule(Reference):
    """A schedule. `final_schedule` says who is really on call: the layers with the overrides on top.

    Source: https://developer.pagerduty.com/api-reference/a47605517c19a-api-concepts#schedules
    """

    name: str = ""
    description: str = ""
    time_zone: str = ""
    users: tuple[User, ...] = ()
    teams: tuple[Reference, ...] = ()
    escalation_policies: tuple[Reference, ...] = ()
    schedule_layers: tuple[ScheduleLayer, ...] = ()
    overrides_subschedule: Rendered | None = None
    final_schedule: Rendered | None = None


class EscalationRule(Model):
    """A level of an escalation policy: who is notified, and after how many minutes the next level is."""

    id: str = ""
    escalation_delay_in_minutes: int = 0
    targets: tuple[Reference, ...] = ()


class EscalationPolicy(Reference):
    """An escalation policy: who is notified, in which order.

    Source: https://developer.pagerduty.com/api-reference/a47605517c19a-api-concepts#escalation-policies
    """

    name: str = ""
    description: str = ""
    num_loops: int = 0
    escalation_rules: tuple[EscalationRule, ...] = ()
    services: tuple[Reference, ...] = ()
    teams: tuple[Reference, ...] = ()
