"""What a browser keeps: who logged in, sealed; and the proof that a form comes from a page of the board."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from resolute.temporal.trust.seals import PlanKeys
from resolute_worker.board.people import ROLES, Person

LENGTH: Final = timedelta(hours=12)
"""How long somebody stays logged in."""

LONGEST: Final = 2_000
"""Characters of a cookie that are looked at."""

COOKIE: Final = "resolute_board"
"""The name of the cookie on loopback; elsewhere it begins with `__Host-`, which browsers keep to https and one host."""


@dataclass(frozen=True)
class Session:
    """One browser: its number, and who has logged in with it, if somebody has."""

    id: str
    person: Person | None = None
    until: datetime | None = None


class Sessions:
    """Makes and reads cookies and form tokens. They outlive a restart where the same people may do the same.

    Args:
        keys: what they are sealed with; without any, they end with the process. What people log in with is not
            enough: who knows it could make the session of somebody else.
        entries: who may do what. Where it changes, every session ends.
    """

    def __init__(self, keys: PlanKeys, entries: Iterable[str]) -> None:
        sealed = keys.seal("session", list(entries))
        self._key = sealed.encode() if sealed else secrets.token_bytes(32)

    def fresh(self, person: Person | None = None) -> Session:
        """A new session."""
        return Session(secrets.token_urlsafe(16), person, datetime.now(UTC) + LENGTH if person else None)

    def cookie(self, session: Session) -> str:
        """The session as a browser keeps it."""
        name, roles = (session.person.name, sorted(session.person.roles)) if session.person else ("", [])
        until = int(session.until.timestamp()) if session.until else 0
        said = json.dumps([session.id, name, roles, until], separators=(",", ":"), ensure_ascii=False)
        return self.packed("session", said.encode())

    def read(self, cookie: str | None) -> Session | None:
        """The session of a cookie; None where it was not made here, or its time is over."""
        said = self.unpacked("session", cookie)
        if said is None:
            return None
        parts: Any = json.loads(said)
        session_id, name, roles, until = parts
        if not name:
            return Session(str(session_id))
        ends = datetime.fromtimestamp(until, UTC)
        if ends <= datetime.now(UTC):
            return None
        return Session(str(session_id), Person(name, frozenset(role for role in ROLES if role in roles)), ends)

    def form_token(self, session: Session) -> str:
        """What every form of a session sends."""
        return self.derived("form", session.id)

    def is_own_form(self, session: Session, sent: str) -> bool:
        """Whether a form comes from a page of this session."""
        return hmac.compare_digest(self.form_token(session).encode(), sent.encode())

    def packed(self, purpose: str, said: bytes) -> str:
        """Something with its seal, as a browser keeps it."""
        return f"{_packed(said)}.{_packed(self._seal(purpose, said))}"

    def unpacked(self, purpose: str, cookie: str | None) -> bytes | None:
        """What was packed here for this purpose; None where it was not."""
        if not cookie or len(cookie) > LONGEST or not cookie.isascii():
            return None
        packed, _, seal = cookie.partition(".")
        try:
            said, known = _unpacked(packed), _unpacked(seal)
        except ValueError:
            return None
        return said if hmac.compare_digest(self._seal(purpose, said), known) else None

    def derived(self, purpose: str, number: str) -> str:
        """What nobody can know of a number but this board."""
        return _packed(self._seal(purpose, number.encode()))

    def _seal(self, purpose: str, said: bytes) -> bytes:
        return hmac.digest(self._key, purpose.encode() + b"\0" + said, "sha256")


def _packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _unpacked(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
