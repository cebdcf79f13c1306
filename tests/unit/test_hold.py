"""A step that has failed for good waits for a person, where the flow says so."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from resolute import FlowBuildError, TerminalError, each, flow, input_data, manual, node, output
from resolute.memory.clock import StuckError, VirtualClock
from resolute.memory.runtime import run_in_memory
from resolute.plan.errors import RunCancelledError
from resolute.plan.values import Json
from resolute.running.interpreter import Interpreter
from resolute.running.messages import Message, MessageRefusedError
from resolute.testing import FlowTester, UnknownFakeError
from resolute.testing.fakes import FakeExecutor, Fakes, PlaceholderEnvironment, WrongAnswerError
from resolute.writing.data import flow_as_data, flow_from_data
from resolute.writing.flow import Flow


class Receipt(BaseModel):
    """What a payment gives."""

    number: int
    paid: bool = True


class Order(BaseModel):
    """What a run is started with."""

    hosts: list[str]


@node
def reserve() -> str:
    """Reserves."""
    return "reserved"


@node
def release() -> None:
    """Takes it back."""


@node
def pay(amount: int) -> Receipt:
    """Pays."""
    return Receipt(number=amount)


@node
def ship(number: int) -> str:
    """Ships."""
    return f"shipped {number}"


@node
def check(host: str) -> str:
    """Looks at a host."""
    return f"{host} is up"


paid = pay(3).as_("paid")
order = (
    flow("order", when_stuck="hold")
    .triggered_by(manual("order"))
    .then(reserve().as_("reserved").on_failure(release()))
    .then(paid)
    .then(ship(paid.output.number).as_("shipped"))
    .build()
)
DECLINED = TerminalError("card declined")


async def test_a_retry_goes_on() -> None:
    """A held step that is tried again and succeeds leaves no trace in the result, and says by whom in the report."""
    tester = FlowTester(order)
    tester.sequence("paid", [DECLINED, DECLINED, {"number": 7}])
    tester.when_held("paid", retry=2)
    run = await tester.run()

    assert "shipped 7" == run.result["shipped"]
    assert 3 == len(run.calls_of("paid"))
    assert "completed" == run.step("paid").status
    assert run.undone == ()


async def test_a_skip_gives_a_value() -> None:
    """The value of a skipped step is read like its output; the step is not undone, since it has done nothing."""
    tester = FlowTester(order)
    tester.fails("paid", DECLINED)
    tester.when_held("paid", skip=Receipt(number=9))
    run = await tester.run()
    step = run.step("paid")

    assert "shipped 9" == run.result["shipped"]
    assert ("skipped", {"number": 9, "paid": True}) == (step.status, step.output)
    assert step.held is not None
    assert ("skip", "test", 1) == (step.held.decided, step.held.by, step.held.times)


async def test_a_step_that_reads_what_was_skipped_is_held_itself() -> None:
    """A step is skipped with null where no value is given; who reads a field of it is held in turn."""
    tester = FlowTester(order)
    tester.fails("paid", DECLINED)
    tester.when_held("paid", skip=None)
    tester.when_held("shipped", skip="by hand")
    run = await tester.run()

    assert {"reserved": "reserved", "paid": None, "shipped": "by hand"} == run.result


async def test_a_decision_to_fail_undoes() -> None:
    """Who lets a held step fail lets the run fail, with the step's own error, and what has completed is undone."""
    tester = FlowTester(order)
    tester.fails("paid", DECLINED)
    tester.when_held("paid", retry=1)
    tester.when_held("paid", fail=True)
    run = await tester.run()

    assert "failed" == run.status
    assert run.failure is not None
    assert ("paid", "TerminalError", "card declined") == (
        run.failure.step,
        run.failure.error_type,
        run.failure.message,
    )
    assert ("reserved_undo",) == run.undone


async def test_nobody_decides() -> None:
    """A test that does not say what becomes of a held step is told what to write."""
    tester = FlowTester(order)
    tester.fails("paid", DECLINED)
    run = await tester.run()

    assert isinstance(run.error, StuckError)
    assert (
        "step 'paid' is held, and the test does not decide what becomes of it: TerminalError: card declined; "
        "say tester.when_held('paid', retry=1), skip=VALUE or fail=True"
    ) == str(run.error)


async def test_a_value_that_does_not_fit() -> None:
    """A value that the step could not have given is refused, and says what is missing."""
    tester = FlowTester(order)
    tester.fails("paid", DECLINED)
    tester.when_held("paid", skip={"amount": 3})

    with pytest.raises(WrongAnswerError, match=r"does not fit what step 'paid' gives \(Receipt\).*without number"):
        await tester.run()


@pytest.mark.parametrize("given", [{}, {"retry": 1, "fail": True}])
def test_one_thing_is_decided(given: dict[str, Any]) -> None:
    """A decision is one of three."""
    with pytest.raises(UnknownFakeError, match="takes one of"):
        FlowTester(order).when_held("paid", **given)


def test_a_decision_on_an_unknown_step() -> None:
    """A test that names a step that the flow does not have is told the nearest one."""
    with pytest.raises(UnknownFakeError, match="did you mean 'paid'"):
        FlowTester(order).when_held("payed", retry=1)


def test_an_unknown_way_to_be_stuck() -> None:
    """What becomes of a stuck run is one of two words."""
    with pytest.raises(FlowBuildError, match='say "fail" or "hold"'):
        flow("odd", when_stuck="wait").triggered_by(manual("x")).then(reserve()).build()  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # the mistake


def test_other_flows_carry_no_types() -> None:
    """Only a plan that takes values from people carries the types of its steps."""
    plain = flow("plain").triggered_by(manual("x")).then(pay(1).as_("paid")).build()

    assert {} == plain.plan.types
    assert {"paid", "reserved", "shipped"} <= set(order.plan.types)


def _looked_at(host: str) -> object:
    return DECLINED if host in "bd" else f"{host} is up"


def test_as_data() -> None:
    """A flow that holds its steps is the same flow as data."""
    data = flow_as_data(order)

    assert "hold" == data["when_stuck"]
    assert order.plan.fingerprint == flow_from_data(data, order.nodes).plan.fingerprint


async def test_others_go_on() -> None:
    """A held item does not stop the others, and each is decided by itself."""
    fleet = (
        flow("fleet", when_stuck="hold")
        .triggered_by(manual("look", input=Order))
        .then(each(input_data(Order).hosts, lambda host: check(host).as_("look"), at_once=2).as_("all"))
        .build()
    )
    tester = FlowTester(fleet)
    tester.answer("look", _looked_at)
    tester.when_held("all[1].look", skip="b is known")
    tester.when_held("look", skip="whatever")
    run = await tester.run(Order(hosts=["a", "b", "c", "d", "e"]))

    assert ["a is up", "b is known", "c is up", "whatever", "e is up"] == run.result["all"]


async def test_collected_failures_are_not_held() -> None:
    """Where the flow itself says what becomes of failures nobody is asked."""
    fleet = (
        flow("fleet", when_stuck="hold")
        .triggered_by(manual("look", input=Order))
        .then(each(input_data(Order).hosts, lambda host: check(host).as_("look"), on_error="collect").as_("all"))
        .build()
    )
    tester = FlowTester(fleet)
    tester.fails("look", DECLINED)
    run = await tester.run(Order(hosts=["a"]))

    assert [False] == [item["ok"] for item in run.result["all"]]


async def test_a_condition_that_has_no_value_is_held() -> None:
    """A step of any kind is held, and a skipped block stays skipped when the run is continued."""
    choice = (
        flow("choice", when_stuck="hold")
        .triggered_by(manual("x"))
        .then(pay(0).as_("paid"))
        .when(3 / output("paid.number") > 1)
        .then(reserve().as_("never"))
        .end_when()
        .then(reserve().as_("after"))
        .build()
    )
    run = await _run(choice, lambda run: _say(run, "hold:when", "skip"), full=lambda ended: ended >= 1)

    assert ["paid", "after"] == [call.step for call in run.calls]
    assert "completed" == run.report.status


@pytest.mark.parametrize("ended", [1, 2, 3])
async def test_a_held_step_in_a_new_history(ended: int) -> None:
    """A run that is continued after every step holds its step all the same, and forgets no decision."""
    given: Iterator[object] = iter([DECLINED, DECLINED, Receipt(number=5)])
    run = await _run(
        order,
        lambda run: _say(run, "hold:paid", "retry"),
        answers={"paid": _paying(given)},
        full=lambda count: count >= ended,
    )

    assert "shipped 5" == run.report.result["shipped"]  # type: ignore[index, call-overload]  # pyright: ignore[reportOptionalSubscript, reportCallIssue, reportArgumentType]  # a dict


async def test_a_cancel_while_held() -> None:
    """A run that is cancelled while a step of it is held undoes what has completed."""
    run = await _run(order, lambda run: run.cancel(), answers={"paid": DECLINED})

    assert isinstance(run.error, RunCancelledError)
    assert "cancelled" == run.report.step("paid").status
    assert "reserved_undo" == run.calls[-1].step


async def test_what_a_held_step_refuses() -> None:
    """A message to a step that is not held, or with an unknown word, changes nothing and says what is open."""
    said: list[str] = []

    def bring(run: Interpreter) -> None:
        for to, word in (("hold:shipped", "retry"), ("hold:paid", "please")):
            try:
                _say(run, to, word)
            except MessageRefusedError as error:
                said.append(str(error))
        _say(run, "hold:paid", "fail")

    run = await _run(order, bring, answers={"paid": DECLINED})

    assert "failed" == run.report.status
    assert [
        "the run has no open hold 'shipped' (open now: paid)",
        "step 'paid' is held: it takes retry, skip or fail, not 'please'",
    ] == said


def _paying(given: Iterator[object]) -> Callable[..., object]:
    def answer(amount: int) -> object:
        return next(given)

    return answer


_numbers = iter(range(1_000_000))


def _say(run: Interpreter, to: str, word: str, data: Json = None) -> None:
    run.take(Message(to=to, word=word, id=f"m{next(_numbers)}", data=data, by="ada"))


async def _run(
    flow: Flow,
    bring: Callable[[Interpreter], None],
    *,
    answers: dict[str, Any] | None = None,
    full: Callable[[int], bool] = lambda _: False,
) -> Any:
    clock, fakes, begun = VirtualClock(), Fakes.of(flow.plan), list[Interpreter]()
    for name, value in (answers or {}).items():
        fakes.add(name, [value])

    def brought() -> bool:
        if not begun[-1].open_at("hold:"):
            return False
        bring(begun[-1])
        return True

    clock.bring = brought
    executor = FakeExecutor(flow.nodes.values(), (), PlaceholderEnvironment({}), fakes)
    return await run_in_memory(flow.plan, executor, clock=clock, begun=begun.append, full=full)
