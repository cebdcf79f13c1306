"""Arithmetic on values of a run: numbers, times and durations."""

import asyncio
import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter

from resolute import FlowBuilder, FlowBuildError, flow, input_data, manual, node, now, output, previous, scheduled_for
from resolute.plan.described import describe
from resolute.plan.errors import EvaluationError
from resolute.plan.expressions import encode
from resolute.plan.times import duration_of, text_of_duration, time_of
from resolute.plan.values import Json, jsonable
from resolute.running.evaluate import Scope, evaluate, is_true
from resolute.testing import FlowTester

LEFT: Any = output("a.left")
RIGHT: Any = output("a.right")
DURATIONS = st.timedeltas(timedelta(days=-4000), timedelta(days=4000))
TIMES = st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))
NUMBERS = st.integers(-(10**20), 10**20) | st.floats(-1e9, 1e9)
BINARY: list[Callable[[Any, Any], Any]] = [
    lambda left, right: left + right,
    lambda left, right: left - right,
    lambda left, right: left * right,
    lambda left, right: left / right,
    lambda left, right: left // right,
    lambda left, right: left % right,
]


def scope(left: object, right: object = None) -> Scope:
    return Scope(outputs={"a": {"left": jsonable(left), "right": jsonable(right)}})


def value(written: object, left: object, right: object = None) -> Json:
    return evaluate(encode(written), scope(left, right))


@pytest.mark.parametrize("operation", BINARY)
@given(NUMBERS | DURATIONS | TIMES, NUMBERS | DURATIONS | TIMES)
def test_arithmetic_is_that_of_python(operation: Callable[[Any, Any], Any], left: Any, right: Any) -> None:
    """What Python computes of two values is what a run computes; where that is no finite value, the step fails."""
    try:
        expected = operation(left, right)
        if isinstance(expected, float) and not math.isfinite(expected):
            raise OverflowError
    except (TypeError, ZeroDivisionError, OverflowError):
        with pytest.raises(EvaluationError, match=r"^a.left .+ a.right has no value: "):
            value(operation(LEFT, RIGHT), left, right)
        return
    found = value(operation(LEFT, RIGHT), left, right)

    if isinstance(expected, datetime):
        assert expected == time_of(found)
    elif isinstance(expected, timedelta):
        assert expected == duration_of(found) == TypeAdapter(timedelta).validate_python(found)
    else:
        assert expected == found
        assert type(expected) is type(found)


@given(DURATIONS)
def test_durations_are_written_as_pydantic_writes_them(length: timedelta) -> None:
    """So that what a run computes and what a node returns are the same text."""
    assert jsonable(length) == text_of_duration(length)
    assert length == duration_of(text_of_duration(length))
    assert jsonable(-length) == value(-LEFT, length)


@given(DURATIONS, DURATIONS)
def test_durations_compare_by_their_length(left: timedelta, right: timedelta) -> None:
    """Not by their text, in which five minutes come after ten."""
    assert (left > right) is is_true(encode(LEFT > RIGHT), scope(left, right))
    assert (left == right) is is_true(encode(LEFT == RIGHT), scope(left, right))
    assert (left <= right) is is_true(encode(LEFT <= right), scope(left))


def test_a_run_of_an_older_release_compares_durations_as_before() -> None:
    """To it they were texts, and a replay has to come to the same answer."""
    condition: Json = {"$lt": ["PT5M", "PT10M"]}

    assert is_true(condition, Scope())
    assert not is_true(condition, Scope(interpreter=2))


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("PT60S", timedelta(minutes=1)), ("P1W", timedelta(days=7)), ("P1Y35DT2H", timedelta(days=400, hours=2)),
        ("-PT0.5S", timedelta(seconds=-0.5)), ("P", None), ("PT", None), ("P1DT", None), ("PT5", None), ("5M", None),
        ("P1M", None), ("PT5M ", None), ("PT\u0665M", None), ("P999999999Y", None), ("PA7B2C", None), ("", None),
    ],
)  # fmt: skip
def test_only_durations_are_read_as_some(text: str, length: timedelta | None) -> None:
    """ISO 8601 without months, whose length nobody knows."""
    assert length == duration_of(text)


def test_days_are_days() -> None:
    """A date stays one where a duration moves it, and is midnight in UTC beside a time."""
    day = date(2026, 3, 1)

    assert "2026-03-03" == value(LEFT + timedelta(days=2), day)
    assert "P2D" == value(LEFT - RIGHT, day, date(2026, 2, 27))
    assert "-PT12H" == value(LEFT - RIGHT, day, datetime(2026, 3, 1, 12, tzinfo=UTC))
    assert "2026-03-01T01:00:00+01:00" == value(LEFT + timedelta(hours=1), "2026-03-01T00:00:00+01:00")


WITHOUT: list[tuple[object, object, object, str]] = [
    (LEFT / RIGHT, 1, 0, "a.left / a.right has no value: a.right is zero"),
    (LEFT % RIGHT, 1.5, 0.0, "a.left % a.right has no value: a.right is zero"),
    (LEFT / (RIGHT - 3), timedelta(1), 3, "a.left / (a.right - 3) has no value: a.right - 3 is zero"),
    (LEFT * RIGHT, 1e300, 1e300, "a.left * a.right has no value: the result is too large"),
    (LEFT * RIGHT, 10**3000, 10**3000, "a.left * a.right has no value: the result is too large"),
    (LEFT * RIGHT, 10**3000, 0.5, "a.left * a.right has no value: the result is too large"),
    (LEFT / RIGHT, 10**3000, 1, "a.left / a.right has no value: the result is too large"),
    (LEFT + timedelta(1), datetime.max.replace(tzinfo=UTC), None, "a.left + 1d has no value: out of range"),
    (LEFT * 10**12, timedelta.max, None, "a.left * 1000000000000 has no value: out of range"),
    (LEFT + 1, None, None, "a.left + 1 has no value: a.left is null, not a number, a time or a duration"),
    (1 - LEFT, "7", None, "1 - a.left has no value: a.left is text, not a number, a time or a duration"),
    (-LEFT, True, None, "-a.left has no value: a.left is a bool, not a number, a time or a duration"),
    (LEFT // 2, [1], None, "a.left // 2 has no value: a.left is a list, not a number, a time or a duration"),
    (LEFT + RIGHT, 1, timedelta(1), "a.left + a.right has no value: + does not go with a number and a duration"),
    (-LEFT, datetime(2026, 1, 1, tzinfo=UTC), None, "-a.left has no value: - does not go with a time"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "left", "right", "said"), WITHOUT)
def test_what_has_no_result_fails_its_step(written: object, left: object, right: object, said: str) -> None:
    """Never NaN or infinity, never a run that is stuck: an error that shows the operation and which operand it was."""
    with pytest.raises(EvaluationError) as caught:
        value(written, left, right)

    assert said == str(caught.value)


SAID: list[tuple[object, str]] = [
    ((LEFT + 1) * 2, "(a.left + 1) * 2"),
    (LEFT + 1 * RIGHT, "a.left + 1 * a.right"),
    (LEFT - (RIGHT - 1), "a.left - (a.right - 1)"),
    (LEFT - RIGHT - 1, "a.left - a.right - 1"),
    (LEFT / (RIGHT * 2), "a.left / (a.right * 2)"),
    (-(LEFT + 1) / 2, "-(a.left + 1) / 2"),
    (LEFT / RIGHT > 0.05, "a.left / a.right > 0.05"),
    ((now() - timedelta(hours=1) - LEFT) * 2, "(now - 1h - a.left) * 2"),
    (now() - LEFT > timedelta(minutes=5), "now - a.left > 5m"),
    (scheduled_for() - timedelta(days=1), "scheduled_for - 1d"),
    (previous(output("a.left"), default=0) + 1, "(previous(a.left) or else 0) + 1"),
]


@pytest.mark.parametrize(("written", "said"), SAID)
def test_arithmetic_reads_as_it_was_written(written: object, said: str) -> None:
    """With the brackets that it needs and no others, and durations as a person says them."""
    assert said == describe(encode(written))


class Load(BaseModel):
    total: int
    rate: float
    name: str
    at: datetime
    day: date
    took: timedelta
    is_well: bool = True
    hosts: list[str] = []
    limit: int | None = None


@node
async def measure() -> Load:
    raise OSError


@node(lane="local")
async def whole(number: int) -> int:
    return number


@node(lane="local")
async def share(number: float) -> float:
    return number


@node(lane="local")
async def moment(at: datetime) -> datetime:
    return at


load = measure().as_("load")
found = load.output
ANYTHING = cast("Any", found)


def begun() -> FlowBuilder:
    return flow("watch").triggered_by(manual("go")).then(load)


def asked(condition: Any) -> FlowBuilder:
    return begun().when(condition).then(whole(1)).end_when()


WRONG: list[tuple[FlowBuilder, str]] = [
    (begun().then(whole(ANYTHING.total / 2)), "load.total / 2 is a number, the node expects an int"),
    (begun().then(whole(ANYTHING.at - ANYTHING.at)), "load.at - load.at is text, the node expects an int"),
    (begun().then(share(ANYTHING.name * 2)), "load.name * 2: * does not take text and an int "
     "(let its node return a number, a datetime or a timedelta)"),
    (begun().then(share(ANYTHING.total + ANYTHING.name)), "load.total + load.name: + does not take an int and text "
     "(for text write text('{}{}', load.total, load.name))"),
    (begun().then(share(ANYTHING.total - ANYTHING.is_well)), "load.total - load.is_well: - does not take an int and "
     "a bool (compute it in a node, and read the node's output)"),
    (begun().then(share(ANYTHING.hosts * 2)), "load.hosts * 2: * does not take a list and an int "
     "(compute it in a node, and read the node's output)"),
    (begun().then(moment(ANYTHING.at + ANYTHING.total)), "load.at + load.total: + does not take a time and an int "
     "(move a time by a timedelta, and divide a duration by a timedelta to get a number)"),
    (begun().then(share(ANYTHING.limit / 2)), "reads load.limit, which may be null (ask first, with "
     "(load.limit != None) & (...), or with .when(load.limit != None))"),
    (asked(now() - found.at > cast("Any", 300)), "now - load.at > 300 compares a duration with an int "
     "(compare a duration with a timedelta, as in > timedelta(minutes=5))"),
    (asked(cast("Any", found.at) > timedelta(hours=1)), "load.at > 'PT1H' compares a time with a duration"),
    (asked(ANYTHING.total + 1), "load.total + 1 is an int, a condition is true or false (compare it with a value)"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "said"), WRONG)
def test_build_refuses_arithmetic_that_cannot_be(wrong: FlowBuilder, said: str) -> None:
    """Texts, bools and lists are no numbers, what may be null has to be asked first, and the result has a type."""
    with pytest.raises(FlowBuildError) as caught:
        wrong.build()

    (problem,) = caught.value.problems
    text = f"{problem.message} ({problem.hint})" if problem.hint else problem.message
    assert said == text.removeprefix("input 'number': ").removeprefix("input 'at': ")


RIGHT_ONES: list[FlowBuilder] = [
    begun().then(whole(found.total // 2 + 1)).then(share(found.total / 2)).then(share(found.took / timedelta(hours=1))),
    begun().then(moment(found.at + found.took * 2)).then(moment(scheduled_for() - timedelta(hours=1))),
    begun().then(share(input_data("number") * 2)),
    asked((found.limit != None) & (ANYTHING.limit * 2 > 3)),  # noqa: E711  # a condition
    asked((found.limit == None) | (ANYTHING.limit * 2 > 3)),  # noqa: E711  # a condition
    asked(now() - found.at > timedelta(minutes=5)),
    asked(found.day - date(2026, 1, 1) >= found.took),
]


@pytest.mark.parametrize("right", RIGHT_ONES)
def test_build_takes_what_can_be_computed(right: FlowBuilder) -> None:
    """Numbers, times and durations, and what a condition has found to be there."""
    assert right.build().plan.steps


def test_a_ratio_decides_in_a_run() -> None:
    """The example that everybody writes, with its guard against a zero."""
    ratio = begun().when((found.total > 0) & (found.rate / found.total > 0.05)).then(whole(1).as_("told")).end_when()
    at = datetime(2026, 1, 1, tzinfo=UTC)
    tester = FlowTester(ratio.build())

    def ran(total: int, rate: float) -> bool:
        tester.answer("load", Load(total=total, rate=rate, name="db", at=at, day=at.date(), took=timedelta(0)))
        run = asyncio.run(tester.run())
        assert "completed" == run.report.status
        return run.ran("told")

    assert [True, False, False] == [ran(10, 1), ran(100, 1), ran(0, 1)]


def test_an_expression_without_a_value_fails_the_condition_that_asks() -> None:
    """At its step, with a text that says why."""
    tester = FlowTester(asked(found.rate / found.total > 0.05).build())
    at = datetime(2026, 1, 1, tzinfo=UTC)
    tester.answer("load", Load(total=0, rate=1, name="db", at=at, day=at.date(), took=timedelta(0)))

    run = asyncio.run(tester.run())

    assert "failed" == run.step("when").status
    assert "EvaluationError: load.rate / load.total has no value: load.total is zero" in str(run.error)


def test_no_number_of_a_run_is_infinite() -> None:
    """Python's floor of a huge quotient is infinity; here it is an error."""
    assert math.inf == 1e308 // 1e-308
    with pytest.raises(EvaluationError, match="the result is too large"):
        value(LEFT // RIGHT, 1e308, 1e-308)
