"""Plans that no run could follow are refused as a whole: where they are written, and where they are read."""

import copy
from datetime import timedelta
from typing import Any

import pytest

from resolute import FlowBuildError, branch, flow, input_data, manual, node, now, text
from resolute.plan.errors import UnsupportedPlanError
from resolute.plan.soundness import DEEPEST_BLOCK
from resolute.plan.step import walk
from resolute.temporal.wire.start import read_plan
from resolute.writing.builder import FlowBuilder

START = manual("start")


@node
async def echo(value: Any) -> Any:
    """Gives back what it is given."""
    return value


sound = flow("sound").triggered_by(START).then(echo(input_data()).as_("one").on_failure(echo(1))).build().plan


def _written(**changes: Any) -> dict[str, Any]:
    written: dict[str, Any] = copy.deepcopy(sound.model_dump(mode="json"))
    written["steps"][0].update(changes)
    return written


def _deep(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def _blocks(depth: int) -> dict[str, Any]:
    step: Any = _written()["steps"][0]
    for index in range(depth):
        step = {"kind": "when", "id": f"when_{index}", "condition": True, "then": [step]}
    return {**_written(), "steps": [step]}


BROKEN: dict[str, dict[str, Any]] = {
    "output of nothing": _written(arguments={"value": {"$output": []}}),
    "output of a number": _written(arguments={"value": {"$output": [1]}}),
    "path of objects": _written(arguments={"value": {"$output": ["one", {"a": 1}]}}),
    "pattern of no expression": _written(arguments={"value": {"$matches": ["a", "("]}}),
    "pattern that RE2 has not": _written(arguments={"value": {"$search": ["a", "(?=b)"]}}),
    "pattern that is a number": _written(arguments={"value": {"$search": ["a", 1]}}),
    "comparison of one": _written(arguments={"value": {"$eq": [1]}}),
    "comparison of three": _written(arguments={"value": {"$lt": [1, 2, 3]}}),
    "unknown expression": _written(arguments={"value": {"$import": "os"}}),
    "unknown expression inside": _written(arguments={"value": {"$not": [{"$and": [True, {"$eval": "1"}]}]}}),
    "now and a text": _written(arguments={"value": {"$now": "soon"}}),
    "now and a million days": _written(arguments={"value": {"$now": -86_400_000_000.0}}),
    "env of nothing": _written(arguments={"value": {"$env": []}}),
    "env of no type": _written(arguments={"value": {"$env": {"name": "A", "type": "list"}}}),
    "secret of an object": _written(arguments={"value": {"$secret": {"name": "A"}}}),
    "template of attributes": _written(arguments={"value": {"$text": ["{0.__class__}", 1]}}),
    "template of a gigabyte": _written(arguments={"value": {"$text": ["{:1000000000}", 1]}}),
    "template without value": _written(arguments={"value": {"$text": ["{}"]}}),
    "where without a name": _written(arguments={"value": {"$where": [[1], 7, True]}}),
    "where without a condition": _written(arguments={"value": {"$where": [[1], "item"]}}),
    "first of nothing": _written(arguments={"value": {"$first": []}}),
    "any of a broken condition": _written(arguments={"value": {"$any": [[1], "item", {"$item": []}]}}),
    "sum of one": _written(arguments={"value": {"$add": [1]}}),
    "a part by an object": _written(arguments={"value": {"$at": [[1], {"a": 1}]}}),
    "due at some time": _written(arguments={"value": {"$scheduled": ["noon"]}}),
    "state of something": _written(arguments={"value": {"$state": [1]}}),
    "endless timeout": _written(policy={"timeout": 1e300}),
    "no timeout": _written(policy={"timeout": 1e-12}),
    "endless attempts": _written(policy={"retry": {"attempts": 10**12}}),
    "endless growth": _written(policy={"retry": {"coefficient": 1e300}}),
    "name of nothing": _written(id=""),
    "name of 2,000 letters": _written(id="x" * 2000),
    "half a letter as name": _written(id="\ud800"),
    "node of nothing": _written(node=""),
    "queue of lines": _written(queue="a\nb"),
    "the same name twice": {**_written(), "on_failure": _written()["steps"]},
    "nested values": _written(arguments={"value": _deep(101)}),
    "nested deep": _written(arguments={"value": _deep(900)}),
    "nested blocks": _blocks(DEEPEST_BLOCK + 1),
    "200 nested blocks": _blocks(200),
    "broken condition": {
        **_written(),
        "steps": [{"kind": "when", "id": "when", "condition": {"$or": []}, "then": _written()["steps"]}],
    },
    "broken result": {**_written(), "returns": {"$output": []}, "has_returns": True},
    "broken undo": _written(undo=[{**_written()["steps"][0]["undo"][0], "arguments": {"value": {"$now": []}}}]),
    "undo of undo": _written(undo=[{**_written()["steps"][0]["undo"][0], "undo": _written()["steps"][0]["undo"]}]),
}


@pytest.mark.parametrize("written", BROKEN.values(), ids=BROKEN)
def test_a_broken_plan_is_refused_when_it_is_read(written: dict[str, Any]) -> None:
    """What comes from elsewhere and could not be followed is refused before the first step, with its place."""
    with pytest.raises(UnsupportedPlanError, match=r"the run's plan (is damaged at|cannot be run:) "):
        read_plan(written)


def test_a_plan_is_read_once() -> None:
    """Runs of the same plan share it; one that differs in the order of a value alone is another."""
    written = _written(arguments={"value": {"b": 1, "a": 2}})
    turned = _written(arguments={"value": {"a": 2, "b": 1}})
    known, other = read_plan(written), read_plan(turned)
    orders = [[*plan.model_dump()["steps"][0]["arguments"]["value"]] for plan in (known, other)]

    assert known is read_plan(copy.deepcopy(written))
    assert [["b", "a"], ["a", "b"]] == orders


def test_the_largest_plan_that_is_allowed_is_read() -> None:
    """As deep as blocks and values may be, together: it is read, and stays what it is."""
    written = _blocks(DEEPEST_BLOCK)
    innermost = next(step for step in walk(read_plan(written).steps) if step.kind == "call")

    assert "one" == innermost.id
    assert 96 == str(read_plan(_written(arguments={"value": _deep(96)})).steps).count("[")


def _nested(depth: int) -> FlowBuilder:
    builder = flow("nested").triggered_by(START)
    for _ in range(depth):
        builder = builder.when(input_data("go") == 1)
    builder = builder.then(echo(1))
    for _ in range(depth):
        builder = builder.end_when()
    return builder


@pytest.mark.parametrize(
    ("builder", "message"),
    [
        (
            flow("far").triggered_by(START).then(echo(now() - timedelta(days=1_000_000)).as_("early")),
            r"step 'early'  \$now: now\(\) can be moved by up to 1,000 years",
        ),
        (
            flow("farther").triggered_by(START).then(echo(now() - timedelta.max).as_("early")),
            r"step 'early'  \$now: now\(\) can be moved by up to 1,000 years",
        ),
        (
            flow("long").triggered_by(START).then(echo(1).as_("slow").timeout(timedelta.max)),
            r"then\[0\] 'slow'  timeout: Input should be less than or equal to 3153600000",
        ),
        (_nested(200), "steps  blocks are nested 200 deep, 50 is the most"),
        (_nested(5000), "steps  blocks are nested 5000 deep, 50 is the most"),
        (
            flow("large").triggered_by(START).then(echo("x" * 1_100_000)),
            r"steps  the plan has 1,100,\d\d\d bytes, 1,000,000 is the most",
        ),
        (flow("named").triggered_by(START).then(echo(1).as_("x" * 2000)), "name"),
    ],
    ids=["now", "now at its most", "timeout", "200 blocks", "5,000 blocks", "size", "name"],
)
def test_build_refuses_what_no_run_could_follow(builder: FlowBuilder, message: str) -> None:
    """A flow that could not run is a mistake with its place, not a run that is stuck."""
    with pytest.raises(FlowBuildError, match=message):
        builder.build()


def test_a_text_of_a_gigabyte_is_refused_where_it_is_written() -> None:
    """A width that no text needs is a mistake of the template."""
    with pytest.raises(TypeError, match="a width or precision is at most 10,000"):
        text("{:1000000000}", input_data("n"))


def test_branches_in_branches() -> None:
    """Branches may be nested as deep as other blocks, and deeper ones are a mistake with its place."""
    builder = branch().then(echo(1))
    for _ in range(120):
        builder = branch().then_parallel(builder)
    whole = flow("branches").triggered_by(START).then_parallel(builder)

    with pytest.raises(FlowBuildError, match="blocks are nested 121 deep"):
        whole.build()
