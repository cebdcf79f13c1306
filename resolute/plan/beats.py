"""A heartbeat as a trigger: a flow runs when something outside has not been heard of for too long."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar, Final, Literal, cast

from pydantic import AwareDatetime, BaseModel, JsonValue

from resolute.plan.keyed import Keyed
from resolute.plan.lengths import every, length
from resolute.plan.paths import Complaint, path_problems
from resolute.plan.values import Json, JsonObject

SHORTEST_EVERY: Final = 1.0
LONGEST_EVERY: Final = 366 * 24 * 3600.0

_PROOFS: Final = "use bearer_token(...), path_token(...) or unverified()"


class MissedBeat(BaseModel, frozen=True, defer_build=True):
    """The input of a run that a heartbeat starts.

    Attributes:
        path: the path that is beaten, which names the heartbeat.
        state: `missing`, or `recovered` where the beat is back and the heartbeat starts a run for that as well.
        last_beat: when it was heard last; null if it has never been.
        due: when the first beat that was missed should have come.
        missed: how many beats have been missed by now.
        reminder: 0 for the first run of an outage; then 1, 2, 3 where `remind` starts further ones.
        deaf_seconds: for how long no worker could hear a beat, around the time that it was due. 0 if one always could;
            if not, the beat may have been sent and lost.
    """

    path: str
    state: Literal["missing", "recovered"] = "missing"
    last_beat: AwareDatetime | None = None
    due: AwareDatetime
    missed: int = 1
    reminder: int = 0
    deaf_seconds: float = 0

    @classmethod
    def as_input(cls, **fields: object) -> JsonObject:
        """The JSON of a run's input."""
        return cast("JsonObject", cls.model_validate(fields).model_dump(mode="json"))


class Heartbeat(BaseModel, frozen=True, extra="forbid", defer_build=True):
    """Runs of a flow for beats that do not come: requests to a path of the worker's HTTP server.

    A beat is due `every_seconds` after the one before, and missed `grace_seconds` later. One run starts for an outage,
    another each `remind_seconds` while it lasts if that is not 0, and one when the beat is back if `recovered`. The
    first beat is waited for, or is due `first_within_seconds` after the heartbeat is deployed.
    """

    KEYED: ClassVar[Keyed] = Keyed.model_construct(key=("path",))
    """What tells the memory of one heartbeat of a flow from that of another."""

    kind: Literal["heartbeat"] = "heartbeat"
    path: str
    every_seconds: float
    grace_seconds: float
    verify: dict[str, JsonValue]
    remind_seconds: float = 0
    recovered: bool = False
    first_within_seconds: float | None = None

    @property
    def text(self) -> str:
        """The heartbeat in a few words, for lists."""
        grace = length(self.grace_seconds)
        return f"heartbeat {self.path} ({self.verify.get('scheme')}), {every(self.every_seconds)}, grace {grace}"

    @property
    def input_schema(self) -> dict[str, JsonValue]:
        """The JSON Schema of the runs' input."""
        return _schema()

    def problems(self) -> list[Complaint]:
        """Every mistake in this heartbeat, each with what to do about it."""
        found = path_problems(self.path, "/beat/backup")
        if not SHORTEST_EVERY <= self.every_seconds <= LONGEST_EVERY:
            found.append((f"every {self.every_seconds:g} seconds", "give one second to a year"))
        if not 0 <= self.grace_seconds <= LONGEST_EVERY:
            found.append((f"a grace of {self.grace_seconds:g} seconds", "give how late a beat may be: up to a year"))
        if self.remind_seconds and not SHORTEST_EVERY <= self.remind_seconds <= LONGEST_EVERY:
            found.append((f"remind of {self.remind_seconds:g} seconds", "give one second to a year, or leave it out"))
        first = self.first_within_seconds
        if first is not None and not SHORTEST_EVERY <= first <= LONGEST_EVERY:
            found.append((f"first_within of {first:g} seconds", "give one second to a year, or leave it out"))
        if not self.verify.get("scheme"):
            found.append(("verify names no scheme", _PROOFS))
        if self.verify.get("scheme") == "hmac_sha256":
            found.append(("hmac_sha256 signs a body, and a beat has none", _PROOFS))
        return found


@lru_cache(maxsize=1)
def _schema() -> dict[str, JsonValue]:
    return cast("dict[str, JsonValue]", cast("Json", MissedBeat.model_json_schema()))
