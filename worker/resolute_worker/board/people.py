"""Who looks at the board, and what each may do there."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

from pydantic import SecretStr

from resolute.plan.errors import ConfigurationError

Role: TypeAlias = Literal["viewer", "operator", "approver"]
"""What a person may do: look; retry, cancel, pause and brake; decide gates. Everybody who is known may look."""

ROLES: Final[tuple[Role, ...]] = get_args(Role)

SHORTEST: Final = 20
"""Characters of the shortest token that is taken: shorter ones can be guessed."""

NOBODY_NAMED: Final = "board"
"""Who somebody is that has the one token without a name."""

_BETWEEN: Final = ", \t\r\n"
_ENTRY: Final = re.compile(r"(?P<name>[^:,]+(?::[^:,]+)*?):(?P<roles>[^:,\s]+)(?=[,\s]|$)")


@dataclass(frozen=True)
class Person:
    """Somebody who is known, and what they may do."""

    name: str
    roles: frozenset[Role]

    def may(self, role: Role) -> bool:
        """Whether they have a role; everybody who is known may look."""
        return role == "viewer" or role in self.roles


@dataclass(frozen=True)
class Tokens:
    """The tokens with which people log in, each of one person."""

    known: tuple[tuple[SecretStr, Person], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.known)

    def person(self, given: str) -> Person | None:
        """Whose token it is; None where it is nobody's. Takes as long for every answer."""
        found: Person | None = None
        for token, person in self.known:
            if hmac.compare_digest(token.get_secret_value().encode(), given.encode()):
                found = person
        return found

    def entries(self) -> list[str]:
        """Each token with its person and roles: what a session is worth depends on all three."""
        return [f"{person.name}:{sorted(person.roles)}:{token.get_secret_value()}" for token, person in self.known]

    def secrets(self) -> list[str]:
        """What must never be shown."""
        return [token.get_secret_value() for token, _ in self.known]


def tokens_from(text: SecretStr | None) -> Tokens:
    """The tokens of RESOLUTE_BOARD_TOKEN: `TOKEN`, or `PERSON:ROLES:TOKEN` for each person.

    >>> tokens_from(SecretStr("ada:operator+approver:0123456789abcdefghij")).person("0123456789abcdefghij").name
    'ada'

    Raises:
        ConfigurationError: an entry cannot be read, or a token is too short; says which one, and not the token.
    """
    entries = text.get_secret_value().replace(",", " ").split() if text is not None else []
    found: list[tuple[SecretStr, Person]] = []
    for number, entry in enumerate(entries, start=1):
        name, _, rest = entry.partition(":")
        roles, _, token = rest.partition(":")
        if not rest:
            name, roles, token = NOBODY_NAMED, "+".join(ROLES), entry
        if not name or len(token) < SHORTEST:
            raise ConfigurationError(
                f"entry {number} of RESOLUTE_BOARD_TOKEN is not TOKEN or PERSON:ROLES:TOKEN with a token of at least "
                f"{SHORTEST} characters: make one with `openssl rand -hex 32`"
            )
        found.append((SecretStr(token), Person(name, roles_from(roles, f"entry {number} of RESOLUTE_BOARD_TOKEN"))))
    return Tokens(tuple(found))


def roles_from(text: str, where: str) -> frozenset[Role]:
    """Roles that are joined by `+`.

    Raises:
        ConfigurationError: one is not a role.
    """
    wanted = text.split("+")
    if unknown := [each for each in wanted if each not in ROLES]:
        raise ConfigurationError(f"{where} names the role {unknown[0]!r}: roles are {', '.join(ROLES)}")
    return frozenset(role for role in ROLES if role in wanted)


def roles_by_name(text: str | None, setting: str) -> Mapping[str, frozenset[Role]]:
    """The roles of people or groups: `NAME:ROLES` for each, separated by commas or spaces; `*` is everybody.

    >>> sorted(roles_by_name("Site Reliability:operator+approver, *:viewer", "IT")["Site Reliability"])
    ['approver', 'operator']

    Raises:
        ConfigurationError: an entry cannot be read.
    """
    found: dict[str, frozenset[Role]] = {}
    rest = (text or "").strip(_BETWEEN)
    while rest:
        entry = _ENTRY.match(rest)
        if entry is None:
            raise ConfigurationError(f"{rest[:200]!r} in {setting} is not NAME:ROLES, such as ada:operator+approver")
        found[entry["name"].strip()] = roles_from(entry["roles"], f"{entry[0]!r} in {setting}")
        rest = rest[entry.end() :].strip(_BETWEEN)
    return found
