"""A flow as data: frozen, versioned JSON without a callable in it.

A run carries its plan, so whatever happens to the flow's source, the run ends by the plan that it began with.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Final, Literal, TypeAlias

from pydantic import Field, JsonValue

from resolute.plan.keyed import Keyed
from resolute.plan.step import WITHOUT_PLACES, Frozen, Steps, walk
from resolute.plan.triggers import Trigger
from resolute.plan.values import JsonObject, digest

FORMAT: Final = 1
"""The version of the shape of plans."""

INTERPRETER: Final = 5
"""The version of the interpreter: what changes the commands of a run is gated on the number that its plan carries."""


WhenStuck: TypeAlias = Literal["fail", "hold"]
"""What becomes of a run of which a step has failed for good: it fails, or it waits for a person's decision."""


Mode: TypeAlias = Literal["live", "shadow", "dry"]
"""Whether runs may write. A shadow is a flow that its author lets run without any write, on its real triggers; a dry
run is one run of any flow without a write. In both, the runs read, compute, and say what they would have done.
"""


class Remembered(Frozen):
    """A value of earlier runs that the flow reads: a step, a path into its output, and the JSON Schemas it may fit.

    One schema is enough: they are the type as it is written and as it is read, where those differ.
    """

    step: str
    path: tuple[str | int, ...] = ()
    types: tuple[dict[str, JsonValue], ...] = ({},)


class Followed(Frozen):
    """A cursor that the flow reads, and the JSON Schemas that its value has to fit."""

    name: str
    types: tuple[dict[str, JsonValue], ...] = ()


class Plan(Frozen):
    """A whole flow, ready to run.

    `outputs` are the steps whose outputs are the run's result, unless `returns` says what is. `remembers` is true
    where the flow reads values of earlier runs, and `memory` says which; where not all runs are a schedule's, which
    hands that on, it `shares_memory` among them. `cursors` are those that it reads. `when_stuck` says what becomes of a
    run of which a step has failed for good; where a person is asked, `types` are what the steps give, by name. `mode`
    says whether runs may write, and `within` are the seconds after which a run is ended. `one_per` says which runs have
    a key of which at most one goes on. `places` are the files and lines where steps were written, by step: for people
    alone, so moving a line makes no other flow.
    """

    format: Literal[1] = FORMAT
    interpreter: int = INTERPRETER
    name: str
    description: str = ""
    triggers: tuple[Trigger, ...] = ()
    steps: Steps
    on_failure: Steps = ()
    outputs: tuple[str, ...] = ()
    returns: JsonValue = None
    has_returns: bool = False
    remembers: bool = False
    memory: tuple[Remembered, ...] = ()
    shares_memory: bool = Field(default=False, exclude_if=lambda value: not value)
    cursors: tuple[Followed, ...] = Field(default=(), exclude_if=lambda value: not value)
    when_stuck: WhenStuck = "fail"
    mode: Mode = Field(default="live", exclude_if=lambda value: value == "live")
    within: float | None = Field(default=None, gt=0, exclude_if=lambda value: value is None)
    types: dict[str, tuple[dict[str, JsonValue], ...]] = Field(default={})
    one_per: Keyed | None = Field(default=None, exclude_if=lambda value: value is None)
    places: dict[str, str] = Field(default={})

    @property
    def is_dry(self) -> bool:
        """Whether its runs write nothing."""
        return self.mode != "live"

    @property
    def holds(self) -> bool:
        """Whether a step that has failed for good waits for a person. Nobody is asked for a dry run."""
        return self.when_stuck == "hold" and not self.is_dry

    def in_mode(self, mode: Mode) -> Plan:
        """The same plan for a run in a mode; a plan that is dry already stays as it is."""
        return self if self.is_dry or mode == "live" else self.model_copy(update={"mode": mode})

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits: the same for equal plans in every process, wherever their steps were written."""
        return digest(self.model_dump(mode="json", exclude={"places"}, context=WITHOUT_PLACES))

    @cached_property
    def as_json(self) -> JsonObject:
        """The plan as plain data, for whoever writes it down and changes nothing in it."""
        return self.model_dump(mode="json")

    def __copy__(self) -> Plan:
        copy = super().__copy__()
        for known in ("fingerprint", "as_json"):
            vars(copy).pop(known, None)  # `model_copy(update=...)` makes another plan
        return copy


def with_inner(plan: Plan) -> Iterator[Plan]:
    """The plan, and those of the flows that it runs, at any depth."""
    yield plan
    for step in walk((*plan.steps, *plan.on_failure)):
        for inner in step.plans():
            yield from with_inner(inner)
