"""A flow as data: frozen, versioned JSON without a callable in it.

A run carries its plan, so whatever happens to the flow's source, the run ends by the plan that it began with.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Final, Literal, TypeAlias, assert_never

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from resolute.plan.policies import Lane, Policy
from resolute.plan.triggers import Trigger
from resolute.plan.values import digest

FORMAT: Final = 1
"""The version of the shape of plans."""

INTERPRETER: Final = 2
"""The version of the interpreter: what changes the commands of a run is gated on the number that its plan carries."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Call(_Frozen):
    """Run a node. `id` is the step's name and Temporal's activity id; the node's output is kept under it.

    `queue` is the provider's queue whose rate limit the call counts against. `undo` are calls that run, where this one
    completed and the run fails later.
    """

    kind: Literal["call"] = "call"
    id: str
    node: str
    arguments: dict[str, JsonValue] = {}
    policy: Policy = Policy()
    lane: Lane = "activity"
    queue: str | None = None
    undo: tuple[Call, ...] = ()


class When(_Frozen):
    """Run `then` where the condition holds, else `otherwise`."""

    kind: Literal["when"] = "when"
    id: str
    condition: JsonValue
    then: tuple[Step, ...] = ()
    otherwise: tuple[Step, ...] = ()


class Parallel(_Frozen):
    """Run all branches at the same time; go on when each has ended."""

    kind: Literal["parallel"] = "parallel"
    id: str
    branches: tuple[tuple[Step, ...], ...]


Step: TypeAlias = Annotated[Call | When | Parallel, Field(discriminator="kind")]

When.model_rebuild()
Parallel.model_rebuild()


class Remembered(_Frozen):
    """A value of earlier runs that the flow reads: a step, a path into its output, and the JSON Schemas it may fit.

    One schema is enough: they are the type as it is written and as it is read, where those differ.
    """

    step: str
    path: tuple[str | int, ...] = ()
    types: tuple[dict[str, JsonValue], ...] = ({},)


class Plan(_Frozen):
    """A whole flow, ready to run.

    `outputs` are the steps whose outputs are the run's result, unless `returns` says what is. `remembers` is true
    where the flow reads values of earlier runs, and `memory` says which. `places` are the files and lines where steps
    were written, by step: for people alone, so moving a line makes no other flow.
    """

    format: Literal[1] = FORMAT
    interpreter: int = INTERPRETER
    name: str
    description: str = ""
    triggers: tuple[Trigger, ...] = ()
    steps: tuple[Step, ...]
    on_failure: tuple[Step, ...] = ()
    outputs: tuple[str, ...] = ()
    returns: JsonValue = None
    has_returns: bool = False
    remembers: bool = False
    memory: tuple[Remembered, ...] = ()
    places: dict[str, str] = {}

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits: the same for equal plans in every process, wherever their steps were written."""
        return digest(self.model_dump(mode="json", exclude={"places"}))

    def __copy__(self) -> Plan:
        copy = super().__copy__()
        vars(copy).pop("fingerprint", None)  # `model_copy(update=...)` makes another plan
        return copy


def walk(steps: tuple[Step, ...]) -> Iterator[Step]:
    """Every step, in the order of the plan: a call before its undo calls, a block before what is in it."""
    for step in steps:
        yield step
        match step:
            case Call():
                yield from step.undo
            case When():
                yield from walk((*step.then, *step.otherwise))
            case Parallel():
                for branch in step.branches:
                    yield from walk(branch)
            case _:
                assert_never(step)


def calls_in(steps: tuple[Step, ...]) -> list[Call]:
    """Every call in the steps, in the order of the plan, undo calls behind their step."""
    return [step for step in walk(steps) if isinstance(step, Call)]
