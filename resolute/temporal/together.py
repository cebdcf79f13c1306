"""Calls of the local lane that are made as one local activity: what its worker is asked, and what is recorded of it.

One such activity makes one attempt of each call and waits for nothing: a pause before the next attempt is a timer of
the run, so that neither what has come back nor a cancel has to wait for it. What its time or its record has no room
for is asked again in the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias, cast

from temporalio.converter import PayloadConverter
from temporalio.exceptions import ApplicationError, CancelledError

from resolute.plan.errors import NodeFailedError
from resolute.plan.policies import Policy
from resolute.plan.values import Json, JsonObject
from resolute.running.made import NOTHING_MADE, Made, made_from, stopped_from
from resolute.running.runtime import Answered, CallRequest
from resolute.temporal.attempts import Attempts, as_detail, split
from resolute.temporal.failures import traced

TOGETHER: Final = "resolute.Calls"
"""The activity type of calls that are made together. It runs in the local lane alone."""

Word: TypeAlias = Literal["output", "failed", "again", "given up", "stopped"]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One attempt of one call. `left` are the seconds that all attempts still have together.

    `attempt` counts from 1 since a switch stopped the call, if one did; what was before is in `made`.
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


def said_in(record: Json) -> dict[str, Said]:
    """What is recorded of calls that were made together, by step."""
    return {step: Said.of(each) for step, each in cast("Mapping[str, Json]", record).items()}


class Rounds:
    """The calls of one run that are made together, attempt by attempt, until each has come to its end."""

    def __init__(self, requests: Sequence[CallRequest], seal: Callable[[CallRequest], str | None], now: datetime):
        self._requests = {request.step: request for request in requests}
        self._seal = seal
        self._began = now
        self._attempt = dict.fromkeys(self._requests, 1)
        self._before = {step: split([each.made.failed])[1] for step, each in self._requests.items() if each.made}
        self._due = dict.fromkeys(self._requests, now)
        self._answers: dict[str, Answered] = {}

    @property
    def answers(self) -> list[Answered]:
        """What each call has come to, in order; what has not ended is given up."""
        return [self._answers.get(step, Answered(given_up=True)) for step in self._requests]

    def open(self) -> dict[str, datetime]:
        """When the next attempt is due of each call that has not ended."""
        return {step: due for step, due in self._due.items() if step not in self._answers}

    def asked(self, now: datetime) -> Iterator[Asked]:
        """The attempts that are due."""
        for step, due in self.open().items():
            if due <= now:
                request = self._requests[step]
                policy = request.left
                yield Asked(
                    step=step,
                    node=request.node,
                    arguments=request.arguments,
                    seal=self._seal(request),
                    policy=policy,
                    attempt=self._attempt[step],
                    left=None if policy.within is None else policy.within - (now - self._began).total_seconds(),
                    before=self._before.get(step, ()),
                    dry=request.dry,
                    made=request.made,
                )

    def take(self, said: Mapping[str, Said], now: datetime) -> bool:
        """Takes what came of attempts; whether one of them was given up, which ends the rest."""
        for step, each in said.items():
            match each.word:
                case "output":
                    self._answers[step] = Answered(output=each.output)
                case "failed":
                    self._answers[step] = Answered(failure=NodeFailedError.from_facts(each.facts))
                case "again":
                    self._attempt[step] += 1
                    self._before[step] = each.attempts
                    self._due[step] = now + timedelta(seconds=each.pause)
                case "given up":
                    self._answers[step] = Answered(given_up=True)
                case "stopped":
                    self._answers[step] = Answered(stopped=stopped_from(each.facts))
        return any(each.word == "given up" for each in said.values())

    def fail(self, failures: Mapping[str, NodeFailedError]) -> None:
        """Fails every call that has not ended: not even the attempt could be made."""
        for step in self.open():
            self._answers[step] = Answered(failure=failures[step])

    def has_failed(self) -> bool:
        """Whether a call has failed for good."""
        return any(answer.failure is not None for answer in self._answers.values())
