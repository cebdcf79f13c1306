"""What an author puts into a flow: a step of any kind, which has a name and a typed output, and its place there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Generic, Self, TypeVar, cast

from resolute.plan.errors import Problem
from resolute.plan.expressions import Reference

R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True)
class StepSource:
    """What a reference points at: a step by identity, and by name where it has one."""

    identity: object
    name: str | None
    default_name: str
    model: Any = Any
    """What the step gives, for completion."""

    @property
    def step_name(self) -> str:
        """The name to show before the flow is built."""
        return self.name or self.default_name


@dataclass(frozen=True, eq=False, kw_only=True)
class FlowStep(ABC, Generic[R_co]):
    """A step, ready to be given to `.then(...)`. Every change is a copy, so flows share nothing.

    A kind derives from it as a frozen dataclass with what its word takes. `mistakes` were made where the step was
    written, at the author's file and line in `written_at`; references know the step by its `identity`.
    """

    name: str | None = None
    identity: object = field(default_factory=object, repr=False)
    mistakes: tuple[Problem, ...] = ()
    written_at: str = field(default="", repr=False)

    @property
    @abstractmethod
    def default_name(self) -> str:
        """The step's name where `as_` gave none."""

    @property
    @abstractmethod
    def result_type(self) -> Any:
        """The type of the step's output."""

    @property
    def untyped(self) -> str:
        """The node that does not say what it returns, where nothing is known of the output."""
        return ""

    @abstractmethod
    def draft(self) -> Draft:
        """The step as it stands in one place of one flow."""

    def as_(self, name: str) -> Self:
        """Names the step. Named outputs are the run's result, and what `output("name.field")` reads."""
        return replace(self, name=name)

    @property
    def source(self) -> StepSource:
        """What references to the step point at."""
        return StepSource(self.identity, self.name, self.default_name, self.result_type)

    @property
    def output(self) -> R_co:
        """A reference to what the step gives, typed as that: `health.output.message`."""
        return cast("R_co", Reference("$output", self.source))


class Draft(ABC):
    """A step in its place in one flow, known by its identity. Each kind has its own."""

    kind: ClassVar[str]
    """What a step is called that has no other name."""

    spot: ClassVar[str] = "then"
    """The word of the builder that put it there, as places in messages show it."""

    step: FlowStep[object] | None = None
    """The author's step, whose name and output it has; None where there is neither."""

    repeats: ClassVar[bool] = False
    """Whether what is in it runs many times, once for each item or turn."""

    @property
    def identities(self) -> tuple[object, ...]:
        """What references to the step are known by."""
        return () if self.step is None else (self.step.identity,)

    @property
    def written_at(self) -> str:
        """The file and line of the author's that said it."""
        return self.step.written_at if self.step else ""

    def blocks(self) -> tuple[tuple[Draft, ...], ...]:
        """The drafts inside, block by block."""
        return ()

    @abstractmethod
    def fresh(self) -> Draft:
        """The same as a new object, for another place."""


def is_factory(value: object) -> bool:
    """Whether a value is a declared node that nobody has called."""
    return callable(value) and hasattr(value, "definition")


def spoken(value: object) -> str:
    """What stands where a step or a condition should, for messages."""
    if is_factory(value):
        return f"{getattr(value, '__name__', 'node')}(...)"
    return repr(value) if value is None or isinstance(value, (str, int, float)) else f"a {type(value).__name__}"
