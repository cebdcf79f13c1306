"""The simulator's time: real by default, frozen and moved by hand on request."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class Clock:
    """A clock that can be stopped and moved, so that hours of waiting take no time.

    Everything in the simulator that depends on time reads this clock: acknowledgement and auto-resolve
    timeouts, snoozes, on-call shifts, token expiry, rate limit windows and the retries of webhooks.

    Example:
        >>> clock = Clock(datetime(2026, 1, 1, tzinfo=UTC))
        >>> clock.advance(hours=2).isoformat()
        '2026-01-01T02:00:00+00:00'
    """

    def __init__(self, frozen_at: datetime | None = None) -> None:
        self._frozen = frozen_at
        self._offset = timedelta()
        self._listeners: list[Callable[[], None]] = []

    def now(self) -> datetime:
        """Return the simulated time, in UTC."""
        return self._frozen if self._frozen is not None else datetime.now(UTC) + self._offset

    @property
    def frozen(self) -> bool:
        """Whether time stands still until it is advanced."""
        return self._frozen is not None

    def freeze(self, at: datetime | None = None) -> datetime:
        """Stop the clock, now or at a given time, and return that time."""
        self._frozen = (at or self.now()).astimezone(UTC)
        self._changed()
        return self._frozen

    def resume(self) -> datetime:
        """Let time run on from where it stands."""
        if self._frozen is not None:
            self._offset, self._frozen = self._frozen - datetime.now(UTC), None
            self._changed()
        return self.now()

    def advance(
        self, by: timedelta | None = None, *, seconds: float = 0, minutes: float = 0, hours: float = 0
    ) -> datetime:
        """Move the clock forward; everything that falls due on the way happens, in order.

        Raises:
            ValueError: If the step is negative.
        """
        step = (by or timedelta()) + timedelta(seconds=seconds, minutes=minutes, hours=hours)
        if step < timedelta():
            raise ValueError("time can only be advanced; use freeze(at=...) to set it")
        if self._frozen is not None:
            self._frozen += step
        else:
            self._offset += step
        self._changed()
        return self.now()

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` after every jump of the clock."""
        self._listeners.append(listener)

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()
