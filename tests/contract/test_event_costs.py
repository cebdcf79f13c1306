"""What each kind of step costs in Temporal: no more events than a workflow that somebody writes by hand."""

from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from benchmarks.events import Costs, costs
from benchmarks.shapes import Shape, shapes
from resolute.plan.step import KINDS


@pytest.fixture(scope="module")
async def both(temporal_client: Client) -> AsyncIterator[Costs]:
    """Workers for the flows, and for the workflows by hand."""
    async with costs(temporal_client) as found:
        yield found


@pytest.mark.parametrize("shape", shapes(), ids=lambda shape: shape.name)
async def test_no_kind_costs_more_events_than_by_hand(both: Costs, shape: Shape) -> None:
    """A flow records nothing that a workflow of the same shape by hand does not, and wakes for nothing else."""
    ours, by_hand = await both.ours(shape), await both.by_hand(shape)

    assert {} == dict(ours.beyond(by_hand))
    assert ours.tasks <= ours.wakes


def test_every_kind_is_among_the_shapes() -> None:
    """A kind of step that is added is measured as well."""
    measured = {step.kind for shape in shapes() for step in shape.flow.plan.steps}

    assert {*KINDS} == measured


@pytest.mark.parametrize("name", ["each in the local lane", "neighbours in the local lane"])
async def test_quick_steps_cost_one_event_together(both: Costs, name: str) -> None:
    """Items and neighbours in the local lane are recorded together, where by hand each has a record of its own."""
    quick = next(shape for shape in shapes() if shape.name == name)

    ours, by_hand = await both.ours(quick), await both.by_hand(quick)

    assert {"EVENT_TYPE_MARKER_RECORDED": 2} == dict(by_hand.beyond(ours))
