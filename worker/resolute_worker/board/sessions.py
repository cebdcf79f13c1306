"""What a browser keeps: who logged in, sealed; and the proof that a form comes from a page of the board."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

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
    """Makes and reads cookies and form tokens. They outlive a restart where the same people may do the same."""

    def __init__(self, entries: Iterable[str]) -> None:
        known = "\0".join(entries)
        # Another token, person or role makes another key, which ends every session.
        self._key = hashlib.sha256(b"resolute board\0" + known.encode()).digest() if known else secrets.token_bytes(32)

    def fresh(self, person: Person | None = None) -> Session:
        """A new session."""
        return Session(secrets.token_urlsafe(16), person, datetime.now(UTC) + LENGTH if person else None)

    def cookie(self, session: Session) -> str:
        """The session as a browser keeps it."""
        name, roles = (session.person.name, sorted(session.person.roles)) if session.person else ("", [])
        until = int(session.until.timestamp()) if session.until else 0
        said = json.dumps([session.id, name, roles, until], separators=(",", ":")).encode()
        return f"{_packed(said)}.{_packed(self._seal(b'session', said))}"

    def read(self, cookie: str | None) -> Session | None:
        """The session of a cookie; None where it was not made here, or its time is over."""
        if not cookie or len(cookie) > LONGEST or not cookie.isascii():
            return None
        packed, _, seal = cookie.partition(".")
        try:
            said = _unpacked(packed)
            if not hmac.compare_digest(self._seal(b"session", said), _unpacked(seal)):
                return None
            parts: Any = json.loads(said)
            session_id, name, roles, until = parts
        except ValueError:
            return None
        if not name:
            return Session(str(session_id))
        ends = datetime.fromtimestamp(until, UTC)
        if ends <= datetime.now(UTC):
            return None
        return Session(str(session_id), Person(name, frozenset(role for role in ROLES if role in roles)), ends)

    def form_token(self, session: Session) -> str:
        """What every form of a session sends."""
        return _packed(self._seal(b"form", session.id.encode()))

    def is_own_form(self, session: Session, sent: str) -> bool:
        """Whether a form comes from a page of this session."""
        return hmac.compare_digest(self.form_token(session).encode(), sent.encode())

    def _seal(self, purpose: bytes, said: bytes) -> bytes:
        return hmac.digest(self._key, purpose + b"\0" + said, "sha256")


def _packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _unpacked(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
