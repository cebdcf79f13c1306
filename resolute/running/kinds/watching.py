"""What an alarm remembers from check to check, and what a check makes of it. Pure: a value becomes another value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, TypeAlias, cast

from resolute.plan.alarmed import AlarmState
from resolute.plan.kinds.alarm import After, Alarm
from resolute.plan.triggers import Schedule
from resolute.plan.values import Json, JsonObject

Signal: TypeAlias = Literal["bad", "clear", "neither", "unknown"]
"""What a check says: `neither` between what is bad and what is clear, `unknown` where a value was missing."""

Edge: TypeAlias = Literal["", "raised", "cleared"]
"""What no run that saw it has ended well with."""

Opened: TypeAlias = Literal["", "opening", "open", "unsure"]
"""The incident: `opening` where it was to be opened, and nobody knows what became of that; `unsure` where it may have
been opened or closed by a run that handed nothing on, or closed by one that did not hear so."""

_STATES: Final = ("ok", "pending", "firing", "clearing")

_LATE: Final = 1.5
"""Checks that are so many times farther apart than those before them may have had others between them."""

_SLOWER: Final = 1.2
"""How much longer the time between checks is taken to be behind one that was late: a few of those, and it is usual."""


@dataclass(frozen=True, kw_only=True)
class Watched:
    """How the thing stands that an alarm watches.

    `since` is when the state began, `raised_at` when the alarm was raised last, `told_at` when its incident was opened
    last or was found to be open, `bad_at` the last check that was bad, and `at` the last one of all, `apart` seconds
    from the one before it, in a run that ended at `until`. `known_by` is what its incident is known by.
    """

    state: AlarmState
    since: datetime
    at: datetime
    bad: int = 0
    clear: int = 0
    bad_at: datetime | None = None
    raised_at: datetime | None = None
    edge: Edge = ""
    incident: Opened = ""
    known_by: str = ""
    apart: float = 0.0
    told_at: datetime | None = None
    until: datetime | None = None

    @property
    def is_raised(self) -> bool:
        """Whether it is raised and not yet cleared."""
        return self.state in ("firing", "clearing")

    @property
    def is_well(self) -> bool:
        """Whether there is nothing to remember of it."""
        return self.state == "ok" and not self.edge and not self.incident

    def as_json(self) -> JsonObject:
        """As plain data, without what is empty. `open` says what is left behind if nobody watches it any more."""
        data: dict[str, Json] = {
            "state": self.state,
            "since": self.since.isoformat(),
            "at": self.at.isoformat(),
            "bad": self.bad,
            "clear": self.clear,
            "bad_at": self.bad_at.isoformat() if self.bad_at else None,
            "raised_at": self.raised_at.isoformat() if self.raised_at else None,
            "edge": self.edge,
            "incident": self.incident,
            "known_by": self.known_by,
            "apart": self.apart,
            "told_at": self.told_at.isoformat() if self.told_at else None,
            "open": self._left_open(),
        }
        return {name: value for name, value in data.items() if value}

    def _left_open(self) -> str:
        if self.incident:
            return f"its incident {self.known_by!r} may be open" if self.known_by else "its incident may be open"
        return "it was raised and not cleared" if self.is_raised else ""


def watched_from(data: Json) -> Watched | None:
    """What `Watched.as_json` wrote; None for what it did not."""
    try:
        held: JsonObject = data if isinstance(data, Mapping) else {}
        if held["state"] not in _STATES:
            return None
        return Watched(
            state=held["state"],
            since=_time(held["since"]),
            at=_time(held["at"]),
            bad=int(cast("int", held.get("bad", 0))),
            clear=int(cast("int", held.get("clear", 0))),
            bad_at=_time(held["bad_at"]) if "bad_at" in held else None,
            raised_at=_time(held["raised_at"]) if "raised_at" in held else None,
            edge=cast("Edge", held.get("edge", "")),
            incident=cast("Opened", held.get("incident", "")),
            known_by=str(held.get("known_by", "")),
            apart=float(cast("float", held.get("apart", 0.0))),
            told_at=_time(held["told_at"]) if "told_at" in held else None,
            until=_time(held["until"]) if "until" in held else None,
        )
    except (KeyError, TypeError, ValueError):
        return None


def checked(alarm: Alarm, before: Watched | None, signal: Signal, now: datetime, *, is_late: bool = False) -> Watched:
    """How it stands after a check, as far as that raises nothing: `is_due` says whether it is to be raised.

    What is neither bad nor clear, and what is not known, changes no state and no count. Where the check `is_late`, a
    run in between may have opened or closed the incident without handing that on.
    """
    old = before or Watched(state="ok", since=now, at=now)
    if before and is_late and alarm.raises and before.incident != "opening":
        old = replace(old, incident="unsure")
    new = replace(old, at=now, apart=_apart(old, now))
    match signal:
        case "bad":
            new = replace(new, bad=old.bad + 1, clear=0, bad_at=now)
            if old.state == "ok":
                new = replace(new, state="pending", since=now)
            elif old.state == "clearing":
                new = replace(new, state="firing", since=old.raised_at or now)
        case "clear":
            new = replace(new, bad=0, clear=old.clear + 1)
            if old.state == "pending":
                new = replace(new, state="ok", since=now)
            elif old.state == "firing":
                new = replace(new, state="clearing", since=now, clear=1)
            if new.state == "clearing" and _has_lasted(alarm.clear_after, new.clear, now - new.since):
                new = replace(new, state="ok", since=now, edge="cleared")
        case "neither" | "unknown":
            if has_lapsed(alarm, old, signal, now):
                new = replace(new, state="ok", since=now, bad=0)
    return new


def has_lapsed(alarm: Alarm, before: Watched | None, signal: Signal, now: datetime) -> bool:
    """Whether a check ends what is pending, because it was neither bad nor clear for too long."""
    if before is None or before.state != "pending" or signal in ("bad", "clear"):
        return False
    return now - (before.bad_at or before.since) >= timedelta(seconds=alarm.pending)


def is_due(alarm: Alarm, after: Watched, signal: Signal) -> bool:
    """Whether the alarm is to be raised: it is bad now, and has been for long enough."""
    lasted = after.at - after.since
    return after.state == "pending" and signal == "bad" and _has_lasted(alarm.raise_after, after.bad, lasted)


def raised(after: Watched) -> Watched:
    """The alarm, raised."""
    return replace(after, state="firing", since=after.at, raised_at=after.at, edge="raised")


def _has_lasted(after: After, checks: int, lasted: timedelta) -> bool:
    if after.checks is not None:
        return checks >= after.checks
    return lasted >= timedelta(seconds=after.seconds or 0)


def is_to_be_opened(alarm: Alarm, after: Watched, signal: Signal) -> bool:
    """Whether the incident is to be opened: it is raised, and nobody knows that the incident is open.

    An incident that is open is opened again after `reopen_after`: somebody may have resolved it meanwhile.
    """
    if not alarm.raises or not after.is_raised:
        return False
    match after.incident:
        case "open":
            told_at = after.told_at or after.raised_at or after.since
            again = alarm.reopen_after
            return signal == "bad" and again is not None and after.at - told_at >= timedelta(seconds=again)
        case "unsure":
            return signal == "bad"  # what a run that is not known of has closed is opened by what is bad, not by doubt
        case _:
            return True


def is_to_be_closed(alarm: Alarm, after: Watched, signal: Signal) -> bool:
    """Whether the incident is to be closed: it is cleared, and the incident may be open."""
    if not alarm.raises or after.state != "ok" or not after.incident:
        return False
    return signal == "clear" or after.edge == "cleared"


def is_late(before: Watched, now: datetime, due: datetime, schedules: Sequence[Schedule]) -> bool:
    """Whether a run may have been between the last check that is known and this one, of which nothing is known.

    What Temporal terminates hands nothing on. Where runs come at an interval, there was one if one was due behind the
    end of the run that is known, and before this one, which was `due`. Otherwise a check that comes later than usual
    is taken for a sign.
    """
    if schedules and all(each.every_seconds for each in schedules):
        ended = before.until or before.at
        return any(_first_due(each, ended) + _slack(each) < due for each in schedules)
    usual = max(before.apart, 60.0 if schedules else 0.0)
    return usual > 0 and (now - before.at).total_seconds() > _LATE * usual


def _first_due(schedule: Schedule, after: datetime) -> datetime:
    period, offset = int(schedule.every_seconds or 1), int(schedule.offset_seconds)
    return datetime.fromtimestamp((int(after.timestamp() - offset) // period + 1) * period + offset, UTC)


def _slack(schedule: Schedule) -> timedelta:
    return timedelta(seconds=(schedule.every_seconds or 0) / 2 + schedule.jitter_seconds)


def _apart(before: Watched, now: datetime) -> float:
    """The usual seconds between two checks: a late one hardly changes them, or two of those would look usual."""
    apart = max(0.0, (now - before.at).total_seconds())
    return min(apart, before.apart * _SLOWER) if apart and before.apart else apart or before.apart


def _time(value: Json) -> datetime:
    return datetime.fromisoformat(str(value))
