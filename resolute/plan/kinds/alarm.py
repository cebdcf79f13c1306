"""A condition that is watched over many runs: raised when it has been bad for long enough, cleared when well again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, Final, Literal, cast

from pydantic import Field, JsonValue

from resolute.plan.described import describe
from resolute.plan.kinds.call import Call
from resolute.plan.step import Block, Figure, Frozen, Step, Steps
from resolute.plan.times import spoken_duration
from resolute.plan.values import Json

LONGEST: Final = 365.25 * 24 * 3600.0
"""Seconds of the longest time that an alarm waits for anything."""

MOST_CHECKS: Final = 1_000_000

PENDING: Final = 24 * 3600.0
"""Seconds: see `Alarm.pending`."""


class After(Frozen):
    """How long something has to go on: so many checks in a row, or so many seconds. Exactly one of both is given."""

    checks: int | None = Field(default=None, exclude_if=lambda value: value is None)
    seconds: float | None = Field(default=None, exclude_if=lambda value: value is None)

    @property
    def text(self) -> str:
        """As people read it.

        >>> After(checks=3).text, After(seconds=300).text
        ('3 checks', '5m')
        """
        if self.checks is not None:
            return "1 check" if self.checks == 1 else f"{self.checks:,} checks"
        return spoken_duration(self.seconds or 0)

    def problems(self, name: str) -> Iterator[str]:
        """A length that nothing can have."""
        if (self.checks is None) is (self.seconds is None):
            yield f"{name} is a number of checks or a length of time, and not both"
        elif self.checks is not None and not 1 <= self.checks <= MOST_CHECKS:
            yield f"{name} of {self.checks:,} checks: give 1 to {MOST_CHECKS:,}"
        elif self.seconds is not None and not 0 < self.seconds <= LONGEST:
            yield f"{name} of {self.seconds:g} s: give more than 0 and at most a year"


class Alarm(Step):
    """Watch a condition over the runs of a flow.

    It is raised when `bad` has held for `raise_after`, and cleared when `clear` has held for `clear_after`; without
    `clear`, that is when `bad` does not hold. `key` tells the items of loops around it apart, each of which is an alarm
    of its own. Where `quiet` holds it is not raised; `quiet_decision` is what runs on the worker before it is asked.
    Nor is it while the output of `muted_by` says that it is muted. An alarm that is pending and is not bad again within
    `pending` seconds lapses.

    `raises` runs until it has succeeded once while the alarm is raised, and again `reopen_after` seconds later while it
    is bad; `clears` runs when it is cleared. `incident` is what these open and close is known by.
    """

    kind: Literal["alarm"] = "alarm"
    id: str
    bad: JsonValue
    clear: JsonValue = None
    raise_after: After = After.model_construct(checks=1)
    clear_after: After = After.model_construct(checks=1)
    quiet: JsonValue = None
    quiet_decision: Steps = ()
    key: JsonValue = None
    pending: float = PENDING
    raises: tuple[Call, ...] = ()
    clears: tuple[Call, ...] = ()
    incident: JsonValue = None
    muted_by: tuple[Call, ...] = Field(default=(), exclude_if=lambda value: not value)
    reopen_after: float | None = Field(default=None, exclude_if=lambda value: value is None)

    figure: ClassVar[Figure] = "box"
    remembers: ClassVar[bool] = True

    @property
    def title(self) -> str:
        """What raises it, what clears it, and after which time."""
        after = "" if self.raise_after == After(checks=1) else f" for {self.raise_after.text}"
        title = f"{self.id}: alarm when {describe(cast('Json', self.bad))}{after}"
        if self.clear is not None or self.clear_after != After(checks=1):
            clear = "not so" if self.clear is None else describe(cast("Json", self.clear))
            title += f", clear when {clear} for {self.clear_after.text}"
        # A condition that the worker looks at stands in a step of its own.
        is_said = self.quiet is None or bool(self.quiet_decision)
        return title if is_said else f"{title}, quiet when {describe(cast('Json', self.quiet))}"

    def blocks(self) -> tuple[Block, ...]:
        """What is asked before it is raised, and what opens and closes an incident."""
        blocks = (
            Block("side", self.quiet_decision, heading="quiet"),
            Block("side", self.muted_by, heading="mute"),
            Block("side", self.raises, heading="raise"),
            Block("side", self.clears, heading="clear"),
        )
        return tuple(block for block in blocks if block.steps)

    def values(self) -> tuple[Json, ...]:
        """The conditions, and what tells items and incidents apart."""
        return cast("tuple[Json, ...]", (self.bad, self.clear, self.quiet, self.key, self.incident))

    def outcome(self, output: Json) -> str:
        """What the check came to, in the ledger's words: what lapsed is quiet, and what was not counted is broken."""
        said = str(output.get("outcome", "")) if isinstance(output, Mapping) else ""
        return {"lapsed": "quiet", "unremembered": "broken"}.get(said, said)

    def problems(self) -> Iterator[str]:
        """Times and counts that cannot be, and an incident that could only be opened, or only closed."""
        yield from self.raise_after.problems("raise_after")
        yield from self.clear_after.problems("clear_after")
        if not 0 < self.pending <= LONGEST:
            yield f"pending_at_most of {self.pending:g} s: give more than 0 and at most a year"
        if self.reopen_after is not None and not 0 < self.reopen_after <= LONGEST:
            yield f"reopen_after of {self.reopen_after:g} s: give more than 0 and at most a year"
        if bool(self.raises) is not bool(self.clears):
            yield "an incident is opened and closed: it has steps for one of both only"
        if len(self.muted_by) > 1:
            yield "one step says whether it is muted"
        if any(call.undo for call in (*self.muted_by, *self.raises, *self.clears)):
            yield "a step of an incident is not undone: the alarm closes what it has opened"
