"""`each`: steps that run once for each item of a list."""

import asyncio
import gc
import time
from collections.abc import Callable
from typing import Any, cast

import pytest
from pydantic import BaseModel, TypeAdapter

from resolute import (
    Failure,
    FlowBuildError,
    Outcome,
    TerminalError,
    branch,
    each,
    env,
    failure,
    flow,
    input_data,
    manual,
    node,
    output,
    previous,
    schedule,
)
from resolute.execution.executor import NodeExecutor
from resolute.memory.ended import MemoryRun
from resolute.memory.runtime import run_in_memory
from resolute.plan.kinds.each import Each
from resolute.plan.plan import Plan
from resolute.plan.soundness import plan_problems
from resolute.testing import FlowTester
from resolute.writing.diagram import mermaid, outline


class Host(BaseModel):
    name: str
    tier: int = 1
    disks: list[str] = []


class Fleet(BaseModel):
    hosts: list[Host]
    spare: list[Host] | None = None


class Cert(BaseModel):
    host: str
    days: int


@node
async def check(host: Host) -> Cert:
    """Looks at a host; the one called bad fails for good."""
    if host.name == "bad":
        raise TerminalError("no certificate")
    return Cert(host=host.name, days=len(host.name))


@node
async def restart(name: str) -> str:
    """Restarts a host."""
    return f"{name} is up"


@node
async def wipe(host: str, disk: str) -> str:
    """Wipes a disk."""
    return f"{host}/{disk}"


@node
async def say(text: str) -> None:
    """Tells people."""


@node
async def total(days: list[Cert]) -> int:
    """Adds them up."""
    return sum(cert.days for cert in days)


@node
async def good(certs: list[Outcome[Cert]]) -> list[str]:
    """The hosts whose certificates were read."""
    return [cert.output.host for cert in certs if cert.ok and cert.output]


HOSTS = input_data(Fleet).hosts
START = flow("fleet").triggered_by(manual("go", input=Fleet))


def fleet(*names: str) -> Fleet:
    """A fleet of these hosts."""
    return Fleet(hosts=[Host(name=name) for name in names])


async def test_the_output_is_a_list_in_the_order_of_the_items() -> None:
    """Whichever item ends first, the list is in their order, typed as what the body gives."""
    certs = each(HOSTS, lambda host: check(host)).as_("certs")
    tester = FlowTester(START.then(certs).then(total(certs.output).as_("total")).build())
    waiting = asyncio.Event()

    async def answer(host: Host) -> Cert:
        if host.name == "slow":
            await waiting.wait()
        else:
            waiting.set()
        return Cert(host=host.name, days=1)

    tester.answer("check", answer)
    run = await tester.run(fleet("slow", "quick"))

    assert {"certs": [{"host": "slow", "days": 1}, {"host": "quick", "days": 1}], "total": 2} == run.result
    assert ["certs[0].check", "certs[1].check", "total"] == [call.step for call in run.calls]
    assert {"host": "quick", "days": 1} == run.step("certs[1].check").output
    assert {"completed": 2} == run.step("check").counts


async def test_where_leaves_items_out() -> None:
    """An item that the condition does not hold for is not begun and not in the output; ids keep the item's place."""
    certs = each(HOSTS, lambda host: check(host), where=lambda host: host.tier == 1).as_("certs")
    tester = FlowTester(START.then(certs).build())

    run = await tester.run(Fleet(hosts=[Host(name="a"), Host(name="b", tier=2), Host(name="c")]))

    assert ["certs[0].check", "certs[2].check"] == [call.step for call in run.calls]
    assert ["a", "c"] == [cert["host"] for cert in run.result["certs"]]


async def test_collect_keeps_failures_beside_results() -> None:
    """With on_error="collect" the run goes on, and the list says of each item what it gave or why it failed."""
    certs = each(HOSTS, lambda host: check(host), on_error="collect").as_("certs")
    tester = FlowTester(START.then(certs).then(good(certs.output).as_("good")).build())

    run = await tester.run(fleet("a", "bad", "c"))

    outcomes = TypeAdapter(list[Outcome[Cert]]).validate_python(run.result["certs"])
    assert [(0, True), (1, False), (2, True)] == [(outcome.index, outcome.ok) for outcome in outcomes]
    assert Cert(host="c", days=1) == outcomes[2].output
    found = Failure(step="certs[1].check", node="check", error_type="TerminalError", message="no certificate")
    assert found == outcomes[1].failure
    assert ["a", "c"] == run.result["good"]
    assert "completed" == run.status


async def test_a_failure_gives_up_the_others() -> None:
    """By default the first failure fails the step: calls at work are given up, nothing more is begun."""
    certs = each(HOSTS, lambda host: check(host), at_once=2).as_("certs")
    tester = FlowTester(START.then(certs).build())
    given_up: list[str] = []

    async def answer(host: Host) -> Cert:
        if host.name == "bad":
            raise TerminalError("no certificate")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            given_up.append(host.name)
            raise
        raise AssertionError

    tester.answer("check", answer)
    run = await tester.run(fleet("stuck", "bad", "never"))

    assert ["stuck"] == given_up
    assert ["certs[0].check", "certs[1].check"] == [call.step for call in run.calls]
    assert Failure(step="certs[1].check", node="check", error_type="TerminalError", message="no certificate") == (
        run.failure
    )
    assert ("cancelled", "failed") == (run.step("certs[0].check").status, run.step("certs").status)


async def test_the_first_failure_by_the_items_order_counts() -> None:
    """Of items that fail at the same moment the first one is the step's failure."""
    certs = each(HOSTS, lambda host: check(host)).as_("certs")
    run = await FlowTester(START.then(certs).build()).run(fleet("a", "bad", "bad"))

    assert "certs[1].check" == (run.failure and run.failure.step)


@pytest.mark.parametrize("at_once", [1, 3])
async def test_at_once_bounds_what_is_at_work(at_once: int) -> None:
    """Never more than `at_once` items are at work, and so many are."""
    tester = FlowTester(START.then(each(HOSTS, lambda host: check(host), at_once=at_once)).build())
    now, most = 0, 0

    async def answer(host: Host) -> Cert:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1
        return Cert(host=host.name, days=1)

    tester.answer("check", answer)
    await tester.run(fleet(*"abcdefgh"))

    assert at_once == most


@pytest.mark.parametrize(
    ("value", "status", "said"),
    [
        ([], "completed", ""),
        (None, "failed", "each(...) runs over a list, and what it was given is null: give an empty list"),
        ({"a": 1}, "failed", "each(...) runs over a list, and what it was given is an object: a node can make a list"),
        ("abc", "failed", "each(...) runs over a list, and what it was given is text: a node can make a list"),
    ],
)
async def test_what_is_no_list(value: object, status: str, said: str) -> None:
    """An empty list gives an empty list; null and what is no list fail the step, and say what it was."""
    listed = each(input_data("hosts"), lambda host: restart(host)).as_("up")
    run = await FlowTester(flow("any").triggered_by(manual("go")).then(listed).build()).run({"hosts": value})

    assert status == run.status
    assert said in (run.failure.message if run.failure else "")
    assert ("EvaluationError" if said else "") == (run.failure.error_type if run.failure else "")
    assert said or run.result == {"up": []}


async def test_a_list_that_is_too_large() -> None:
    """A list above what Temporal takes fails the step as soon as it is too large, whether failures are collected."""
    listed = each(HOSTS, lambda host: restart(host.name), at_once=1, on_error="collect").as_("up")
    tester = FlowTester(START.then(listed).build())
    tester.answer("restart", "x" * 600_000)
    run = await tester.run(fleet(*"abcdefgh"))

    assert "PayloadTooLargeError" == (run.failure and run.failure.error_type)
    assert "the list of what its items gave" in str(run.failure and run.failure.message)
    assert 4 == len(run.calls)


async def test_the_last_step_with_an_output_gives_the_items() -> None:
    """A body of several steps gives the output of the last one directly in it that has one."""
    listed = each(HOSTS, lambda host: [check(host), restart(host.name), say("done")]).as_("listed")
    quiet = each(HOSTS, lambda host: say(host.name)).as_("quiet")
    run = await FlowTester(START.then(listed).then(quiet).build()).run(fleet("a", "b"))

    assert {"listed": ["a is up", "b is up"], "quiet": [None, None]} == run.result


async def test_a_body_holds_every_kind() -> None:
    """A body may hold conditions, branches and each, and its steps read each other and the items around."""

    def body(host: Host) -> Any:
        looked = check(host).as_("looked")
        inside = each(host.disks, lambda disk: wipe(host.name, disk)).as_("wiped")
        return (
            branch()
            .then(looked)
            .when(looked.output.days > 1)
            .then(restart(looked.output.host))
            .end_when()
            .then_parallel(say("one"), say("two"))
            .then(inside)
        )

    built = START.then(each(HOSTS, body).as_("outer")).build()
    hosts = [Host(name="a", disks=["x"]), Host(name="bb", disks=["y", "z"])]
    run = await FlowTester(built).run(Fleet(hosts=hosts))

    assert {"outer": [["a/x"], ["bb/y", "bb/z"]]} == run.result
    assert "outer[1].wiped[0].wipe" in [call.step for call in run.calls]
    assert ["outer[1].restart"] == [call.step for call in run.calls if call.node == "restart"]
    assert built.plan == Plan.model_validate_json(built.plan.model_dump_json())
    assert {"completed": 3} == run.step("wipe").counts


async def test_what_was_done_is_undone_last_first() -> None:
    """A failure behind it undoes every item, the one that completed last first, also when the items are forgotten."""
    done = each(HOSTS, lambda host: restart(host.name).on_failure(say(host.name)), at_once=1).as_("done")
    tester = FlowTester(START.then(done).then(check(Host(name="bad"))).build())

    run = await tester.run(fleet("a", "b", "c"))

    undone = [(call.step, call.arguments["text"]) for call in run.calls if call.node == "say"]
    assert [("done[2].restart_undo", "c"), ("done[1].restart_undo", "b"), ("done[0].restart_undo", "a")] == undone


async def test_on_failure_runs_each() -> None:
    """Steps of on_failure may be an each, whose failure gives up its own items and hides nothing."""
    telling = each(["ada", "ben"], lambda who: restart(failure().message).as_("tell"), on_error="fail", at_once=1)
    built = START.then(check(Host(name="bad"))).on_failure(telling.as_("telling"), say("over")).build()
    tester = FlowTester(built)
    tester.fails("restart", TerminalError("no network"))
    run = await tester.run(fleet())

    assert ["check", "telling[0].tell", "say"] == [call.step for call in run.calls]
    assert "no certificate" == run.calls[1].arguments["name"]
    assert ["telling[0].tell"] == [failed.step for failed in run.report.compensation_failures]
    assert "no certificate" == (run.failure and run.failure.message)


async def test_a_cancel_while_items_run() -> None:
    """A cancelled run gives up its items, begins no more, and undoes those that have completed."""
    done = each(HOSTS, lambda host: restart(host.name).on_failure(say(host.name)), at_once=2).as_("done")
    tester = FlowTester(START.then(done).build())

    async def answer(name: str) -> str:
        if name == "b":
            tester.cancel()
            await asyncio.Event().wait()
        return name

    tester.answer("restart", answer)
    run = await tester.run(fleet("a", "b", "c", "d"))

    assert "cancelled" == run.status
    assert "done[3].restart" not in [call.step for call in run.calls]
    assert {"done[0].restart_undo"} <= {call.step for call in run.calls}
    assert "cancelled" == run.step("done[1].restart").status


def _of(plan: Plan, full: Callable[[int], bool], given: Fleet) -> MemoryRun:
    executor = NodeExecutor([check.definition, restart.definition, say.definition, wipe.definition, total.definition])
    return asyncio.run(run_in_memory(plan, executor, input_data=given.model_dump(mode="json"), full=full))


@pytest.mark.parametrize("at_once", [1, 2, 20])
@pytest.mark.parametrize("last", ["good", "bad"])
def test_a_run_that_is_continued_at_every_step(at_once: int, last: str) -> None:
    """A run that goes on in a new history after every step makes the same calls and comes to the same end."""

    def body(host: Host) -> Any:
        return branch().then(restart(host.name).on_failure(say(host.name))).then(check(host).as_("cert"))

    certs = each(HOSTS, body, at_once=at_once).as_("certs")
    plan = START.then(certs).then(total(certs.output).as_("total")).build().plan
    given = fleet("a", "bb", last, "dddd", "e")

    whole, parts = _of(plan, lambda _: False, given), _of(plan, lambda ended: ended >= 1, given)

    assert whole.report.result == parts.report.result
    assert str(whole.error) == str(parts.error)
    if last == "good":
        assert [call.step for call in whole.calls] == [call.step for call in parts.calls] or at_once > 1
    assert len(parts.calls) == len({call.step for call in parts.calls}), "no call is made twice"
    restarted = {call.step for call in parts.calls if call.node == "restart"}
    undone = {call.step.removesuffix("_undo") for call in parts.calls if call.step.endswith("_undo")}
    assert (restarted if parts.error else set[str]()) == undone


def test_ten_thousand_items_cost_ten_times_a_thousand() -> None:
    """What an item costs does not depend on how many there are, whether the run is continued on the way or not."""
    plan = START.then(each(HOSTS, lambda host: restart(host.name), at_once=50).as_("up")).build().plan

    def seconds(count: int) -> float:
        gc.collect()
        begun = time.thread_time()  # of this test alone, whatever else goes on in the process and beside it
        run = _of(plan, lambda ended: ended >= 500, fleet(*map(str, range(count))))
        assert [f"{number} is up" for number in range(count)] == cast("Any", run.report.result)["up"]
        assert len(run.report.steps) < 100, "what has ended well is told by counts"
        return time.thread_time() - begun

    few = seconds(1_000)

    assert seconds(10_000) < 25 * few


def _mistakes(step: Any, *more: Any) -> str:
    builder = flow("fleet").triggered_by(schedule("0 * * * *")).then(step)
    for other in more:
        builder = builder.then(other)
    with pytest.raises(FlowBuildError) as caught:
        builder.build()
    return str(caught.value)


def _nothing(host: Host) -> Any:
    return None


def _three(host: Host) -> int:
    return 3


LITERAL = [Host(name="a")]
certs = each(LITERAL, lambda host: check(host).as_("look").retry(2)).as_("certs")


@pytest.mark.parametrize(
    ("step", "more", "said"),
    [
        (each(LITERAL, lambda host: check(host), at_once=0), (), "at_once=0 is no number from 1 to 500"),
        (each(LITERAL, lambda host: check(host), at_once=501), (), "at_once=501 is no number from 1 to 500"),
        (
            each(LITERAL, lambda host: check(host), on_error=cast("Any", "skip")),
            (),
            "on_error='skip' is neither 'fail' nor 'collect'",
        ),
        (each(LITERAL, _nothing), (), "None is not a step"),
        (each(LITERAL, lambda host: []), (), "has no step (give a function of the item that returns a step"),
        (each(LITERAL, lambda host: branch()), (), "has no step (give a function of the item"),
        (each(LITERAL, cast("Any", check)), (), "check(...) is no function of an item (give a function of the item"),
        (each(LITERAL, cast("Any", check(Host(name="a")))), (), "a Node is no function of an item"),
        (each(LITERAL, cast("Any", lambda: None)), (), "the function failed with TypeError"),
        (each(LITERAL, lambda host: restart(host.name.upper())), (), "call .upper(...) in a node"),
        (each(LITERAL, lambda host: restart(host.nam)), (), "has no field 'nam' (did you mean 'name'?)"),  # type: ignore[attr-defined]
        (each(LITERAL, lambda host: check(host), where=lambda host: True), (), "the condition is always true"),
        (
            each(LITERAL, lambda host: check(host), where=cast("Any", _three)),
            (),
            "where: 3 is no condition",
        ),
        (each(LITERAL, lambda host: check(host), where=cast("Any", True)), (), "where: True is no function of an item"),
        (
            each(LITERAL, lambda host: check(host), where=lambda host: host.name == env("HOST")),
            (),
            "the condition is asked in the run, which knows no env(...)",
        ),
        (each(cast("Any", env("HOSTS")), lambda host: check(host)), (), "the list is read in the run, which knows no"),
        (each(cast("Any", 7), lambda host: check(host)), (), "7 is an int, each(...) runs over a list"),
        (
            certs,
            (say(output("look.host")),),
            "reads look.host: step 'look' runs once for each item of 'certs' (read certs.output)",
        ),
        (
            certs,
            (say(cast("Any", previous(output("look.host")))),),
            "reads previous(look.host): step 'look' runs many times (read the output of all of them, "
            "previous(certs.output))",
        ),
        (certs, (check(Host(name="b")).as_("look"),), "two steps have this name"),
        (each(LITERAL, lambda host: branch().when(host.tier == 1).then(check(host))), (), "is not closed"),
        (each(LITERAL, lambda host: branch().then(check(host)).returns(1)), (), "returns(...) is not for a branch"),
    ],
)
def test_mistakes_are_said_by_build(step: Any, more: tuple[Any, ...], said: str) -> None:
    """Whatever is wrong with an each is a mistake of the flow, with what to do, and none is an error of Python's."""
    assert said in _mistakes(step, *more)


def test_an_item_is_known_in_its_own_body_alone() -> None:
    """A reference to an item that gets out of its function is a mistake where it is read."""
    taken: list[Host] = []

    def body(host: Host) -> Any:
        taken.append(host)
        return check(host)

    step = each(LITERAL, body)

    assert "an item that is not known here" in _mistakes(step, restart(taken[0].name))


def test_a_list_that_may_be_null_is_asked_for_first() -> None:
    """A list that may be null is a mistake unless a condition around has asked."""
    spare = input_data(Fleet).spare
    step = each(cast("list[Host]", spare), lambda host: check(host))
    started = flow("fleet").triggered_by(manual("go", input=Fleet))

    assert started.when(spare != None).then(step).end_when().build()  # noqa: E711  # a condition of the run


def test_undo_is_made_of_nodes() -> None:
    """An each cannot be what undoes a step, and the mistake says so."""
    undoing = cast("Any", each(LITERAL, lambda host: check(host)))

    assert "a EachStep is not a step" not in (said := _mistakes(check(LITERAL[0]).on_failure(undoing)))
    assert "undo steps are nodes" in said


def test_it_is_drawn() -> None:
    """The outline shows the body under its block, the chart leads back to it."""
    plan = START.then(each(HOSTS, lambda host: check(host), at_once=5).as_("certs")).build().plan

    assert "  certs: each of input.hosts, 5 at once\n    check" in outline(plan)
    assert '{{"certs: each of input.hosts, 5 at once"}}' in mermaid(plan)
    assert "-->|each item|" in mermaid(plan)


def test_a_plan_from_elsewhere_is_looked_through() -> None:
    """A plan whose each could not be run is refused when it is read."""
    look = START.then(check(LITERAL[0])).build().plan.steps
    broken = Each(id="e", items=[], body=(), at_once=9999, gives="x")
    plan = Plan(name="n", steps=(*look, broken))

    said = [problem.message for problem in plan_problems(plan)]

    assert [
        "its body is empty",
        "it runs 9999 items at once: 1 to 500 can be asked for",
        "it gives the output of step 'x', which does not stand in its body",
    ] == said


def _seven_days(host: Host) -> Cert:
    return Cert(host=host.name, days=7)


async def test_a_test_can_look_at_every_item() -> None:
    """FlowTester tells the step of each item, however many there are, and answers by the step's name in the plan."""
    tester = FlowTester(START.then(each(HOSTS, lambda host: check(host).as_("look")).as_("certs")).build())
    tester.answer("look", _seven_days)
    run = await tester.run(fleet(*map(str, range(200))))

    assert {"host": "3", "days": 7} == run.step("certs[3].look").output
    assert 200 == len(run.calls_of("look"))


def test_very_many_failures_are_told_by_counts() -> None:
    """Of very many items that failed, the report has the latest, and says how many there were."""
    collected = each(HOSTS, lambda host: check(host), on_error="collect").as_("certs")
    run = _of(START.then(collected).build().plan, lambda _: False, fleet(*["bad"] * 300))

    assert {"failed": 300} == run.report.step("check").counts
    assert "certs[299].check" == [step.id for step in run.report.steps if step.status == "failed"][-1]
    assert len(run.report.steps) < 100


async def test_an_item_that_has_ended_before_others_does_not_run_again() -> None:
    """Items that end the last one first, in a run that is continued before the first has ended, run once each."""
    ended = [asyncio.Event() for _ in range(4)]
    ended[3].set()

    @node
    async def backwards(number: int) -> int:
        await ended[number + 1].wait()
        ended[number].set()
        return number

    worked = each(
        [0, 1, 2],
        lambda number: (
            branch()
            .then(did := backwards(number).as_("did"))
            .when(did.output < 0)
            .then(backwards(number).as_("never"))
            .end_when()
        ),
        at_once=3,
    ).as_("worked")
    made = flow("backwards").triggered_by(manual("start")).then(worked).build()
    run = await run_in_memory(made.plan, NodeExecutor.for_flows([made]), full=lambda ended: ended > 4)

    assert "completed" == run.report.status
    assert ["worked[0].did", "worked[1].did", "worked[2].did"] == sorted(call.step for call in run.calls)
