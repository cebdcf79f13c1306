"""What the runs of a flow remember that no schedule hands on: one book for each flow, or for each of its keys."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, cast

from resolute.plan.limits import recorded_size
from resolute.plan.times import time_of
from resolute.plan.values import Json, JsonObject
from resolute.running.shared.asking import SharingRefusedError

RECALL: Final = "recall"
REMEMBER: Final = "remember"

LARGEST_MEMORY: Final = 256 * 1024
"""Bytes of what is remembered."""

KEYED_FOR: Final = 90 * 24 * 3600.0
"""Seconds for which the memory of a key is kept that nobody uses; there may be any number of keys."""


class MemoryBook:
    """The last value of each remembered step, and what steps have written down, as the latest runs have left them.

    A run changes what it has come to itself and nothing else, so runs that overlap do not undo each other's memory.
    What a step has written down in a later check stays, also where an earlier run ends after that: somebody retried it.
    `taken` says that what a schedule had handed on before is part of it.
    """

    def __init__(self) -> None:
        self._values: dict[str, Json] = {}
        self._kept: dict[str, dict[str, Json]] = {}
        self._shadow: Json = None
        self._run = 0
        self._taken = False
        self._used = 0.0
        self._lasts: float | None = 0.0

    def changes(self, word: str) -> bool:
        """Whether something is remembered."""
        return word == REMEMBER

    def check(self, word: str, data: JsonObject) -> None:
        """See `Book.check`."""
        if word not in (RECALL, REMEMBER):
            raise SharingRefusedError(f"a memory does not know {word!r}")
        if word == REMEMBER:
            dict(cast("JsonObject", data["values"]))
            [dict(cast("JsonObject", entries)) for entries in cast("JsonObject", data["kept"]).values()]
            if (size := recorded_size(data)) > 2 * LARGEST_MEMORY:
                raise SharingRefusedError(f"what is to be remembered has {size:,} bytes, which is too much")

    def answer(self, word: str, data: JsonObject, now: datetime) -> Json:
        """What is remembered; nothing where something is added to it."""
        if word == RECALL:
            return self.as_json() if self._run else None
        steps = [str(step) for step in cast("list[Json]", data["steps"])]
        values = {**self._values, **cast("JsonObject", data["values"])}
        self._values = {step: values[step] for step in steps if step in values}
        for name, entries in cast("dict[str, JsonObject]", data["kept"]).items():
            kept, began = self._kept.get(name, {}), time_of(data.get("began"))
            newer = {key: entry for key, entry in entries.items() if not _is_older(entry, kept.get(key), began)}
            self._kept[name] = {key: entry for key, entry in {**kept, **newer}.items() if entry is not None}
        self._shadow = data.get("shadow", self._shadow)
        self._run += 1
        self._taken = self._taken or data["takes"] is True
        self._used, self._lasts = now.timestamp(), cast("float | None", data["lasts"])
        while self._values and recorded_size(self._values) > LARGEST_MEMORY:
            del self._values[max(self._values, key=lambda step: (recorded_size(self._values[step]), step))]
        return None

    def ends_in(self, now: datetime) -> float | None:
        """Never, unless it is that of a key that nobody uses."""
        return None if self._lasts is None else max(0.0, self._used + self._lasts - now.timestamp())

    def as_json(self) -> Json:
        """See `Book.as_json`."""
        return {
            "values": self._values,
            "kept": cast("Json", self._kept),
            "shadow": self._shadow,
            "run": self._run,
            "taken": self._taken,
            "used": self._used,
            "lasts": self._lasts,
        }

    def restore(self, data: Json) -> None:
        """See `Book.restore`."""
        held = cast("JsonObject", data)
        self._values = dict(cast("JsonObject", held["values"]))
        self._kept = {name: dict(entries) for name, entries in cast("dict[str, JsonObject]", held["kept"]).items()}
        self._shadow, self._run = held["shadow"], int(cast("int", held["run"]))
        self._taken, self._used = held["taken"] is True, float(cast("float", held["used"]))
        self._lasts = cast("float | None", held["lasts"])


def _is_older(entry: Json, kept: Json, began: datetime | None) -> bool:
    """Whether an entry, or that there is none, was written before what is kept."""
    there = time_of(kept.get("at")) if isinstance(kept, Mapping) else None
    written = time_of(entry.get("at")) if isinstance(entry, Mapping) else began
    return there is not None and written is not None and written < there
