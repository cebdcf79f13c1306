"""When workers could hear beats: each says so again and again, and where nobody has, a beat may have been lost."""

from __future__ import annotations

from datetime import datetime
from typing import Final, cast

from resolute.plan.values import Json, JsonObject
from resolute.running.shared.asking import SharingRefusedError

ATTENDANCE: Final = "attendance"
"""What the attendance of a task queue's workers is kept under."""

HERE: Final = "here"
DEAF: Final = "deaf"

EVERY: Final = 20.0
"""Seconds between two words of one worker."""

LONGEST_PAUSE: Final = 60.0
"""Seconds without a word of any worker that mean nothing: a worker may be slow."""

_MOST_GAPS: Final = 100
_KEPT: Final = 400 * 24 * 3600.0


class AttendanceBook:
    """The last word of any worker, and the times in which none had one: at most a hundred, the newest."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._gaps: list[tuple[float, float]] = []

    def changes(self, word: str) -> bool:
        """Nothing has to count once: a worker that says twice that it is there is there."""
        del word
        return False

    def check(self, word: str, data: JsonObject) -> None:
        """See `Book.check`."""
        if word not in (HERE, DEAF):
            raise SharingRefusedError(f"attendance does not know {word!r}")
        if word == DEAF and not _time(data["since"]) <= _time(data["until"]):
            raise SharingRefusedError("a time ends before it begins")

    def answer(self, word: str, data: JsonObject, now: datetime) -> Json:
        """For `deaf`: how long nobody listened of all gaps that reach into a time, and when the last one ended."""
        at = now.timestamp()
        if word == HERE:
            self._gaps = [*self._gaps, *self._open(at)][-_MOST_GAPS:]
            self._last = at
            return None
        since, until = _time(data["since"]), _time(data["until"])
        gaps = [gap for gap in [*self._gaps, *self._open(at)] if gap[0] <= until and gap[1] >= since]
        if not gaps:
            return None
        return {"seconds": sum(ended - began for began, ended in gaps), "until": gaps[-1][1]}

    def _open(self, now: float) -> list[tuple[float, float]]:
        """The time up to now in which nobody had a word, if it means anything."""
        if self._last is None or now - self._last <= LONGEST_PAUSE:
            return []
        return [(self._last, now)]

    def ends_in(self, now: datetime) -> float | None:
        """Longer than any beat is waited for."""
        return 0.0 if self._last is None else max(0.0, self._last + _KEPT - now.timestamp())

    def as_json(self) -> Json:
        """See `Book.as_json`."""
        return {"last": self._last, "gaps": [list(gap) for gap in self._gaps]}

    def restore(self, data: Json) -> None:
        """See `Book.restore`."""
        held = cast("JsonObject", data)
        self._last = cast("float | None", held["last"])
        self._gaps = [(began, ended) for began, ended in cast("list[tuple[float, float]]", held["gaps"])]


def _time(value: Json) -> float:
    return float(cast("float", value))
