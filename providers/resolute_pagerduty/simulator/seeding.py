"""Loads more data from a JSON file, for people who run the simulator by hand.

Everything refers to everything else by name, users by their email address. It comes on top of the first world.

    {
      "users": [{"name": "Eli Novak", "email": "eli@harbour.example"}],
      "teams": [{"name": "Data", "members": {"eli@harbour.example": "manager"}}],
      "schedules": [{"name": "Data Primary", "users": ["eli@harbour.example"], "team": "Data"}],
      "escalation_policies": [{"name": "Data", "levels": [["Data Primary"], ["ada@harbour.example"]], "team": "Data"}],
      "services": [{"name": "Warehouse", "escalation_policy": "Data"}],
      "incidents": [{"title": "Load is late", "service": "Warehouse", "opened_minutes_ago": 90,
                     "acknowledged_after_minutes": 5, "resolved_after_minutes": 40, "by": "eli@harbour.example"}]
    }
"""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from .builder import Builder
from .resources import Urgency


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SeedUser(_Entry):
    """A user."""

    name: str
    email: str
    role: str = "user"


class SeedTeam(_Entry):
    """A team; `members` maps email addresses to roles."""

    name: str
    members: dict[str, str] = {}


class SeedSchedule(_Entry):
    """A schedule of one layer."""

    name: str
    users: list[str]
    turn_hours: float = 168
    time_zone: str = "UTC"
    team: str | None = None


class SeedPolicy(_Entry):
    """An escalation policy; each level lists email addresses and names of schedules."""

    name: str
    levels: list[list[str]]
    delay_minutes: int = 30
    team: str | None = None


class SeedService(_Entry):
    """A service with a routing key."""

    name: str
    escalation_policy: str
    routing_key: str | None = None


class SeedIncident(_Entry):
    """An incident with its history."""

    title: str
    service: str
    urgency: Urgency | None = None
    opened_minutes_ago: float = 0
    acknowledged_after_minutes: float | None = None
    resolved_after_minutes: float | None = None
    by: str | None = None


class Seed(_Entry):
    """The contents of a seed file."""

    users: list[SeedUser] = []
    teams: list[SeedTeam] = []
    schedules: list[SeedSchedule] = []
    escalation_policies: list[SeedPolicy] = []
    services: list[SeedService] = []
    incidents: list[SeedIncident] = []


class _Named(Protocol):
    id: str
    name: str


def load(builder: Builder, file: Path) -> None:
    """Build what a seed file describes.

    Raises:
        ValueError: If it cannot be read or something in it is wrong; the message says what and where.
    """
    try:
        seed = Seed.model_validate_json(file.read_bytes())
    except OSError as error:
        raise ValueError(f"it cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"]) or "the whole"
        raise ValueError(f"{place}: {first['msg']}") from error
    _People(builder, seed).build()


class _People:
    """Looks names up while it builds."""

    def __init__(self, builder: Builder, seed: Seed) -> None:
        self._builder, self._seed, self._state = builder, seed, builder.account.state

    def build(self) -> None:
        """Build everything, in the order in which things refer to one another."""
        build, seed = self._builder, self._seed
        for user in seed.users:
            build.add_user(user.name, user.email, role=user.role)
        for team in seed.teams:
            build.add_team(team.name, members={self._user(email): role for email, role in team.members.items()})
        for each in seed.schedules:
            build.add_schedule(
                each.name,
                [self._user(email) for email in each.users],
                turn=timedelta(hours=each.turn_hours),
                time_zone=each.time_zone,
                team_ids=self._teams(each.team),
            )
        for policy in seed.escalation_policies:
            build.add_escalation_policy(
                policy.name,
                [[self._target(name) for name in level] for level in policy.levels],
                delay=timedelta(minutes=policy.delay_minutes),
                team_ids=self._teams(policy.team),
            )
        for service in seed.services:
            policy_id = self._named("escalation policy", service.escalation_policy, self._state.policies.values())
            build.add_service(service.name, policy_id, routing_key=service.routing_key)
        for incident in seed.incidents:
            self._incident(incident)

    def _incident(self, found: SeedIncident) -> None:
        opened = self._builder.account.now() - timedelta(minutes=found.opened_minutes_ago)
        acknowledged, resolved = found.acknowledged_after_minutes, found.resolved_after_minutes
        self._builder.add_incident(
            found.title,
            self._named("service", found.service, self._state.services.values()),
            urgency=found.urgency,
            created_at=opened,
            acknowledged_at=None if acknowledged is None else opened + timedelta(minutes=acknowledged),
            resolved_at=None if resolved is None else opened + timedelta(minutes=resolved),
            by=found.by and self._user(found.by),
        )

    def _named(self, kind: str, name: str, among: Iterable[_Named]) -> str:
        for each in among:
            if each.name == name:
                return each.id
        raise ValueError(f"there is no {kind} named {name!r}")

    def _user(self, email: str) -> str:
        for user in self._state.users.values():
            if user.email == email:
                return user.id
        raise ValueError(f"there is no user with the address {email!r}")

    def _teams(self, name: str | None) -> list[str]:
        return [self._named("team", name, self._state.teams.values())] if name else []

    def _target(self, name: str) -> str:
        return self._user(name) if "@" in name else self._named("schedule", name, self._state.schedules.values())
