"""The starts of one flow and key: which one is at work, which ones wait, which ones are known.

Decides, and does nothing itself: `resolute.temporal.workflows.keeper` starts, cancels and tells the runs. Everything is
bounded, and a start that would exceed a bound is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, cast

from resolute.plan.errors import ResoluteError
from resolute.plan.keyed import WhileRunning
from resolute.plan.limits import recorded_size
from resolute.plan.values import Json, JsonObject
from resolute.running.shared.known import Known

MOST_WAITING: Final = 1_000
"""Starts that wait for the run in progress."""

MOST_BYTES: Final = 1_000_000
"""Bytes of the starts that wait."""

MOST_KNOWN: Final = 3_000
"""Ids of deliveries that are remembered."""

REMEMBERED: Final = 48 * 3600.0
"""Seconds for which the id of a delivery is remembered: PagerDuty delivers again for so long."""

Became: TypeAlias = Literal["started", "queued", "skipped", "replaced", "told", "ignored"]
"""What became of a start.

`replaced`: the run in progress is cancelled, and this one starts when that has ended. `ignored`: it may only be told to
a run, and none goes on.
"""


class LineFullError(ResoluteError):
    """More starts wait for the run in progress than may wait: send it again later."""


@dataclass(frozen=True, kw_only=True)
class Start:
    """A start of a run.

    `argument` is what the run is started with. `event` is the name and value of which a run in progress is told, for
    starts that are told; those that are not `first` start no run. `by` shows people who or what started it. `trace` is
    the trace that its run goes on, as W3C's `traceparent`; empty where the run begins one.
    """

    id: str
    argument: Json
    while_running: WhileRunning
    event: tuple[str, Json] | None = None
    first: bool = True
    by: str = ""
    trace: str = ""

    def as_json(self) -> JsonObject:
        """As plain data."""
        event: Json = list(self.event) if self.event else None
        return {
            "id": self.id,
            "argument": self.argument,
            "while_running": self.while_running,
            "event": event,
            "first": self.first,
            "by": self.by,
            **({"trace": self.trace} if self.trace else {}),
        }


def start_from(data: Json) -> Start:
    """What `Start.as_json` wrote.

    Raises:
        KeyError, TypeError, ValueError: it is something else.
    """
    held = cast("JsonObject", data)
    event = cast("list[Json] | None", held["event"])
    return Start(
        id=str(held["id"]),
        argument=held["argument"],
        while_running=cast("WhileRunning", held["while_running"]),
        event=(str(event[0]), event[1]) if event else None,
        first=held["first"] is True,
        by=str(held["by"]),
        trace=str(held.get("trace", "")),
    )


class Line:
    """The starts of one flow and key.

    `is_at_work` says that a run goes on, and `waiting` are the starts that follow it.
    """

    def __init__(self) -> None:
        self.is_at_work = False
        self.waiting: list[Start] = []
        self._known: Known[Became] = Known(MOST_KNOWN, REMEMBERED)

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing to keep."""
        return not (self.is_at_work or self.waiting or self._known)

    def known(self, start_id: str) -> Became | None:
        """What became of a start that has come before."""
        return self._known.get(start_id)

    def check(self, start: Start) -> None:
        """Refuses a start that finds no room.

        Raises:
            LineFullError: too many wait, or what they hold is too large.
        """
        if start.id in self._known or not self._is_busy or start.while_running != "queue":
            return
        if len(self.waiting) >= MOST_WAITING:
            raise LineFullError(f"{MOST_WAITING:,} starts wait for the run in progress: send this one again later")
        if sum(recorded_size(each.argument) for each in (*self.waiting, start)) > MOST_BYTES:
            raise LineFullError(
                f"the starts that wait for the run in progress have {MOST_BYTES:,} bytes: send this one again later"
            )

    def decide(self, start: Start, now: float) -> Became:
        """What becomes of a start that has not come before. `told` says only that it should be told.

        Raises:
            LineFullError: see `check`.
        """
        self.check(start)
        became = self._became(start)
        if became in ("started", "queued"):
            self.waiting.append(start)
        elif became == "replaced":
            self.waiting = [start, *(each for each in self.waiting if each.while_running != "replace")]
        if became != "ignored":
            self._known.keep(start.id, became, now)
        return became

    def not_told(self, start: Start, now: float) -> Became:
        """What becomes of a start that should have been told to a run which has just ended."""
        if not start.first:
            self._known.drop(start.id)
            return "ignored"
        self.waiting.append(start)
        self._known.keep(start.id, "started", now)
        return "started"

    def begin(self) -> Start:
        """Takes the start that is next."""
        self.is_at_work = True
        return self.waiting.pop(0)

    def end(self) -> None:
        """The run that was at work has ended."""
        self.is_at_work = False

    def put_back(self, start: Start) -> None:
        """Puts a start back that could not begin, because a run of the key goes on that this line did not start."""
        self.waiting.insert(0, start)

    def forget(self, now: float) -> None:
        """Forgets deliveries that come no more."""
        self._known.forget(now)

    def forgotten(self) -> int:
        """How many deliveries are no longer known although they may come again, since this was asked last."""
        forgotten, self._known.forgotten = self._known.forgotten, 0
        return forgotten

    def as_json(self) -> Json:
        """As plain data."""
        return {
            "is_at_work": self.is_at_work,
            "waiting": [start.as_json() for start in self.waiting],
            "known": self._known.as_json(),
            "forgotten": self._known.forgotten,
        }

    def restore(self, data: Json) -> None:
        """Takes up what `as_json` wrote."""
        held = cast("JsonObject", data)
        self.is_at_work = held["is_at_work"] is True
        self.waiting = [start_from(each) for each in cast("list[Json]", held["waiting"])]
        self._known.restore(held["known"])
        self._known.forgotten = cast("int", held["forgotten"])

    @property
    def _is_busy(self) -> bool:
        return self.is_at_work or bool(self.waiting)

    def _became(self, start: Start) -> Became:
        if not self._is_busy:
            return "started" if start.first else "ignored"
        match start.while_running:
            case "skip":
                return "skipped"
            case "queue":
                return "queued"
            case "replace":
                return "replaced"
            case "tell":
                return "told"
