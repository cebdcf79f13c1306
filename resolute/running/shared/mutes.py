"""Mutes: alarms and flows that nobody is called for until a time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, cast

from resolute.plan.texts import shortened
from resolute.plan.values import Json, JsonObject
from resolute.running.shared.asking import SharingRefusedError

MUTES: Final = "mutes"
"""What all mutes of a task queue are kept under: they are one thing."""

MUTE: Final = "mute"
UNMUTE: Final = "unmute"
LIST: Final = "list"
MUTED: Final = "muted"

MOST_MUTES: Final = 500
LONGEST_MUTE: Final = 30 * 24 * 3600.0
"""Seconds: what is to be silent for longer is no longer wanted, and is better taken out."""

_LONGEST_TEXT: Final = 500


def text_of_mute(mute: Json) -> str:
    """A mute as people read it; empty where there is none."""
    if not isinstance(mute, Mapping):
        return ""
    by = f" by {mute['by']}" if mute["by"] else ""
    reason = f": {mute['reason']}" if mute["reason"] else ""
    return f"muted until {datetime.fromisoformat(str(mute['until'])):%Y-%m-%d %H:%M} UTC{by}{reason}"


class MuteBook:
    """The mutes that have not expired, by the name of the flow or the alarm."""

    def __init__(self) -> None:
        self._mutes: dict[str, JsonObject] = {}

    def changes(self, word: str) -> bool:
        """Whether a mute begins or ends."""
        return word in (MUTE, UNMUTE)

    def check(self, word: str, data: JsonObject) -> None:
        """See `Book.check`."""
        match word:
            case "mute":
                length = float(cast("float", data["for"]))
                if not 0 < length <= LONGEST_MUTE:
                    raise SharingRefusedError("a mute lasts up to 30 days: what is never wanted is better taken out")
                if not str(data["name"]):
                    raise SharingRefusedError("a mute names a flow or an alarm")
                if len(self._mutes) >= MOST_MUTES and data["name"] not in self._mutes:
                    raise SharingRefusedError(f"there are {MOST_MUTES} mutes already: resolute mutes")
            case "unmute":
                str(data["name"])
            case "muted":
                list(cast("list[Json]", data["names"]))
            case "list":
                pass
            case _:
                raise SharingRefusedError(f"mutes do not know {word!r}")

    def answer(self, word: str, data: JsonObject, now: datetime) -> Json:
        """The mute that was made or ended, or that holds for one of the names; all of them for a list."""
        self._mutes = {name: mute for name, mute in self._mutes.items() if float(str(mute["ends"])) > now.timestamp()}
        match word:
            case "mute":
                name, ends = str(data["name"]), now.timestamp() + float(cast("float", data["for"]))
                mute: JsonObject = {
                    "name": shortened(name, _LONGEST_TEXT),
                    "since": now.isoformat(),
                    "until": datetime.fromtimestamp(ends, UTC).isoformat(),
                    "ends": ends,
                    "reason": shortened(str(data.get("reason") or ""), _LONGEST_TEXT),
                    "by": shortened(str(data.get("by") or ""), _LONGEST_TEXT),
                }
                self._mutes[name] = mute
                return mute
            case "unmute":
                return self._mutes.pop(str(data["name"]), None)
            case "muted":
                names = [str(name) for name in cast("list[Json]", data["names"])]
                return next((self._mutes[name] for name in names if name in self._mutes), None)
            case _:
                return list(self._mutes.values())

    def ends_in(self, now: datetime) -> float | None:
        """Until the last mute has expired."""
        ends = max((float(str(mute["ends"])) for mute in self._mutes.values()), default=0.0)
        return max(0.0, ends - now.timestamp())

    def as_json(self) -> Json:
        """See `Book.as_json`."""
        return cast("Json", self._mutes)

    def restore(self, data: Json) -> None:
        """See `Book.restore`."""
        self._mutes = dict(cast("dict[str, JsonObject]", data))
