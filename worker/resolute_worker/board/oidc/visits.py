"""What a browser keeps of a login that is on its way: sealed, and good for ten minutes."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from resolute_worker.board.sessions import Sessions

LENGTH: Final = timedelta(minutes=10)
"""How long somebody may take at the issuer."""

COOKIE: Final = "resolute_login"
"""The name of the cookie on loopback; elsewhere it begins with `__Host-`."""

_LONGEST_PLACE: Final = 1_000


@dataclass(frozen=True)
class Visit:
    """One way to the issuer and back.

    Attributes:
        id: its number, which nobody else can know.
        place: the page of the board that somebody wanted to see.
        state: what comes back in the address, so that no other site can end this login.
        nonce: what stands in the ID token, so that a token of another login is worth nothing.
        verifier: what the board proves with that it began this login (PKCE).
    """

    id: str
    place: str
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


class Visits:
    """Makes and reads them. The cookie holds a number and a place; everything else is derived from the number."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def begun(self, place: str) -> tuple[Visit, str]:
        """A new one, and its cookie."""
        number, until = secrets.token_urlsafe(24), int(time.time() + LENGTH.total_seconds())
        kept = place if len(place) <= _LONGEST_PLACE else ""
        said = json.dumps([number, kept, until], separators=(",", ":"), ensure_ascii=False)
        return self._made(number, kept), self._sessions.packed("login", said.encode())

    def read(self, cookie: str | None) -> Visit | None:
        """That of a cookie; None where it was not made here, or has taken too long."""
        said = self._sessions.unpacked("login", cookie)
        if said is None:
            return None
        parts: Any = json.loads(said)
        number, place, until = parts
        return self._made(number, place) if until > time.time() else None

    def _made(self, number: str, place: str) -> Visit:
        state, nonce, verifier = (self._sessions.derived(word, number) for word in ("state", "nonce", "verifier"))
        return Visit(number, place, state, nonce, verifier)
