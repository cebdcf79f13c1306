"""Texts that name a gate of a run and are sealed with the plan keys: what stands in links, and what buttons carry."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from resolute.plan.errors import ConfigurationError, ResoluteError
from resolute.plan.values import Json
from resolute.temporal.trust.seals import PlanKeys, Purpose

LONGEST: Final = 8_000
"""Characters of a token."""


class BadLinkError(ResoluteError):
    """A link or a button that does not hold: nobody with a key has made it, or its time is over."""


class PastLinkError(BadLinkError):
    """A link or a button whose time is over."""


def token_of(keys: PlanKeys, purpose: Purpose, begins: str, names: Sequence[str], until: datetime) -> str:
    """A token that says these names and until when it holds.

    Raises:
        ConfigurationError: there are no keys to seal it with.
    """
    parts: list[Json] = [*names, int(until.timestamp())]
    seal = keys.seal(purpose, *parts)
    if seal is None:
        raise ConfigurationError(f"a {purpose} is sealed with the plan keys: set RESOLUTE_PLAN_KEYS")
    written = json.dumps([seal, *parts], separators=(",", ":"), ensure_ascii=False).encode()
    return begins + base64.urlsafe_b64encode(written).decode().rstrip("=")


def names_in(
    token: str, keys: PlanKeys, purpose: Purpose, begins: str, count: int, now: datetime
) -> tuple[list[str], datetime]:
    """The names in a token, and until when it holds.

    Raises:
        BadLinkError: it is forged, damaged, or its time is over.
    """
    forged = BadLinkError(f"this {purpose} is not valid: it is damaged, or was not made here")
    if not token.startswith(begins) or len(token) > LONGEST or not token.isascii():
        raise forged
    try:
        packed = token.removeprefix(begins)
        parts: Any = json.loads(base64.b64decode(packed + "=" * (-len(packed) % 4), altchars=b"-_", validate=True))
        seal, *names, until = parts
        if len(names) != count or not all(isinstance(name, str) for name in names) or type(until) is not int:
            raise forged
        if not keys.verifies(seal, purpose, *names, until):
            raise forged
        end = datetime.fromtimestamp(until, UTC)
    except (ValueError, TypeError, RecursionError, OverflowError, OSError):
        raise forged from None
    if now >= end:
        raise PastLinkError(f"this {purpose} is no longer valid: its time is over")
    return names, end
