"""`child(...)`: what `build()` checks of a flow that another one runs, what a plan shows, and what a tester sees."""

import asyncio
from datetime import timedelta
from typing import Any, cast

import pytest
from pydantic import BaseModel, Field

from resolute import (
    Flow,
    FlowBuildError,
    child,
    current_call,
    env,
    every,
    flow,
    input_data,
    manual,
    node,
    output,
    secret,
    sleep,
)
from resolute.plan.kinds.child import DEEPEST
from resolute.plan.plan import Plan
from resolute.testing import FlowTester
from resolute.writing.diagram import mermaid, outline
from resolute.writing.step import FlowStep


class Host(BaseModel):
    """What a drain is given."""

    name: str = Field(alias="hostName")
    weight: int = 3
    tags: list[str] = []


class Drained(BaseModel):
    """What a drain gives."""

    host: str
    weight: int


class Other(BaseModel):
    """What it does not give."""

    host: int
    pool: str


@node
async def drain(host: str) -> str:
    """Takes a host out."""
    return host


@node
async def put_back(host: str) -> str:
    """Takes it in again."""
    return host


@node
async def weigh(weight: int) -> int:
    """Takes a number."""
    return weight


drained = drain(input_data(Host).name).as_("drain")
draining = (
    flow("drain-host")
    .triggered_by(manual("drain", input=Host))
    .then(sleep(timedelta(minutes=1)))
    .then(drained.on_failure(put_back(drained.output).as_("put_back")))
    .returns({"host": drained.output, "weight": input_data(Host).weight})
    .build()
)
GIVEN = {"hostName": "db-1"}


def _built(*steps: FlowStep[Any], name: str = "rollout") -> Flow:
    builder = flow(name).triggered_by(manual("go"))
    for step in steps:
        builder = builder.then(step)
    return builder.build()


def _refused(*steps: FlowStep[Any], name: str = "rollout") -> list[tuple[str, str]]:
    with pytest.raises(FlowBuildError) as refused:
        _built(*steps, name=name)
    return [(problem.place, problem.message) for problem in refused.value.problems]


async def test_what_a_tester_sees() -> None:
    """A tester runs the other flow too: on its clock, with its answers, each call under the step that ran the flow."""
    one = child(draining, GIVEN, result=Drained).as_("one")
    tester = FlowTester(_built(one, weigh(one.output.weight).as_("weight")))
    tester.answer("drain", "elsewhere")
    run = await tester.run()

    assert {"one": {"host": "elsewhere", "weight": 3}, "weight": 3} == run.result
    assert ["one.drain", "weight"] == [call.step for call in run.calls]
    assert [{"host": "db-1"}] == [call.arguments for call in run.calls_of("drain")]
    assert "test-1/one" == run.step("one").run


async def test_undone_with_the_rest() -> None:
    """What the other flow did is undone when this one fails after it."""
    tester = FlowTester(_built(child(draining, GIVEN).as_("one"), weigh(1).as_("weight")))
    tester.fails("weight", ValueError("too heavy"))
    run = await tester.run()

    assert ("one.put_back",) == run.undone
    assert "db-1" == run.calls_of("put_back")[0].arguments["host"]


async def test_abandoned() -> None:
    """A run that is cancelled lets go of a flow that it is to abandon, which ends by itself."""
    tester = FlowTester(_built(child(draining, GIVEN, parent_close="abandon").as_("one")))

    async def slow(host: str) -> str:
        tester.cancel()
        await asyncio.sleep(0.05)
        return f"{host} after all"

    tester.answer("drain", slow)
    run = await tester.run()

    assert ("cancelled", "cancelled") == (run.status, run.step("one").status)
    assert ["one.drain"] == [call.step for call in run.calls]


async def test_cut_off() -> None:
    """A flow that is to be terminated undoes nothing."""
    tester = FlowTester(_built(child(draining, GIVEN, parent_close="terminate").as_("one")))
    begun: list[str] = []

    async def slow(host: str) -> str:
        begun.append(current_call().step)
        tester.cancel()
        await asyncio.Event().wait()
        return host

    tester.answer("drain", slow)
    run = await tester.run()

    assert ("cancelled", ["drain"], ()) == (run.status, begun, run.undone)


def test_the_plan_is_part_of_the_plan() -> None:
    """The other plan is embedded, read back as it was, drawn by its name, and part of the fingerprint."""
    plan = _built(child(draining, GIVEN).as_("one")).plan
    inner = draining.plan.model_copy(update={"places": {"drain": "elsewhere.py:1"}})
    moved = plan.model_copy(update={"steps": (plan.steps[0].model_copy(update={"plan": inner}),)})

    assert plan == Plan.model_validate_json(plan.model_dump_json())
    assert "\n  one: flow drain-host with {name: 'db-1', weight: 3, tags: []}" in outline(plan)
    assert '[["one: flow drain-host' in mermaid(plan)
    assert plan.fingerprint == moved.fingerprint
    assert plan != moved
    assert {"drain", "put_back"} <= set(_built(child(draining, GIVEN).as_("one")).nodes)


def test_the_input_is_checked() -> None:
    """An input is held against the model of the other flow's trigger: names, types, and what it would record."""
    given: Any = output("weight")
    place = "then[0] 'one'"

    def problems(value: object) -> list[tuple[str, str]]:
        return _refused(child(draining, value).as_("one"))

    assert [(place, "input: hostName: Field required")] == problems({"weight": 1})
    assert [(place, "input: hostName: Field required")] == problems(None)
    assert [
        (place, "input: weight: Input should be a valid integer, unable to parse string as an integer")
    ] == problems({"hostName": "a", "weight": "much"})
    assert [(place, "input: name: it is missing")] == problems({"tags": [input_data("tag")]})
    assert [(place, "input: Host has no field 'size'")] == problems({"name": "a", "size": input_data("size")})
    assert [(place, "input: a secret would be recorded as the input of the other run")] == problems(
        {"name": secret("TOKEN")}
    )
    assert [(place, "input: the input is read in the run, which knows no env(...)")] == problems({"name": env("HOST")})
    assert [("then[1] 'one'", "input: weight is an int, the node expects text")] == _refused(
        weigh(1).as_("weight"), child(draining, {"name": given}).as_("one")
    )


def test_references_and_defaults() -> None:
    """An input with references goes by field names, with the defaults of the model."""
    plan = _built(
        weigh(1).as_("weight"), child(draining, {"hostName": "a", "weight": output("weight")}).as_("one")
    ).plan

    assert {"name": "a", "weight": {"$output": ["weight"]}, "tags": []} == plan.steps[1].values()[0]


def test_the_result_is_checked() -> None:
    """What the other flow gives is known: what it is taken for, and what is read of it."""
    other = child(draining, GIVEN, result=Other).as_("one")
    untyped = child(draining, GIVEN).as_("one")

    assert [
        ("then[0] 'one'", "result: host is text, and not an int"),
        ("then[0] 'one'", "result: it has no field 'pool'"),
    ] == _refused(other)
    assert "has no field 'hots'" in str(_refused(untyped, drain(untyped.output.hots)))
    assert "one.host is text, the node expects an int" in str(_refused(untyped, weigh(untyped.output.host)))


def test_flows_without_an_end() -> None:
    """A flow never runs itself, flows are not nested for ever, and one that is not built is none."""
    builder = flow("open").triggered_by(manual("go")).then(drain("a"))
    deep = draining
    for level in range(DEEPEST - 1):
        deep = _built(child(deep, GIVEN if level == 0 else None).as_("one"), name=f"level-{level}")

    assert ("then[0] 'one'", "flow 'drain-host' would run itself") in _refused(
        child(draining, GIVEN).as_("one"), name="drain-host"
    )
    assert f"flows run flows more than {DEEPEST} deep" in str(_refused(child(deep).as_("one")))
    assert [("then[0] 'child'", "a FlowBuilder is no flow that can be run")] == _refused(child(cast("Any", builder)))
    assert [("then[0] 'one'", "parent_close='wait' is not known")] == _refused(
        child(draining, GIVEN, parent_close=cast("Any", "wait")).as_("one")
    )


def test_a_flow_of_a_schedule() -> None:
    """A flow that only its schedule starts takes no input."""
    hourly = flow("hourly").triggered_by(every(timedelta(hours=1))).then(drain("a")).build()

    assert "is started by its schedule and takes no input" in str(_refused(child(hourly, {"a": 1}).as_("one")))
    assert _built(child(hourly).as_("one"))


def test_nodes_of_one_name() -> None:
    """Two nodes of one name in the two flows are refused, as in one."""

    @node(name="drain")
    async def another(host: str) -> str:
        return host

    assert "two different nodes are called 'drain'" in str(_refused(child(draining, GIVEN).as_("one"), another("a")))
