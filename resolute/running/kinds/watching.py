"""What an alarm remembers from check to check, and what a check makes of it. Pure: a value becomes another value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias, cast

from resolute.plan.alarmed import AlarmState
from resolute.plan.kinds.alarm import After, Alarm
from resolute.plan.values import Json, JsonObject

Signal: TypeAlias = Literal["bad", "clear", "neither", "unknown"]
"""What a check says: `neither` between what is bad and what is clear, `unknown` where a value was missing."""

Edge: TypeAlias = Literal["", "raised", "cleared"]
"""What no run that saw it has ended well with."""

Opened: TypeAlias = Literal["", "opening", "open"]
"""The incident: `opening` where it may be open, because nobody knows what became of the attempt."""

_STATES: Final = ("ok", "pending", "firing", "clearing")

_LATE: Final = 1.5
"""Checks that are so many times farther apart than those before them may have had others between them."""


@dataclass(frozen=True, kw_only=True)
class Watched:
    """How the thing stands that an alarm watches.

    `since` is when the state began, `raised_at` when the alarm was raised last, `bad_at` the last check that was bad,
    and `at` the last one of all, `apart` seconds from the one before it. `known_by` is what its incident is known by.
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
        )
    except (KeyError, TypeError, ValueError):
        return None


def checked(alarm: Alarm, before: Watched | None, signal: Signal, now: datetime, usual: float = 0) -> Watched:
    """How it stands after a check, as far as that raises nothing: `is_due` says whether it is to be raised.

    What is neither bad nor clear, and what is not known, changes no state and no count. `usual` are the seconds that
    the schedule leaves between two checks.
    """
    old = _in_doubt(alarm, before, now, usual) if before else Watched(state="ok", since=now, at=now)
    new = replace(old, at=now, apart=max(0.0, (now - old.at).total_seconds()) or old.apart)
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


def _in_doubt(alarm: Alarm, before: Watched, now: datetime, usual: float) -> Watched:
    """What is known, where a run in between may have been cut off that opened or closed the incident.

    What Temporal terminates hands nothing on. So where a check is late nobody knows whether the incident is open: it is
    opened again while the alarm is raised, and closed when it is not. Both are harmless where they were not needed.
    """
    apart = max(before.apart, usual)
    is_late = apart > 0 and (now - before.at).total_seconds() > _LATE * apart
    return replace(before, incident="opening") if alarm.raises and is_late else before


def _time(value: Json) -> datetime:
    return datetime.fromisoformat(str(value))
