"""A heartbeat as it stands: when it was heard last, when the next beat is missed, and which runs start for that.

Decides, and does nothing itself: `resolute.temporal.workflows.beats` waits and starts the runs, and the tester plays
the same. Times are seconds since 1970, and given by whoever asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias, cast

from resolute.plan.beats import Heartbeat, MissedBeat
from resolute.plan.values import Json, JsonObject

SECOND_CHANCE: Final = 3600.0
"""Seconds that a sender has at most, beside its grace, to beat again after a time in which nobody could hear it.

It has a whole turn if that is shorter, so that a short outage of ours raises no alarm for every heartbeat. Whoever
beats once a day and does not try again is not waited for until tomorrow.
"""

MOST_STARTS: Final = 50
"""Runs that wait to be started; beyond them the oldest is let go of."""

FIRST_LOOK: Final = 60.0
LONGEST_LOOK: Final = 3600.0
"""Seconds after which it is looked at what became of a run: first, and at most; twice as long each time."""

State: TypeAlias = Literal["new", "up", "missing"]

Ended: TypeAlias = Literal["running", "failed", "done"]
"""What became of the run that was started last."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a heartbeat promises, and which release of which set of workers says so. Seconds."""

    every: float
    grace: float
    remind: float = 0
    recovered: bool = False
    first_within: float | None = None
    released: float = 0
    worker_set: str = ""

    @classmethod
    def of(cls, beat: Heartbeat, *, released: datetime, worker_set: str) -> Terms:
        """What a trigger says."""
        return cls(
            every=beat.every_seconds,
            grace=beat.grace_seconds,
            remind=beat.remind_seconds,
            recovered=beat.recovered,
            first_within=beat.first_within_seconds,
            released=released.timestamp(),
            worker_set=worker_set,
        )

    def as_json(self) -> JsonObject:
        """As plain data, which `terms_from` reads."""
        return cast("JsonObject", asdict(self))

    def same_times(self, other: Terms) -> bool:
        """Whether beats are due and missed at the same times."""
        return (self.every, self.grace, self.first_within) == (other.every, other.grace, other.first_within)


def terms_from(data: Json) -> Terms:
    """What `Terms.as_json` wrote; what newer releases have added is left out.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it is something else.
    """
    held = cast("Mapping[str, Json]", data)
    first = held.get("first_within")
    return Terms(
        every=_seconds(held["every"]),
        grace=_seconds(held["grace"]),
        remind=_seconds(held.get("remind", 0)),
        recovered=held.get("recovered") is True,
        first_within=None if first is None else _seconds(first),
        released=_seconds(held.get("released", 0)),
        worker_set=str(held.get("worker_set", "")),
    )


def why_kept(known: Terms, said: Terms) -> str:
    """Why a heartbeat does not take what a release says; empty where it does."""
    if known.worker_set and not said.worker_set:
        return f"it belongs to worker set {known.worker_set!r}, and this worker has no RESOLUTE_WORKER_SET"
    if said.released < known.released and said.worker_set == known.worker_set:
        return "a newer release has deployed it"
    return ""


@dataclass(frozen=True)
class Overdue:
    """A run that is to start: its id, by which it starts once, and its input."""

    id: str
    input: JsonObject


class Pulse:
    """One heartbeat. `starts` are the runs that nobody has started yet, in their order."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.terms: Terms | None = None
        self.starts: list[Overdue] = []
        self.dropped = 0
        self._since = 0.0
        self._last: float | None = None
        self._not_before = 0.0
        self._deaf = 0.0
        self._has_waited = False
        self._missing: JsonObject | None = None
        self._told_at = 0.0
        self._reminders = 0
        self._unsure: JsonObject | None = None
        self._looks_at = 0.0
        self._looked = 0

    @property
    def state(self) -> State:
        """Whether it has never been heard, is heard, or is missing."""
        return "missing" if self._missing else "new" if self._last is None else "up"

    @property
    def due(self) -> float | None:
        """When the next beat is due; None where the first one is waited for."""
        if self.terms is None:
            return None
        if self._last is not None:
            return self._last + self.terms.every
        return None if self.terms.first_within is None else self._since + self.terms.first_within

    @property
    def deadline(self) -> float | None:
        """When the next beat is missed."""
        if self.terms is None or self.due is None:
            return None
        return max(self.due, self._not_before) + self.terms.grace

    @property
    def wakes(self) -> float | None:
        """When something is to be decided; None where only a beat changes anything."""
        if self._missing is None:
            return self.deadline
        return self._told_at + self.terms.remind if self.terms and self.terms.remind else None

    @property
    def looks(self) -> float | None:
        """When to look at what became of the run that was started last; None where that is known."""
        return None if self._unsure is None or self.starts else self._looks_at

    def ended(self, became: Ended, now: float) -> None:
        """Knows what became of that run. One that failed is started again: what it had to say has not been said."""
        if self._unsure is None:
            return
        self._looked += 1
        self._looks_at = now + min(FIRST_LOOK * 2 ** min(self._looked, 10), LONGEST_LOOK)
        if became == "done":
            self._unsure = None
        elif became == "failed":
            self._add(self._unsure)

    def expect(self, terms: Terms, now: float) -> str:
        """Takes what a release says; why it does not, if so.

        Where the times are edited, the sender has to beat by the new ones from now on, and not from its last beat.
        """
        known = self.terms
        if known is None:
            self.terms, self._since = terms, now
            return ""
        if kept := why_kept(known, terms):
            return kept
        if not terms.same_times(known):
            self._not_before = max(self._not_before, now)
        self.terms = terms
        return ""

    def beat(self, now: float) -> None:
        """Hears it."""
        missing, self._missing = self._missing, None
        self._last, self._not_before, self._has_waited, self._deaf, self._reminders = now, 0.0, False, 0.0, 0
        if missing is not None:
            self._unsure = None
        if missing is not None and self.terms is not None and self.terms.recovered:
            fields = {**missing, "state": "recovered", "last_beat": _said(now), "reminder": 0}
            self._start({**fields, "missed": self._missed(_read(missing["due"]), now)}, now)

    def deaf_between(self) -> tuple[float, float] | None:
        """When somebody should have listened for the beat that is missing now; None where that has been considered."""
        if self._missing or self._has_waited or self.terms is None or self.due is None:
            return None
        return self.due - self.terms.grace, self.due + self.terms.grace

    def was_deaf(self, seconds: float, until: float) -> None:
        """Nobody could hear a beat for some time: the sender is waited for once more."""
        if self.terms is None:
            return
        self._has_waited, self._deaf = True, seconds
        self._not_before = until + min(self.terms.every, SECOND_CHANCE)

    def decide(self, now: float) -> None:
        """Decides what is to be decided at `wakes`: the beat is missing, or still missing."""
        if self.terms is None or self.due is None or self.wakes is None or self.wakes > now:
            return
        if self._missing is None:
            self._missing = {
                "path": self.path,
                "state": "missing",
                "last_beat": None if self._last is None else _said(self._last),
                "due": _said(self.due),
                "deaf_seconds": self._deaf,
            }
        else:
            self._reminders += 1
        self._told_at = now
        missed = self._missed(_read(self._missing["due"]), now)
        self._start({**self._missing, "missed": missed, "reminder": self._reminders}, now)

    def started(self, overdue: Overdue) -> None:
        """Knows that a run has been started."""
        self.starts = [each for each in self.starts if each.id != overdue.id]

    def _missed(self, due: float, now: float) -> int:
        terms = cast("Terms", self.terms)
        return 1 + max(0, int((now - terms.grace - due) // terms.every))

    def _start(self, fields: JsonObject, now: float) -> None:
        self._unsure, self._looks_at, self._looked = fields, now + FIRST_LOOK, 0
        self._add(fields)

    def _add(self, fields: JsonObject) -> None:
        at = fields["last_beat"] if fields["state"] == "recovered" else fields["due"]
        name = f"{self.path}/{fields['state']}/{at}/{fields['reminder']}"
        name = f"{name}/{self._looked}" if self._looked else name
        self.starts.append(Overdue(name, MissedBeat.as_input(**fields)))
        if len(self.starts) > MOST_STARTS:
            self.starts.pop(0)
            self.dropped += 1

    def status(self) -> JsonObject:
        """How it stands, for people."""
        terms = self.terms
        return {
            "state": self.state,
            "last_beat": None if self._last is None else _said(self._last),
            "due": None if self.due is None else _said(self.due),
            "missed_at": None if self.deadline is None else _said(self.deadline),
            "missing": None if self._missing is None else {**self._missing, "reminders": self._reminders},
            "deaf_seconds": self._deaf,
            "terms": terms.as_json() if terms else None,
            "starts": len(self.starts),
        }

    def as_json(self) -> JsonObject:
        """As plain data, which `restore` reads."""
        return {
            "terms": self.terms.as_json() if self.terms else None,
            "starts": [[each.id, each.input] for each in self.starts],
            "since": self._since,
            "last": self._last,
            "not_before": self._not_before,
            "deaf": self._deaf,
            "has_waited": self._has_waited,
            "missing": self._missing,
            "told_at": self._told_at,
            "reminders": self._reminders,
            "unsure": self._unsure,
            "looks_at": self._looks_at,
            "looked": self._looked,
        }

    def restore(self, data: Json) -> None:
        """Takes up what `as_json` wrote."""
        held = cast("JsonObject", data)
        self.terms = None if held["terms"] is None else terms_from(held["terms"])
        starts = cast("list[tuple[str, JsonObject]]", held["starts"])
        self.starts = [Overdue(name, given) for name, given in starts]
        self._since = _seconds(held["since"])
        self._last = None if held["last"] is None else _seconds(held["last"])
        self._not_before = _seconds(held["not_before"])
        self._deaf = _seconds(held["deaf"])
        self._has_waited = held["has_waited"] is True
        self._missing = cast("JsonObject | None", held["missing"])
        self._told_at = _seconds(held["told_at"])
        self._reminders = int(cast("int", held["reminders"]))
        self._unsure = cast("JsonObject | None", held["unsure"])
        self._looks_at, self._looked = _seconds(held["looks_at"]), int(cast("int", held["looked"]))


def _seconds(value: Json) -> float:
    return float(cast("float", value))


def _said(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def _read(said: Json) -> float:
    return datetime.fromisoformat(str(said)).timestamp()
