"""What has reached its bound lately: budgets that are used up, buffers that are full. All workers see the same."""

from __future__ import annotations

from datetime import datetime
from typing import Final, cast

from resolute.plan.allowance import LONGEST_WINDOW
from resolute.plan.texts import shortened
from resolute.plan.values import Json, JsonObject
from resolute.running.shared.asking import SharingRefusedError

REACHED: Final = "reached"
"""What all of a task queue that has reached its bound is kept under: it is one thing."""

NOTE: Final = "note"

KINDS: Final = ("used_up", "full")

MOST_REACHED: Final = 200
MOST_NOTED: Final = 100
"""In one letter."""

CALM: Final = 300.0
"""Seconds without a refusal after which a buffer no longer counts as full."""

KEPT: Final = 24 * 3600.0
"""Seconds for which is known what is over, for a worker that was away to tell."""

_LONGEST_ABOUT: Final = 300
_LONGEST_SAID: Final = 500


class ReachedBook:
    """Each bound that something was refused for, how often and since when, and until when it counts as reached.

    Of more bounds than are kept, those that end first are let go of, and counted.
    """

    def __init__(self) -> None:
        self._found: dict[str, JsonObject] = {}
        self._dropped = 0

    def changes(self, word: str) -> bool:
        """Whether something is noted: always."""
        del word
        return True

    def check(self, word: str, data: JsonObject) -> None:
        """See `Book.check`."""
        if word != NOTE:
            raise SharingRefusedError(f"what has reached its bound does not know {word!r}")
        noted = cast("list[JsonObject]", data["reached"])
        if not 1 <= len(noted) <= MOST_NOTED:
            raise SharingRefusedError(f"a letter notes 1 to {MOST_NOTED} bounds")
        for each in noted:
            if each["kind"] not in KINDS or int(cast("int", each["count"])) < 1:
                raise SharingRefusedError("what was noted is neither a used-up budget nor a full buffer")
            if not all(isinstance(each[name], str) for name in ("about", "flow", "said")):
                raise SharingRefusedError("what was noted does not say what it is about")
            float(cast("float", each["until"] or 0.0))

    def answer(self, word: str, data: JsonObject, now: datetime) -> Json:
        """Nothing."""
        at = now.timestamp()
        self._found = {key: each for key, each in self._found.items() if _ends(each) + KEPT > at}
        for noted in cast("list[JsonObject]", data["reached"]):
            about = shortened(str(noted["about"]), _LONGEST_ABOUT)
            key = f"{noted['kind']}/{about}"
            before = self._found.pop(key, None)
            goes_on = before is not None and _ends(before) > at
            until = float(cast("float", noted["until"] or at + CALM))
            self._found[key] = {
                "about": about,
                "kind": noted["kind"],
                "flow": shortened(str(noted["flow"]), _LONGEST_ABOUT),
                "said": shortened(str(noted["said"]), _LONGEST_SAID),
                "count": int(cast("int", noted["count"]))
                + (int(cast("int", before["count"])) if before and goes_on else 0),
                "since": before["since"] if before and goes_on else at,
                "ends": min(max(until, _ends(before) if before else 0.0), at + LONGEST_WINDOW),
            }
        while len(self._found) > MOST_REACHED:
            del self._found[min(self._found, key=lambda key: _ends(self._found[key]))]
            self._dropped += 1
        return None

    def ends_in(self, now: datetime) -> float | None:
        """Until all that is over has been known for long enough."""
        ends = max((_ends(each) + KEPT for each in self._found.values()), default=0.0)
        return max(0.0, ends - now.timestamp())

    def as_json(self) -> Json:
        """See `Book.as_json`."""
        return {"reached": cast("Json", list(self._found.values())), "dropped": self._dropped}

    def restore(self, data: Json) -> None:
        """See `Book.restore`."""
        held = cast("JsonObject", data)
        found = cast("list[JsonObject]", held["reached"])
        self._found = {f"{each['kind']}/{each['about']}": each for each in found}
        self._dropped = int(cast("int", held["dropped"]))


def _ends(held: JsonObject) -> float:
    return float(cast("float", held["ends"]))
