"""Users and teams."""

from __future__ import annotations

from resolute_pagerduty.models.base import Model, Reference


class ContactMethod(Model):
    """How a user is reached; only filled with `include=["contact_methods"]`."""

    id: str = ""
    type: str = ""
    summary: str = ""
    label: str = ""
    address: str = ""


class User(Reference):
    """A user. If another resource only refers to one, `summary` holds the name and the other fields are empty.

    Source: https://developer.pagerduty.com/api-reference/a47605517c19a-api-concepts#users
    """

    name: str = ""
    email: str = ""
    time_zone: str = ""
    role: str = ""
    job_title: str = ""
    description: str = ""
    avatar_url: str | None = None
    teams: tuple[Reference, ...] = ()
    contact_methods: tuple[ContactMethod, ...] = ()


class Team(Reference):
    """A team.

    Source: https://developer.pagerduty.com/api-reference/a47605517c19a-api-concepts#teams
    """

    name: str = ""
    description: str = ""
    default_role: str = ""


class TeamMember(Model):
    """A user in a team, with their role there: observer, responder or manager."""

    user: User = User()
    role: str = ""
