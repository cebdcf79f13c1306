"""The heartbeats of a flow in a test: beaten by the test, missed in virtual time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from resolute.plan.beats import Heartbeat
from resolute.plan.plan import Plan
from resolute.plan.shapes import did_you_mean
from resolute.running.beats import Pulse, Terms
from resolute.testing.fakes import UnknownFakeError


class TestedBeats:
    """The heartbeats of a plan, deployed at a time; the same decides in production."""

    __test__ = False

    def __init__(self, plan: Plan, now: datetime) -> None:
        self._pulses: dict[str, Pulse] = {}
        for trigger in plan.triggers:
            if isinstance(trigger, Heartbeat):
                pulse = self._pulses[trigger.path] = Pulse(trigger.path)
                pulse.expect(Terms.of(trigger, released=now, worker_set=""), now.timestamp())

    def pulse(self, path: str) -> Pulse:
        """The heartbeat at a path; the only one where none is named.

        Raises:
            UnknownFakeError: there is no such heartbeat, or there are several.
        """
        known = list(self._pulses)
        if not path and len(known) == 1:
            path = known[0]
        if path not in known:
            raise UnknownFakeError(f"the flow has no heartbeat {path!r} ({did_you_mean(path, known)})")
        return self._pulses[path]

    def next(self, until: datetime) -> tuple[datetime, Pulse] | None:
        """The heartbeat that starts something next, up to a time, and when; None where none does."""
        waking = [
            (at, path)
            for path, pulse in self._pulses.items()
            for at in (pulse.wakes, pulse.looks)
            if at is not None and at <= until.timestamp()
        ]
        if not waking:
            return None
        at, path = min(waking)
        return datetime.fromtimestamp(at, UTC), self._pulses[path]


def later(now: datetime, at: datetime) -> timedelta:
    """How far a clock has to be moved to a time; not at all where it has passed it."""
    return max(timedelta(), at - now)
