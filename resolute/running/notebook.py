"""What steps write down for later runs of their flow, and read of earlier ones.

An entry is known by the name that the author gave the step, and by a key where the step stands for several things, as
the items of a loop. It is written in two versions: what the next run is to read if this one ends well, and what it is
to read if not. So a run that fails behind a step does not count as one in which everything was done that the step asked
for. What a run that Temporal itself ended had written is lost: the next run reads what that one read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, cast

from resolute.plan.times import time_of
from resolute.plan.values import Json, JsonObject

MOST_ENTRIES: Final = 500
"""Entries that a flow remembers, all steps taken together. An entry has some 300 bytes, and a memory 256 KiB."""

FORGOTTEN: Final = timedelta(days=7)
"""After which time an entry that no step has written again is forgotten. Each says `at` when it was written."""

_TURN: Final = re.compile(r"#\d+")


@dataclass(frozen=True)
class Entry:
    """What a step has written in this run: for after it ends well, and otherwise. None is to be forgotten.

    `path` is where in the run the step stands.
    """

    well: JsonObject | None
    unwell: JsonObject | None
    path: str = ""

    def as_json(self) -> Json:
        """As plain data."""
        return [self.well, self.unwell, self.path]


class Notebook:
    """The entries of a run: those that it was handed, and those that it has written."""

    def __init__(self, handed: JsonObject | None = None, written: Json = None) -> None:
        self._handed: dict[tuple[str, str], JsonObject] = {}
        self.hand(handed or {})
        self._written: dict[tuple[str, str], Entry] = {}
        for name, key, well, unwell, path in cast("list[list[Json]]", written or []):
            entry = Entry(cast("JsonObject | None", well), cast("JsonObject | None", unwell), str(path))
            self._written[str(name), str(key)] = entry

    def hand(self, handed: JsonObject) -> None:
        """Hands the run what earlier ones have written."""
        self._handed = {
            (name, key): entry
            for name, entries in handed.items()
            if isinstance(entries, Mapping)
            for key, entry in entries.items()
            if isinstance(entry, Mapping)  # what is none was written by nobody here, and is not there
        }

    def as_json(self) -> Json:
        """What has been written, for the next part of the run."""
        return [[name, key, *cast("list[Json]", entry.as_json())] for (name, key), entry in self._written.items()]

    def read(self, name: str, key: str) -> JsonObject | None:
        """What was written last: in this run, which has gone well so far, or in an earlier one."""
        written = self._written.get((name, key))
        return self._handed.get((name, key)) if written is None else written.well

    def has_written(self, name: str, key: str) -> bool:
        """Whether what was written last was written in this run."""
        return (name, key) in self._written

    def handed(self) -> list[tuple[str, str, JsonObject]]:
        """What earlier runs have written and this one has not."""
        return [(*at, entry) for at, entry in self._handed.items() if at not in self._written]

    def others(self, names: frozenset[str]) -> list[tuple[str, str, JsonObject]]:
        """What earlier runs have written for steps of other names, which the flow had then."""
        return [each for each in self.handed() if each[0] not in names]

    def left_behind(self, names: frozenset[str]) -> list[str]:
        """A warning for each of them that leaves something open."""
        return [
            f"step {name!r}{f' ({key})' if key else ''} is no longer in the flow, and {entry['open']}"
            for name, key, entry in self.others(names)
            if "open" in entry
        ]

    def is_taken(self, name: str, key: str, path: str) -> bool:
        """Whether another step than this one, in the same turn of the same loops, has written under the key."""
        written = self._written.get((name, key))
        return (
            written is not None
            and written.path not in ("", path)
            and _TURN.findall(written.path) == _TURN.findall(path)
        )

    def has_room(self, name: str, key: str) -> bool:
        """Whether an entry may be written that is to be remembered."""
        kept = {*self._handed, *self._written}
        gone = {at for at, entry in self._written.items() if entry.well is None and entry.unwell is None}
        return (name, key) in kept - gone or len(kept - gone) < MOST_ENTRIES

    def write(self, name: str, key: str, *, well: JsonObject | None, unwell: JsonObject | None, path: str = "") -> None:
        """Writes an entry, in place of what was there."""
        self._written[name, key] = Entry(well, unwell, path)

    def tidy(self, now: datetime) -> list[str]:
        """Forgets what no step has asked for in a long time: an item that is gone, a step that was taken out.

        Gives a warning for each that leaves something open.
        """
        warnings: list[str] = []
        for name, key, entry in self.handed():
            at = time_of(entry.get("at"))
            if at is not None and now - at < FORGOTTEN:
                continue
            if "open" in entry:
                what = f"what step {name!r}{f' ({key})' if key else ''} remembers is forgotten"
                warnings.append(f"{what}, since no run has looked at it for {FORGOTTEN.days} days, and {entry['open']}")
            self.forget(name, key)
        return warnings

    def forget(self, name: str, key: str) -> None:
        """Lets go of an entry, however the run ends."""
        self.write(name, key, well=None, unwell=None)

    def ended_badly(self, path: str) -> None:
        """A part of the run has failed, though the run itself goes on: what its steps asked for may not be done."""
        for at, entry in self._written.items():
            if entry.path.startswith(path):
                self._written[at] = replace(entry, well=entry.unwell)

    def handed_on(self, *, well: bool, now: datetime) -> JsonObject:
        """What the next run is to read; what this one has written says until when it went on."""
        entries = dict(self._handed)
        for at, entry in self._written.items():
            kept = entry.well if well else entry.unwell
            if kept is None:
                entries.pop(at, None)
            else:
                entries[at] = {**kept, "until": now.isoformat()}
        handed: dict[str, dict[str, Json]] = {}
        for (name, key), entry in entries.items():
            handed.setdefault(name, {})[key] = entry
        return handed
