"""A budget: how much may be done in any stretch of time, whoever does it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, cast

from resolute.plan.allowance import LONGEST_WINDOW, MOST_OF_A_BUDGET
from resolute.plan.values import Json, JsonObject
from resolute.running.shared.asking import SharingRefusedError

TAKE: Final = "take"
LOOK: Final = "look"


class BudgetBook:
    """What was granted, as far as it still counts, and how many were refused since.

    A grant counts for `per` seconds from when it was given. So in no stretch of `per` seconds is more granted than
    `at_most`, wherever it begins. Who asks says both; flows that say different numbers are each held to their own.
    """

    def __init__(self) -> None:
        self._grants: list[tuple[float, int]] = []
        self._refused = 0
        self._per = 0.0
        self._asked = 0.0

    def changes(self, word: str) -> bool:
        """Whether something is taken; a look changes nothing."""
        return word == TAKE

    def check(self, word: str, data: JsonObject) -> None:
        """See `Book.check`."""
        at_most, per, take = _read(data)
        known = word in (TAKE, LOOK)
        if not (known and 1 <= take <= at_most <= MOST_OF_A_BUDGET and 0 < per <= LONGEST_WINDOW):
            raise SharingRefusedError(f"a budget does not know {word!r} of {take} from {at_most} per {per} seconds")

    def answer(self, word: str, data: JsonObject, now: datetime) -> Json:
        """What an `Allowance` holds."""
        at_most, per, take = _read(data)
        at = self._asked = max(self._asked, now.timestamp())  # a clock that was set back gives nothing twice
        self._per = max(self._per, per)
        self._grants = [grant for grant in self._grants if grant[0] + self._per > at]
        counted = [grant for grant in self._grants if grant[0] + per > at]
        granted = sum(size for _, size in counted) + take <= at_most
        takes = word == TAKE
        refused = self._refused + (takes and not granted)
        if granted and takes:
            counted.append((at, take))
            self._grants = [*self._grants, (at, take)][-MOST_OF_A_BUDGET:]
        if takes:
            self._refused = 0 if granted else refused
        return {
            "granted": granted,
            "left": max(0, at_most - sum(size for _, size in counted)),
            "until": _free_again(counted, at_most, per, take, at).isoformat(),
            "refused": refused,
            "first_refused": takes and refused == 1 and not granted,
        }

    def ends_in(self, now: datetime) -> float | None:
        """Until the last grant does not count any more."""
        if not self._grants:
            return 0.0
        return max(0.0, self._grants[-1][0] + self._per - now.timestamp())

    def as_json(self) -> Json:
        """See `Book.as_json`."""
        grants: Json = [[at, size] for at, size in self._grants]
        return {"grants": grants, "refused": self._refused, "per": self._per, "asked": self._asked}

    def restore(self, data: Json) -> None:
        """See `Book.restore`."""
        held = cast("JsonObject", data)
        self._grants = [(at, size) for at, size in cast("list[tuple[float, int]]", held["grants"])]
        self._refused = int(cast("int", held["refused"]))
        self._per, self._asked = float(cast("float", held["per"])), float(cast("float", held["asked"]))


def _read(data: JsonObject) -> tuple[int, float, int]:
    at_most, per, take = data["at_most"], data["per"], data["take"]
    return int(cast("int", at_most)), float(cast("float", per)), int(cast("int", take))


def _free_again(counted: list[tuple[float, int]], at_most: int, per: float, size: int, at: float) -> datetime:
    """From when on as much can be granted once more, if nobody else asks: at once, if there is room."""
    used = sum(taken for _, taken in counted)
    for since, taken in counted:
        if used + size <= at_most:
            break
        used, at = used - taken, since + per
    return datetime.fromtimestamp(at, UTC)
