"""A question to people: the run goes on when they have decided."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final, Literal, TypeAlias, cast

from pydantic import JsonValue

from resolute.plan.kinds.call import Call
from resolute.plan.step import Block, Figure, Step
from resolute.plan.times import spoken_duration
from resolute.plan.values import Json

OnTimeout: TypeAlias = Literal["reject", "approve", "fail"]
OnReject: TypeAlias = Literal["fail", "continue"]

MOST_APPROVERS: Final = 100

LONGEST: Final = 10 * 365.25 * 24 * 3600.0
"""Seconds of the longest time that a gate has, and of the longest pause between reminders."""

SHORTEST: Final = 1.0
"""Seconds of the shortest pause between reminders."""


class Gate(Step):
    """Ask people, and wait until they have decided.

    `approvers` are a list of people or what gives one; without it anybody may decide. `quorum` people have to approve,
    and one who rejects is enough. `form` is the JSON Schema of what who approves fills in, `ask` what they are asked.
    `requester` is who asks, where it is not who started the run; neither may decide, but with `allow_self`. `notify`
    runs when the gate opens, and after each `remind` seconds again: once for each approver with `each_person`.
    """

    kind: Literal["gate"] = "gate"
    id: str
    ask: JsonValue = ""
    form: dict[str, JsonValue] | None = None
    approvers: JsonValue = None
    quorum: int = 1
    requester: JsonValue = None
    allow_self: bool = False
    timeout: float | None = None
    on_timeout: OnTimeout = "reject"
    on_reject: OnReject = "fail"
    remind: float | None = None
    notify: tuple[Call, ...] = ()
    each_person: bool = False

    figure: ClassVar[Figure] = "rounded"

    @property
    def title(self) -> str:
        """Who decides, and within which time."""
        people = f", {self.quorum} of {len(self.approvers)}" if isinstance(self.approvers, list) else ""
        if not people and self.quorum > 1:
            people = f", {self.quorum} people"
        return f"{self.id}: gate{people}" + (f", {spoken_duration(self.timeout)}" if self.timeout else "")

    def blocks(self) -> tuple[Block, ...]:
        """What tells people of the gate."""
        return (Block("side", self.notify, heading="notify"),) if self.notify else ()

    def values(self) -> tuple[Json, ...]:
        """What is asked, of whom, and by whom."""
        return cast("tuple[Json, ...]", (self.ask, self.approvers, self.requester))

    def problems(self) -> Iterator[str]:
        """A gate that nobody could decide, and times that nobody could wait for."""
        if self.quorum < 1:
            yield f"a quorum of {self.quorum} is none: one person at least has to approve"
        if isinstance(self.approvers, list):
            if not self.approvers:
                yield "approvers is empty, so nobody could decide"
            elif len(self.approvers) > MOST_APPROVERS:
                yield f"{len(self.approvers)} approvers are given, {MOST_APPROVERS} are the most"
            elif self.quorum > len(self.approvers):
                yield f"a quorum of {self.quorum} can never be reached with {len(self.approvers)} approver(s)"
        if self.timeout is not None and not 0 < self.timeout <= LONGEST:
            yield f"a timeout of {self.timeout:g} s is none: give more than 0 and at most ten years"
        if self.remind is not None and not SHORTEST <= self.remind <= LONGEST:
            yield f"reminding every {self.remind:g} s: give a second at least and at most ten years"
        if any(call.undo for call in self.notify):
            yield "a step of notify is not undone"
