"""Sagas that fail or are cancelled at a random step, in one history or in many: all is done, or nothing is left."""

import asyncio
import random
from typing import Final

import pytest

from resolute import Flow, branch, current_call, flow, manual, node
from resolute.execution.executor import NodeExecutor
from resolute.memory.runtime import run_in_memory
from resolute.plan.errors import TerminalError
from resolute.running.interpreter import Interpreter

WORLD: Final[list[str]] = []
"""What has been made and not undone."""

FAULT: Final[dict[str, str]] = {}
"""At which step what happens: `fail`, or `cancel`."""

BEGUN: Final[list[Interpreter]] = []


@node
async def make(name: str) -> str:
    """Makes something, unless the test fails the step or cancels the run."""
    fault = FAULT.get(current_call().step)
    if fault == "fail":
        raise TerminalError("broken")
    if fault == "cancel":
        BEGUN[-1].cancel()
    WORLD.append(name)
    return name


@node
async def unmake(name: str) -> None:
    """Undoes it."""
    WORLD.remove(name)


@node
async def make_slowly(name: str) -> str:
    """Makes something, and says so never: the run is cancelled first."""
    WORLD.append(name)
    BEGUN[-1].cancel()
    await asyncio.Event().wait()
    return name


STEPS: Final = ("a", "b", "left", "left_too", "right", "z")


def _made() -> Flow:
    made = {name: make(name).as_(name).on_failure(unmake(name).as_(f"undo_{name}")) for name in STEPS}
    return (
        flow("saga")
        .triggered_by(manual("start"))
        .then(made["a"])
        .when(made["a"].output == "a")
        .then(made["b"])
        .end_when()
        .then_parallel(branch().then(made["left"]).then(made["left_too"]), made["right"])
        .then(made["z"])
        .build()
    )


@pytest.mark.parametrize("seed", range(200))
async def test_all_or_nothing(seed: int) -> None:
    """A saga that completes has done everything, any other has left nothing, and the report says which it was."""
    chance, saga = random.Random(seed), _made()
    WORLD.clear()
    FAULT.clear()
    for step in chance.sample(STEPS, chance.choice([0, 1, 2])):
        FAULT[step] = chance.choice(["fail", "cancel"])
    behind = chance.choice([1, 2, 3, 1000])
    run = await run_in_memory(
        saga.plan, NodeExecutor.for_flows([saga]), begun=BEGUN.append, full=lambda ended: ended >= behind
    )
    left = sorted(WORLD)

    assert (sorted(STEPS) if run.report.status == "completed" else []) == left, f"seed {seed}: {FAULT}"
    assert bool(FAULT) or run.report.status == "completed"
    assert () == run.report.compensation_failures


async def test_a_step_that_was_given_up_is_named() -> None:
    """Nobody knows whether a step has done its work that a cancel met at work: the report names it."""
    WORLD.clear()
    slow = make_slowly("a").as_("slow").on_failure(unmake("a").as_("undo"))
    saga = flow("given-up").triggered_by(manual("start")).then(slow).build()
    run = await run_in_memory(saga.plan, NodeExecutor.for_flows([saga]), begun=BEGUN.append)
    (warning,) = run.report.warnings

    assert ("cancelled", ["a"]) == (run.report.status, WORLD)
    assert warning.startswith("step 'slow' was given up while it was at work: it may have done its work all the same")
