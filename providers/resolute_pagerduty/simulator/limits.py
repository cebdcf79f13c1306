"""Rate limits: counted per minute, told in headers, refused when used up."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil

MINUTE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a limit says to one request: whether it passes, and what the headers tell.

    Attributes:
        allowed: Whether the request passes.
        limit: How many requests a window takes; None if there is no limit.
        remaining: How many are left.
        reset: Seconds until the window ends.
    """

    allowed: bool
    limit: int | None = None
    remaining: int = 0
    reset: int = 0

    @property
    def headers(self) -> dict[str, str]:
        """The `ratelimit-*` headers."""
        if self.limit is None:
            return {}
        return {
            "ratelimit-limit": str(self.limit),
            "ratelimit-remaining": str(self.remaining),
            "ratelimit-reset": str(self.reset),
        }


@dataclass(slots=True)
class Limit:
    """A number of requests per minute for each of many callers; None means without limit."""

    per_minute: int | None
    _windows: dict[str, tuple[datetime, int]] = field(default_factory=dict[str, tuple[datetime, int]])

    def take(self, caller: str, now: datetime) -> Verdict:
        """Count one request of a caller; a refused one does not count."""
        if self.per_minute is None:
            return Verdict(True)
        start, used = self._windows.get(caller, (now, 0))
        if not timedelta() <= now - start < MINUTE:
            start, used = now, 0
        reset = ceil((start + MINUTE - now).total_seconds())
        if used >= self.per_minute:
            return Verdict(False, self.per_minute, 0, reset)
        self._windows[caller] = (start, used + 1)
        return Verdict(True, self.per_minute, self.per_minute - used - 1, reset)

    def clear(self) -> None:
        """Forget what has been counted."""
        self._windows.clear()


class Limits:
    """All rate limits of an account.

    PagerDuty publishes 960 requests a minute for REST, 500 for PUT /incidents and about 120 for one integration
    key. That POST /incidents and GET /oncalls have limits of their own is documented, their size is not.

    Args:
        rest: Requests per minute and credential.
        post_incidents: POST /incidents, for the whole account.
        put_incidents: PUT /incidents, for the whole account.
        get_oncalls: GET /oncalls, for the whole account.
        events: Events per minute and routing key.
    """

    def __init__(
        self,
        rest: int | None = 960,
        *,
        post_incidents: int | None = 240,
        put_incidents: int | None = 500,
        get_oncalls: int | None = 480,
        events: int | None = 120,
    ) -> None:
        self.rest = Limit(rest)
        self.events = Limit(events)
        self.operations = {
            "POST /incidents": Limit(post_incidents),
            "PUT /incidents": Limit(put_incidents),
            "GET /oncalls": Limit(get_oncalls),
        }

    @classmethod
    def none(cls) -> "Limits":
        """Return limits that refuse nothing."""
        return cls(None, post_incidents=None, put_incidents=None, get_oncalls=None, events=None)

    def take(self, caller: str, operation: str | None, now: datetime) -> Verdict:
        """Count a REST request; where two limits hold, the one that is closer to being reached speaks."""
        general = self.rest.take(caller, now)
        if operation is None or not general.allowed:
            return general
        own = self.operations[operation].take("account", now)
        if own.limit is not None and (general.limit is None or own.remaining < general.remaining or not own.allowed):
            return own
        return general

    def clear(self) -> None:
        """Forget what has been counted."""
        for limit in (self.rest, self.events, *self.operations.values()):
            limit.clear()
