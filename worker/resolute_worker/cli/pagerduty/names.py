"""Finds things by name: services, teams, schedules, escalation policies and users; and incidents by number."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from resolute.plan.errors import ConfigurationError
from resolute.plan.shapes import did_you_mean

if TYPE_CHECKING:
    from resolute_worker.cli.pagerduty.desk import Desk

_ID: Final = re.compile(r"[A-Z][A-Z0-9]{5,}")
_INCIDENT: Final = re.compile(r"#?(\d+)")
_ADDRESS: Final = re.compile(r"https?://[^/]+/incidents/([A-Za-z0-9]+)/?")
_SHOWN: Final = 8


@dataclass(frozen=True)
class Named:
    """Something with a name, and its other name: a user's email address."""

    id: str
    name: str
    alias: str = ""

    @property
    def text(self) -> str:
        """The name, with what distinguishes it from others."""
        return f"{self.name} ({self.alias or self.id})"

    def is_called(self, text: str) -> bool:
        """Whether the text is exactly its name, ignoring case."""
        return text.casefold() in (self.name.casefold(), self.alias.casefold())


Search = Callable[["Desk", str | None, int | None], Awaitable[Sequence[Named]]]
"""Those whose name contains a text, or all if it is None; limited to a number, or all if it is None."""

Read = Callable[["Desk", str], Awaitable[Named]]
"""The one with an id."""


@dataclass(frozen=True)
class Kind:
    """A kind of thing that has a name. `read` is None if PagerDuty has no request for one by id."""

    noun: str
    search: Search
    read: Read | None


async def ids_of(desk: Desk, kind: Kind, texts: Sequence[str] | None) -> list[str] | None:
    """The ids of the named things; None if nothing is named.

    Raises:
        ConfigurationError: nothing has that name, or several things do.
    """
    return [(await one(desk, kind, text)).id for text in texts] if texts else None


async def one(desk: Desk, kind: Kind, text: str) -> Named:
    """The thing with that name or id. Part of the name is enough if only one thing matches.

    Raises:
        ConfigurationError: nothing has that name, or several things do.
    """
    from resolute_pagerduty.errors import NotFoundError

    wanted = text.strip()
    if _ID.fullmatch(wanted) and kind.read is not None:
        try:
            return await kind.read(desk, wanted)
        except NotFoundError:
            pass  # a name in capitals
    found = await kind.search(desk, wanted, None)
    exact = [each for each in found if each.is_called(wanted)] or found
    if len(exact) == 1:
        return exact[0]
    if exact:
        shown = ", ".join(each.text for each in exact[:_SHOWN]) + (", ..." if len(exact) > _SHOWN else "")
        raise ConfigurationError(f"{text!r} is {len(exact)} {_plural(kind.noun)}: {shown}; give a whole name or an id")
    known = await kind.search(desk, None, None if kind.read is None else 100)
    by_id = next((each for each in known if each.id == wanted), None)
    if by_id is not None:
        return by_id
    hint = did_you_mean(wanted, [each.name for each in known])
    raise ConfigurationError(f"there is no {kind.noun} {text!r}" + (f" ({hint})" if hint else ""))


def incident_id(text: str) -> str | int:
    """An incident as people refer to it: by number, `#number`, id, or the URL of its page.

    Raises:
        ConfigurationError: it is none of these.
    """
    wanted = text.strip()
    if number := _INCIDENT.fullmatch(wanted):
        return int(number[1])
    address = _ADDRESS.fullmatch(wanted)
    wanted = address[1] if address else wanted
    if not re.fullmatch(r"[A-Za-z0-9]+", wanted):
        raise ConfigurationError(f"{text!r} is not an incident: give its number or its id")
    return wanted


def _plural(noun: str) -> str:
    return noun.removesuffix("y") + "ies" if noun.endswith("y") else f"{noun}s"


async def _services(desk: Desk, text: str | None, limit: int | None) -> Sequence[Named]:
    import resolute_pagerduty as pagerduty

    found = await desk.run(pagerduty.all_services(query=text, limit=limit))
    return [Named(each.id, each.name) for each in found.services]


async def _service(desk: Desk, id: str) -> Named:  # noqa: A002  # PagerDuty's word
    import resolute_pagerduty as pagerduty

    found = (await desk.run(pagerduty.get_service(id=id))).service
    return Named(found.id, found.name)


async def _teams(desk: Desk, text: str | None, limit: int | None) -> Sequence[Named]:
    import resolute_pagerduty as pagerduty

    found = await desk.run(pagerduty.all_teams(query=text, limit=limit))
    return [Named(each.id, each.name) for each in found.teams]


async def _schedules(desk: Desk, text: str | None, limit: int | None) -> Sequence[Named]:
    import resolute_pagerduty as pagerduty

    found = await desk.run(pagerduty.all_schedules(query=text, limit=limit))
    return [Named(each.id, each.name) for each in found.schedules]


async def _schedule(desk: Desk, id: str) -> Named:  # noqa: A002  # PagerDuty's word
    import resolute_pagerduty as pagerduty

    found = (await desk.run(pagerduty.get_schedule(id=id))).schedule
    return Named(found.id, found.name)


async def _policies(desk: Desk, text: str | None, limit: int | None) -> Sequence[Named]:
    import resolute_pagerduty as pagerduty

    found = await desk.run(pagerduty.all_escalation_policies(query=text, limit=limit))
    return [Named(each.id, each.name) for each in found.escalation_policies]


async def _policy(desk: Desk, id: str) -> Named:  # noqa: A002  # PagerDuty's word
    import resolute_pagerduty as pagerduty

    found = (await desk.run(pagerduty.get_escalation_policy(id=id))).escalation_policy
    return Named(found.id, found.name)


async def _users(desk: Desk, text: str | None, limit: int | None) -> Sequence[Named]:
    import resolute_pagerduty as pagerduty

    found = await desk.run(pagerduty.all_users(query=text, limit=limit))
    return [Named(each.id, each.name, each.email) for each in found.users]


async def _user(desk: Desk, id: str) -> Named:  # noqa: A002  # PagerDuty's word
    import resolute_pagerduty as pagerduty

    found = (await desk.run(pagerduty.get_user(id=id))).user
    return Named(found.id, found.name, found.email)


async def _priorities(desk: Desk, text: str | None, limit: int | None) -> Sequence[Named]:
    """All priorities: PagerDuty has no search for them, and an account has a handful."""
    import resolute_pagerduty as pagerduty

    found = (await desk.run(pagerduty.list_priorities(limit=limit or 100))).priorities
    wanted = (text or "").casefold()
    return [Named(each.id, each.name) for each in found if wanted in each.name.casefold()]


SERVICE: Final = Kind("service", _services, _service)
TEAM: Final = Kind("team", _teams, None)
SCHEDULE: Final = Kind("schedule", _schedules, _schedule)
ESCALATION_POLICY: Final = Kind("escalation policy", _policies, _policy)
USER: Final = Kind("user", _users, _user)
PRIORITY: Final = Kind("priority", _priorities, None)
