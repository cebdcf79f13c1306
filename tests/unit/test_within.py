"""A run that is not done in time ends, undoes its work, and says so."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from resolute import FlowBuildError, failure, flow, manual, node, sleep
from resolute.execution.executor import NodeExecutor
from resolute.memory.clock import START, VirtualClock
from resolute.memory.runtime import run_in_memory
from resolute.plan.errors import RunTimedOutError
from resolute.testing import FlowTester
from resolute.writing.data import flow_as_data, flow_from_data

HOUR = timedelta(hours=1)


@node
async def reserve() -> str:
    """Reserves."""
    return "reserved"


@node
async def release() -> None:
    """Takes it back."""


@node
async def tell(what: str) -> str:
    """Tells somebody."""
    return what


slow = (
    flow("slow", within=2 * HOUR)
    .triggered_by(manual("go"))
    .then(reserve().as_("reserved").on_failure(release()))
    .then(sleep(HOUR).as_("first"))
    .then(reserve().as_("again").on_failure(release()))
    .then(sleep(24 * HOUR).as_("second"))
    .then(tell("never").as_("never"))
    .on_failure(tell(failure().error_type).as_("told"))
    .build()
)


async def test_a_run_out_of_time() -> None:
    """It ends when its time is up, not later; what was done is undone, and the flow's `on_failure` tells of it."""
    tester = FlowTester(slow)
    run = await tester.run()

    assert ("timed_out", START + 2 * HOUR) == (run.status, tester.clock.now())
    assert isinstance(run.error, RunTimedOutError)
    assert "the run was not done within 2:00:00 (h:mm:ss), which is all that its flow allows" == str(run.error)
    assert ("again_undo", "reserved_undo") == run.undone
    assert "RunTimedOutError" == run.step("told").output
    assert ("cancelled", "pending") == (run.step("second").status, run.step("never").status)


async def test_a_run_in_time() -> None:
    """A run that is done in time ends as ever, and the clock does not go on to its limit."""
    quick = flow("quick", within=2 * HOUR).triggered_by(manual("go")).then(sleep(HOUR).as_("one")).build()
    tester = FlowTester(quick)
    run = await tester.run()

    assert ("completed", START + HOUR) == (run.status, tester.clock.now())


async def test_a_run_out_of_time_in_a_new_history() -> None:
    """The time counts from the beginning of the run, however often it is continued."""
    clock = VirtualClock()
    run = await run_in_memory(slow.plan, NodeExecutor.for_flows([slow]), clock=clock, full=lambda ended: ended > 0)

    assert ("timed_out", START + 2 * HOUR) == (run.report.status, clock.now())


async def test_a_node_is_given_up() -> None:
    """A node that is at work when the time is up is told to stop."""

    async def hang() -> str:
        await asyncio.sleep(60)
        return "never"

    tester = FlowTester(
        flow("hanging", within=timedelta(minutes=1))
        .triggered_by(manual("go"))
        .then_parallel(reserve().as_("stuck"), reserve().as_("done").on_failure(release()))
        .build(),
        patience=1,
    )
    tester.answer("stuck", hang)
    run = await tester.run()

    assert "timed_out" == run.status
    assert ("done_undo",) == run.undone


@pytest.mark.parametrize("within", [timedelta(), -HOUR, 60, timedelta(days=10_000)])
def test_no_length_of_time(within: Any) -> None:
    """A limit is a length of time."""
    with pytest.raises(FlowBuildError, match="is no length of time"):
        flow("odd", within=within).triggered_by(manual("go")).then(reserve()).build()


def test_as_data() -> None:
    """A flow with a limit is the same flow as data."""
    data = flow_as_data(slow)

    assert slow.plan.fingerprint == flow_from_data(data, slow.nodes).plan.fingerprint
