"""Flows of any shape: they compile, every step has a name of its own, and they run to their end."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from resolute import Flow, FlowBuilder, Plan, branch, contains, flow, input_data, manual, node
from resolute.plan.kinds.when import When
from resolute.plan.step import walk
from resolute.testing import FlowTester
from resolute.writing.diagram import mermaid, outline


@node
async def first(words: str = "") -> str:
    return words


@node
async def second(words: str = "") -> str:
    return words


def by_python(state: Any) -> bool:
    return state.input == 1


CONDITIONS: list[Any] = [input_data() == 1, input_data() != 1, contains([1], 1), contains([1], 2), by_python]
Shape = Any
"""A step: None and False are nodes, a tuple is a `when` (condition, then, otherwise), a list is parallel branches."""

STEPS: st.SearchStrategy[list[Shape]] = st.recursive(
    st.lists(st.sampled_from([None, False]), min_size=1, max_size=3),
    lambda block: st.lists(
        st.sampled_from([None, False])
        | st.tuples(st.sampled_from(CONDITIONS), block, block | st.just([]))
        | st.lists(block, min_size=1, max_size=3),
        min_size=1,
        max_size=3,
    ),
    max_leaves=12,
)


def written(builder: FlowBuilder, steps: list[Shape]) -> FlowBuilder:
    for step in steps:
        match step:
            case (condition, then, otherwise) if isinstance(step, tuple):
                builder = written(builder.when(condition), then)
                builder = (written(builder.otherwise(), otherwise) if otherwise else builder).end_when()
            case [*branches]:
                builder = builder.then_parallel(*(written(branch(), inner) for inner in branches))
            case None:
                builder = builder.then(first("a"))
            case _:
                builder = builder.then(second("b"))
    return builder


def built(steps: list[Shape]) -> Flow:
    return written(flow("random").triggered_by(manual("m")), steps).build()


@given(STEPS)
def test_every_shape_compiles(steps: list[Shape]) -> None:
    """Names are unique, the plan survives its journey, building again gives the same, and it can be drawn."""
    plan = built(steps).plan
    ids = [step.id for step in walk(plan.steps)]

    assert len(ids) == len(set(ids))
    assert plan == Plan.model_validate_json(plan.model_dump_json())
    assert plan.fingerprint == built(steps).plan.fingerprint
    assert mermaid(plan).startswith("flowchart TD\n")
    assert outline(plan).startswith("random\n")


@settings(max_examples=40, deadline=None)
@given(STEPS, st.sampled_from([1, 2]))
async def test_every_shape_runs_to_its_end(steps: list[Shape], given_input: int) -> None:
    """Each step has completed or was left out, and what was left out is exactly what no condition took."""
    made = built(steps)
    run = await FlowTester(made).run(given_input)
    statuses = {step.id: step.status for step in run.report.steps}
    left_out = {
        inner.id
        for step in walk(made.plan.steps)
        if isinstance(step, When) and statuses[step.id] == "completed"
        for inner in walk(step.otherwise if run.step(step.id).taken == "then" else step.then)
    }

    assert "completed" == run.status
    assert {"completed", "skipped"} >= set(statuses.values())
    assert left_out == {step for step, status in statuses.items() if status == "skipped"}
