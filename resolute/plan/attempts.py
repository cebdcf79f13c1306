"""What the attempts of a step share: a key of its own, and what an attempt leaves for the next one.

A client that cannot tell whether its request was carried out has to tell its next attempt so, even where its worker is
killed before any answer comes. So it records facts in the heartbeat of its call before it sends.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextvars import ContextVar

from resolute.plan.context import CallContext, current_call
from resolute.plan.errors import ResoluteError
from resolute.plan.values import Json

_left: ContextVar[tuple[CallContext, dict[str, Json]]] = ContextVar("resolute_left")


def step_digest(length: int = 32) -> str:
    """Hexadecimal digits that identify this step of this run, whichever attempt is running."""
    return hashlib.sha256(current_call().idempotency_key.encode()).hexdigest()[:length]


def left() -> dict[str, Json]:
    """What earlier attempts of this step have recorded, and this one so far. Empty if no step is running."""
    try:
        call = current_call()
    except ResoluteError:
        return {}
    known = _left.get(None)
    if known is None or known[0] is not call:
        before = call.last_heartbeat[0] if call.last_heartbeat else None
        known = (call, dict(before) if isinstance(before, Mapping) else {})
        _left.set(known)
    return known[1]


def leave(**facts: Json) -> None:
    """Records facts for the next attempt, in addition to earlier ones. In a terminal there is no next attempt."""
    try:
        call = current_call()
    except ResoluteError:
        return
    known = left()
    known.update(facts)
    call.heartbeat(dict(known))
