"""A wait for an event."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal, cast

from pydantic import Field, JsonValue

from resolute.plan.described import describe
from resolute.plan.event import name_problem
from resolute.plan.kinds.sleep import LONGEST
from resolute.plan.step import Figure, Step
from resolute.plan.times import spoken_duration
from resolute.plan.values import Json


class Wait(Step):
    """Wait for an event of one of these names, up to `timeout` seconds.

    `accepts` is the JSON Schema that the event has to fit. `where` is a condition on the event, which it reads as the
    item of this step. The step's output is the event; null after the timeout.
    """

    kind: Literal["wait"] = "wait"
    id: str
    events: tuple[str, ...]
    accepts: dict[str, JsonValue] = Field(default={})
    where: JsonValue = None
    timeout: float | None = None

    figure: ClassVar[Figure] = "rounded"

    @property
    def title(self) -> str:
        """What it waits for, and how long."""
        condition = f" where {describe(cast('Json', self.where))}" if self.where is not None else ""
        limit = f", up to {spoken_duration(self.timeout)}" if self.timeout is not None else ""
        return f"{self.id}: wait for {' or '.join(self.events)}{condition}{limit}"

    @property
    def ended_by(self) -> str:
        """The event, as a test tells a run of it."""
        return f"tester.tells({self.events[0]!r}, {{...}})"

    def values(self) -> tuple[Json, ...]:
        """The condition."""
        return (cast("Json", self.where),)

    def problems(self) -> Iterator[str]:
        """An event without a name, or a wait of no length."""
        if not self.events:
            yield "it waits for no event"
        for name in self.events:
            if problem := name_problem(name):
                yield problem
        if self.timeout is not None and not 0 < self.timeout <= LONGEST:
            yield "a wait for an event lasts up to ten years"
