"""What has become of the failed runs that a flow is told of: each one once, and of too many together."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, cast

from resolute.plan.texts import shortened
from resolute.plan.values import Json, JsonObject
from resolute.running.shared.asking import SharingRefusedError

FAILED: Final = "failed"
"""With what the name of the book begins: one for each flow that is told."""

SORT: Final = "sort"
DONE: Final = "done"

ALONE: Final = "alone"
TOGETHER: Final = "together"

MOST_SORTED: Final = 200
"""Failed runs in one question."""

MOST_KNOWN: Final = 5_000
_MOST_FLOWS: Final = 50
_OTHERS: Final = "other flows"
_UNUSED_FOR: Final = 60 * 24 * 3600.0
"""Seconds after which nobody is told any more, because no worker has the flow."""


class FailedBook:
    """Which failed runs are told of alone, and which together; what is decided stays, whoever asks again.

    So it does not matter which worker asks, nor where one is killed: the run that tells is known by an id that follows
    from what is decided here. `cursor` is the time up to which all is told.
    """

    def __init__(self) -> None:
        self._cursor: float | None = None
        self._decided: dict[str, Json] = {}
        """By failed run: when it was decided to tell of it alone, or with which of the summaries."""
        self._summaries: dict[str, JsonObject] = {}
        self._forgotten = 0
        self._used = 0.0

    def changes(self, word: str) -> bool:
        """Whether something is decided: always."""
        del word
        return True

    def check(self, word: str, data: JsonObject) -> None:
        """See `Book.check`."""
        match word:
            case "sort":
                runs = cast("list[JsonObject]", data["runs"])
                if not len(runs) <= MOST_SORTED:
                    raise SharingRefusedError(f"a question is about up to {MOST_SORTED} failed runs")
                if not all(isinstance(run[name], str) for run in runs for name in ("run_id", "run", "flow")):
                    raise SharingRefusedError("what failed is not said")
                [float(cast("float", run["at"])) for run in runs]
                at_most, per = int(cast("int", data["at_most"])), float(cast("float", data["per"]))
                if at_most < 1 or per <= 0:
                    raise SharingRefusedError("how many are told of is not said")
            case "done":
                [str(each) for each in cast("list[Json]", data["summaries"])]
                float(cast("float", data["cursor"]))
            case _:
                raise SharingRefusedError(f"failed runs do not know {word!r}")

    def answer(self, word: str, data: JsonObject, now: datetime) -> Json:
        """What is decided of each run, and the summaries whose time is up."""
        self._used = at = now.timestamp()
        if word == DONE:
            self._cursor = max(self._cursor or 0.0, float(cast("float", data["cursor"])))
            for each in cast("list[Json]", data["summaries"]):
                self._summaries.pop(str(each), None)
            return None
        at_most, per = int(cast("int", data["at_most"])), float(cast("float", data["per"]))
        decided = [self._decide(run, at_most, per, at) for run in cast("list[JsonObject]", data["runs"])]
        due = [each for each in self._summaries.values() if _number(each["ends"]) <= at]
        waits = [_number(each["ends"]) for each in self._summaries.values() if _number(each["ends"]) > at]
        return {"decided": decided, "due": cast("Json", due), "next": min(waits, default=None)}

    def ends_in(self, now: datetime) -> float | None:
        """Until no worker has asked for very long."""
        return max(0.0, self._used + _UNUSED_FOR - now.timestamp()) if self._used else 0.0

    def as_json(self) -> Json:
        """See `Book.as_json`."""
        return {
            "cursor": self._cursor,
            "decided": self._decided,
            "summaries": cast("Json", self._summaries),
            "forgotten": self._forgotten,
            "used": self._used,
        }

    def restore(self, data: Json) -> None:
        """See `Book.restore`."""
        held = cast("JsonObject", data)
        self._cursor = None if held["cursor"] is None else _number(held["cursor"])
        self._decided = dict(cast("JsonObject", held["decided"]))
        self._summaries = {name: dict(each) for name, each in cast("dict[str, JsonObject]", held["summaries"]).items()}
        self._forgotten, self._used = int(_number(held["forgotten"])), _number(held["used"])

    def _decide(self, run: JsonObject, at_most: int, per: float, at: float) -> Json:
        key = str(run["run_id"])
        if key not in self._decided:
            alone = [each for each in self._decided.values() if not isinstance(each, str) and _number(each) + per > at]
            open_now = next((name for name, each in self._summaries.items() if _number(each["ends"]) > at), None)
            if open_now is None and len(alone) < at_most:
                self._decided[key] = at
            else:
                self._decided[key] = self._added(run, open_now, per, at)
            while len(self._decided) > MOST_KNOWN:
                del self._decided[next(iter(self._decided))]
                self._forgotten += 1
        return TOGETHER if isinstance(self._decided[key], str) else ALONE

    def _added(self, run: JsonObject, to: str | None, per: float, at: float) -> str:
        """The name of the summary that now has the run in it."""
        name = to or f"{at:.3f}"
        flow = shortened(str(run["flow"]), 200)
        held = self._summaries.setdefault(
            name, {"name": name, "ends": at + per, "count": 0, "flows": {}, "first": dict(run), "last": run["at"]}
        )
        flows = dict(cast("Mapping[str, Json]", held["flows"]))
        flow = flow if flow in flows or len(flows) < _MOST_FLOWS else _OTHERS
        flows[flow] = int(_number(flows.get(flow, 0))) + 1
        last = max(_number(held["last"]), _number(run["at"]))
        self._summaries[name] = {**held, "count": int(_number(held["count"])) + 1, "flows": flows, "last": last}
        return name


def _number(value: Json) -> float:
    return float(cast("float", value))
