"""A new kind of step is its own files and a line in each register: this one is added from outside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import pytest

from resolute import flow, manual, node
from resolute.plan.plan import Plan
from resolute.plan.step import KINDS, Block, Figure, Step, Steps, register
from resolute.plan.values import Json
from resolute.running.evaluate import evaluate
from resolute.running.frame import Frame
from resolute.running.kinds import RUNNING
from resolute.running.run import Run, Running
from resolute.testing import FlowTester
from resolute.writing.checks import Scope
from resolute.writing.diagram import mermaid, outline
from resolute.writing.kinds import COMPILING
from resolute.writing.placing import steps_of
from resolute.writing.step import Draft, FlowStep
from resolute.writing.steps import Steps as Compiler
from resolute.writing.steps import knowing


class Twice(Step):
    """Run a block twice, and give a value."""

    kind: Literal["twice"] = "twice"
    id: str
    value: Any = None
    body: Steps = ()

    figure: ClassVar[Figure] = "hexagon"

    @property
    def title(self) -> str:
        """What it does."""
        return "twice"

    def blocks(self) -> tuple[Block, ...]:
        """The block."""
        return (Block("loop", self.body, arrow="again"),)

    def values(self) -> tuple[Json, ...]:
        """The value."""
        return (self.value,)


async def run_twice(twice: Twice, frame: Frame, run: Run) -> Json:
    """Runs it."""
    for turn in range(2):
        await run.block(twice.body, frame.inside(f"{twice.id}#{turn}", alone=frame.alone))
        frame.forget(f"{twice.id}#{turn}")
    return evaluate(twice.value, run.state.scope(frame))


@dataclass(frozen=True, eq=False)
class TwiceStep(FlowStep[str]):
    """What an author writes."""

    value: object
    body: tuple[Draft, ...]

    @property
    def default_name(self) -> str:
        """Its name."""
        return "twice"

    @property
    def result_type(self) -> Any:
        """A text."""
        return str

    def draft(self) -> Draft:
        """Its place."""
        return DraftTwice(self)


@dataclass(frozen=True, eq=False)
class DraftTwice(Draft):
    """In its place."""

    step: TwiceStep  # pyright: ignore[reportIncompatibleVariableOverride]

    kind: ClassVar[str] = "twice"

    def blocks(self) -> tuple[tuple[Draft, ...], ...]:
        """The body."""
        return (self.step.body,)

    def fresh(self) -> Draft:
        """Another place."""
        return DraftTwice(self.step)


def compile_twice(draft: DraftTwice, steps: Compiler, scope: Scope, place: str) -> tuple[list[Step], Scope]:
    """What a plan holds of it."""
    step_id = steps.naming.ids[id(draft)]
    body, _ = steps.block(draft.step.body, scope, f"{place}.")
    value = steps.values.encode(draft.step.value, place)
    compiled = Twice(id=step_id, value=value, body=body)
    return [compiled], knowing(scope, {step_id: steps.naming.shapes[step_id]})


@pytest.fixture
def _twice() -> Iterator[None]:
    register(Twice)
    RUNNING[Twice] = Running(run_twice)
    COMPILING[DraftTwice] = compile_twice
    yield
    del KINDS["twice"], RUNNING[Twice], COMPILING[DraftTwice]


@node
async def greet(name: str) -> str:
    """Greets."""
    return f"hello {name}"


@pytest.mark.usefixtures("_twice")
async def test_a_kind_from_outside() -> None:
    """It is built, checked, read from JSON, run, drawn and reported, and nothing of the house knows it."""
    twice = TwiceStep("done", steps_of(greet("you").as_("greeting"))).as_("both")
    built = flow("toy").triggered_by(manual("go")).then(twice).then(greet(twice.output).as_("after")).build()

    run = await FlowTester(built).run()

    assert built.plan == Plan.model_validate_json(built.plan.model_dump_json())
    assert "\n  twice\n    greeting: greet\n  after: greet" in outline(built.plan)
    assert '{{"twice"}}' in mermaid(built.plan)
    assert ["both#0.greeting", "both#1.greeting", "after"] == [call.step for call in run.calls]
    assert {"name": "done"} == run.calls[-1].arguments
    assert {"completed": 2} == run.step("greeting").counts
    assert "hello you" == run.step("both#1.greeting").output
    assert "completed" == run.step("both").status


def test_a_kind_that_nobody_knows() -> None:
    """A plan of a newer release says which kind of step this release does not know."""
    plan = {"name": "newer", "steps": [{"kind": "teleport", "id": "a"}]}

    with pytest.raises(ValueError, match="a step of kind 'teleport' is not known to this release"):
        Plan.model_validate(plan)
