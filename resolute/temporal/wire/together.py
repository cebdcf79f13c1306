"""Calls of the local lane that are made as one local activity: what its worker is asked, and what is recorded of it.

One such activity makes one attempt of each call and waits for nothing: a pause before the next attempt is a timer of
the run, so that neither what has come back nor a cancel has to wait for it. What its time or its record has no room
for is asked again in the next one.

Calls are made beside each other, as those of items, or in turn, as neighbours: then each may read what those before it
gave, and none is begun behind one that has not completed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, cast

from temporalio.converter import PayloadConverter
from temporalio.exceptions import ApplicationError, CancelledError

from resolute.plan.policies import Policy
from resolute.plan.values import Json, JsonObject
from resolute.running.made import NOTHING_MADE, Made, made_from
from resolute.temporal.wire.attempts import Attempts, as_detail, split
from resolute.temporal.wire.failures import traced

TOGETHER: Final = "resolute.Calls"
"""The activity type of calls that are made together. It runs in the local lane alone."""

Word: TypeAlias = Literal["output", "failed", "again", "given up", "stopped"]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One attempt of one call. `left` are the seconds that all attempts still have together.

    `attempt` counts from 1 since a switch stopped the call, if one did; what was before is in `made`. Of calls that
    are made in turn, this one `reads` the outputs of some before it, by `name`.
    """

    step: str
    node: str
    arguments: JsonObject
    seal: str | None
    policy: Policy
    attempt: int
    left: float | None
    before: Attempts = ()
    dry: bool = False
    made: Made = NOTHING_MADE
    name: str = ""
    reads: tuple[str, ...] = ()

    def as_json(self) -> Json:
        """As plain data."""
        return {
            "step": self.step,
            "node": self.node,
            "arguments": self.arguments,
            "seal": self.seal,
            "policy": cast("Json", self.policy.model_dump(mode="json")),
            "attempt": self.attempt,
            "left": self.left,
            "before": as_detail(self.before) if self.before else None,
            **({"dry": True} if self.dry else {}),
            **({"made": self.made.as_json()} if self.made else {}),
            **({"name": self.name} if self.name != self.step else {}),
            **({"reads": list(self.reads)} if self.reads else {}),
        }

    @classmethod
    def of(cls, data: Json) -> Asked:
        """What `as_json` wrote."""
        held = cast("JsonObject", data)
        return cls(
            step=str(held["step"]),
            node=str(held["node"]),
            arguments=cast("JsonObject", held["arguments"]),
            seal=cast("str | None", held["seal"]),
            policy=Policy.model_validate(held["policy"]),
            attempt=int(cast("int", held["attempt"])),
            left=cast("float | None", held["left"]),
            before=split([held["before"]])[1] if held["before"] else (),
            dry=bool(held.get("dry")),
            made=made_from(held.get("made")),
            name=str(held.get("name", held["step"])),
            reads=tuple(str(each) for each in cast("list[Json]", held.get("reads", []))),
        )


@dataclass(frozen=True, kw_only=True)
class Said:
    """What came of an attempt. With `again` there is to be another one after a pause, in seconds."""

    word: Word
    output: Json = None
    facts: JsonObject = field(default_factory=dict[str, Json])
    attempts: Attempts = ()
    pause: float = 0.0

    def as_json(self) -> Json:
        """As plain data, short for what is recorded most."""
        match self.word:
            case "output":
                return [self.output]
            case "given up":
                return None
            case "failed":
                return {"failed": self.facts, "attempts": as_detail(self.attempts)}
            case "stopped":
                return {"stopped": self.facts}
            case "again":
                return {"again": self.pause, "attempts": as_detail(self.attempts)}

    @classmethod
    def of(cls, data: Json) -> Said:
        """What `as_json` wrote."""
        if data is None:
            return cls(word="given up")
        if not isinstance(data, Mapping):
            return cls(word="output", output=cast("list[Json]", data)[0])
        if "stopped" in data:
            return cls(word="stopped", facts=cast("JsonObject", data["stopped"]))
        attempts = split([data["attempts"]])[1]
        if "again" in data:
            return cls(word="again", pause=float(cast("float", data["again"])), attempts=attempts)
        return cls(word="failed", facts=cast("JsonObject", data["failed"]), attempts=attempts)

    def failure(self, to: PayloadConverter) -> ApplicationError | CancelledError:
        """The failure as an activity of its own would have recorded it."""
        if self.word == "given up":
            return CancelledError()
        facts = self.facts
        detail = {"attempt": facts["attempts"]}
        error = ApplicationError(
            str(facts["reason"]),
            *(detail, as_detail(self.attempts)),
            type=str(facts["error_type"]),
            non_retryable=not facts["retryable"],
        )
        return traced(error, str(facts["trace"]), to)


@dataclass(frozen=True)
class Round:
    """What is recorded of one activity: what came of each attempt, by step, in the order in which they ended.

    `ended` says how many seconds after the first began each ended, where they were made in turn.
    """

    said: dict[str, Said]
    ended: dict[str, float] = field(default_factory=dict[str, float])

    @property
    def in_turn(self) -> bool:
        """Whether they were made in turn."""
        return bool(self.ended)

    @property
    def took(self) -> float:
        """Seconds until the last one ended."""
        return max(self.ended.values(), default=0.0)


def round_in(record: Json) -> Round:
    """What is recorded of calls that were made together."""
    if isinstance(record, Mapping):
        return Round({step: Said.of(each) for step, each in record.items()})
    told = [cast("list[Json]", each) for each in cast("list[Json]", record)]
    return Round(
        {str(step): Said.of(said) for step, said, _ in told},
        {str(step): float(cast("float", ended)) for step, _, ended in told},
    )
