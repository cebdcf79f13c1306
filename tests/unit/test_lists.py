"""Questions about lists: which items, the first, how many, any, all."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from resolute import (
    ExpressionError,
    FlowBuilder,
    FlowBuildError,
    all_of,
    any_of,
    count,
    env,
    first,
    flow,
    manual,
    node,
    not_,
    one_of,
    output,
    secret,
    where,
)
from resolute.plan.described import describe
from resolute.plan.errors import EvaluationError
from resolute.plan.expressions import encode
from resolute.plan.kinds.when import When
from resolute.plan.language import has_holes
from resolute.plan.values import Json
from resolute.running.budget import MOST
from resolute.running.evaluate import Scope, evaluate, prepare
from resolute.testing import FlowTester


class Alert(BaseModel):
    id: str
    is_open: bool = True


class Incident(BaseModel):
    id: str
    urgency: str = "high"
    age: int = 0
    alerts: list[Alert] = []
    assignee: Alert | None = None


class Page(BaseModel):
    incidents: list[Incident]
    total: int = 0
    more: list[Incident] | None = None


@node
async def list_incidents() -> Page:
    raise OSError


@node(lane="local")
async def tell(value: Any) -> Any:
    return value


@node
async def call(name: str) -> str:
    return name


page = list_incidents().as_("page")
INCIDENTS = page.output.incidents

SAID: list[tuple[object, str]] = [
    (where(INCIDENTS, lambda each: each.urgency == "high"), "page.incidents where item.urgency == 'high'"),
    (where(INCIDENTS, lambda each: each.urgency == "high")[0].id,
     "(page.incidents where item.urgency == 'high')[0].id"),
    (first(INCIDENTS), "first(page.incidents)"),
    (first(INCIDENTS, lambda each: each.age > 3), "first(page.incidents where item.age > 3)"),
    (count(INCIDENTS), "count(page.incidents)"),
    (count(INCIDENTS, lambda each: each.age > 3) / page.output.total > 0.05,
     "count(page.incidents where item.age > 3) / page.total > 0.05"),
    (count(where(INCIDENTS, lambda each: each.age > 3)), "count(page.incidents where item.age > 3)"),
    (all_of(INCIDENTS, lambda each: (each.age > 3) | (each.urgency == "low")),
     "all_of(page.incidents, item.age > 3 or item.urgency == 'low')"),
    (any_of(INCIDENTS, lambda one: any_of(one.alerts, lambda other: other.id == one.id)),
     "any_of(page.incidents, any_of(item.alerts, item_2.id == item.id))"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "said"), SAID)
def test_a_question_reads_as_a_person_asks_it(written: object, said: str) -> None:
    """On the graph, in messages, and in a shell."""
    assert said == describe(encode(written)) == repr(written)


def test_an_item_is_named_by_how_deep_its_list_stands() -> None:
    """So that equal flows are equal plans; and never as a step that its condition reads."""
    assert encode(any_of(INCIDENTS, lambda each: each.age > 3)) == encode(any_of(INCIDENTS, lambda item: item.age > 3))
    named = encode(where(INCIDENTS, lambda each: each.age > output("item.age")))

    assert "page.incidents where item_2.age > item.age" == describe(named)
    assert [{"age": 4}] == evaluate(
        named, Scope(outputs={"page": {"incidents": [{"age": 3}, {"age": 4}]}, "item": {"age": 3}})
    )


async def later(_: Incident) -> bool:
    return True


HINT = "write a comparison of the item, as in lambda incident: incident.urgency == 'high'"
DECIDED = "Python decided it while the flow was written"
MISUSES: list[tuple[Callable[[Any], object], str]] = [
    (lambda each: True, f"where(page.incidents, ...): the condition is always true, {DECIDED}; {HINT}"),
    (lambda each: each is None, f"where(page.incidents, ...): the condition is always false, {DECIDED}; {HINT}"),
    (lambda each: each.age and each.id,
     "item.age is not known while the flow is written, so Python cannot decide on it: "
     "instead of `and`, `or` and `not` write (a) & (b), (a) | (b) and ~(a); instead of `x in [...]`, one_of(x, [...]); "
     "instead of `if`, .when(condition)"),
    (lambda each: cast("dict[str, bool]", {})["id"],
     "where(page.incidents, ...): the function failed with KeyError: there is no key 'id'; it is "
     "called once, while the flow is written, with a reference to an item"),
    (lambda each: None, "where(page.incidents, ...): the function returned None, which is no condition; " + HINT),
    (later, f"where(page.incidents, ...): the function is async; {HINT}"),
    (cast("Any", "high"), f"where(page.incidents, ...) takes a function of an item, not 'high'; {HINT}"),
    (cast("Any", None), f"where(page.incidents, ...) takes a function of an item, not None; {HINT}"),
    (cast("Any", page.output.total > 3),
     f"where(page.incidents, ...) takes a function of an item, not page.total > 3; {HINT}"),
]  # fmt: skip


@pytest.mark.parametrize(("function", "answer"), MISUSES)
def test_a_function_that_gives_no_condition_is_refused_where_it_is_written(function: object, answer: str) -> None:
    """With the line of the author's code, what is wrong, and what to write."""
    with pytest.raises(ExpressionError) as caught:
        where(INCIDENTS, cast("Any", function))

    assert answer == str(caught.value)


def begun() -> FlowBuilder:
    return flow("watch").triggered_by(manual("go")).then(page)


def told(value: object) -> FlowBuilder:
    return begun().then(tell(value))


def leaked() -> Any:
    items: list[Incident] = []
    where(INCIDENTS, lambda each: (items.append(each), each.age > 3)[1])
    return items[0].age


WRONG: list[tuple[FlowBuilder, str]] = [
    (told(where(INCIDENTS, lambda each: cast("Any", each).urgenc == "high")),
     "reads item.urgenc: Incident has no field 'urgenc' (did you mean 'urgency'?)"),
    (told(where(cast("Any", page.output.total), lambda each: each > 3)),
     "page.total where item > 3: page.total is an int, not a list"),
    (told(where(cast("Any", page.output.more), lambda each: each.age > 3)),
     "reads page.more, which may be null (ask first, with (page.more != None) & (...), or with "
     ".when(page.more != None))"),
    (told(where(INCIDENTS, lambda each: cast("bool", each.urgency))),
     "item.urgency is text, a condition is true or false (compare it with a value)"),
    (told(where(INCIDENTS, lambda each: each.age == "old")),  # type: ignore[comparison-overlap]
     "item.age == 'old' compares an int with text"),
    (told(where(INCIDENTS, lambda each: each.id == secret("KEY"))),
     "a condition cannot read a secret (compare it inside a node and decide on what the node returns)"),
    (told(any_of(INCIDENTS, lambda each: any_of(each.alerts, lambda alert: cast("Any", alert).open))),
     "reads item_2.open: Alert has no field 'open' (did you mean 'is_open'?)"),
    (told(leaked()), "reads item.age, an item that is not known here (an item is read in the function that it is "
     "given to, and nowhere else)"),
    (begun().then(call(cast("Any", first(INCIDENTS)).id)),
     "reads first(page.incidents).id: first(page.incidents) may be null (ask first, with "
     ".when(first(page.incidents) != None), or give the node all of first(page.incidents))"),
    (begun().then(call(cast("Any", count(INCIDENTS)))),
     "count(page.incidents) is an int, the node expects text"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "said"), WRONG)
def test_build_checks_a_list_its_items_and_their_condition(wrong: FlowBuilder, said: str) -> None:
    """The list is a list, the item has the list's type, the condition is one; each mistake is told once."""
    with pytest.raises(FlowBuildError) as caught:
        wrong.build()

    (problem,) = caught.value.problems
    text = f"{problem.message} ({problem.hint})" if problem.hint else problem.message
    assert said == text.removeprefix("input 'value': ").removeprefix("input 'name': ")


def test_the_first_item_is_read_where_a_condition_has_found_it() -> None:
    """Behind `!= None`, a field of it is certainly there."""
    found: Any = first(INCIDENTS, lambda each: each.age > 3)
    asked = begun().when(found != None).then(call(found.id).as_("called")).end_when()  # noqa: E711  # a condition
    tester = FlowTester(asked.build())
    tester.answer("page", {"incidents": [{"id": "A", "age": 3}, {"id": "B", "age": 4}]})

    assert "B" == asyncio.run(tester.run()).result["called"]


ITEMS: st.SearchStrategy[Any] = st.lists(
    st.fixed_dictionaries({"n": st.integers(-3, 3) | st.none(), "tags": st.lists(st.sampled_from("abc"), max_size=3)}),
    max_size=6,
)


@given(ITEMS, st.integers(-3, 3))
def test_lists_are_asked_as_python_asks_them(items: list[dict[str, Any]], bound: int) -> None:
    """Whatever the list, the answers are those of a comprehension, of next, len, any and all."""
    given_list: Any = output("a.items")
    scope = Scope(outputs={"a": {"items": items}})

    def so(item: dict[str, Any]) -> bool:
        return item["n"] is not None and item["n"] > bound

    def value(asked: object) -> Json:
        return evaluate(encode(asked), scope)

    assert [item for item in items if so(item)] == value(where(given_list, lambda item: item.n > bound))
    assert next((item for item in items if so(item)), None) == value(first(given_list, lambda item: item.n > bound))
    assert (items[0] if items else None) == value(first(given_list))
    assert sum(map(so, items)) == value(count(given_list, lambda item: item.n > bound))
    assert len(items) == value(count(given_list))
    assert any(map(so, items)) is value(any_of(given_list, lambda item: item.n > bound))
    assert all(map(so, items)) is value(all_of(given_list, lambda item: item.n > bound))
    assert [item for item in items if any(tag == "a" and so(item) for tag in item["tags"])] == value(
        where(given_list, lambda item: any_of(item.tags, lambda tag: (tag == "a") & (item.n > bound)))
    )


@given(ITEMS, st.integers(-3, 3))
def test_a_list_that_reads_the_environment_is_asked_on_the_worker(items: list[dict[str, Any]], bound: int) -> None:
    """The workflow fills in what it knows; the items stay to be asked, and the answer is the same as at once."""
    given_list: Any = output("a.items")
    asked = encode(
        where(given_list, lambda item: any_of(item.tags, lambda tag: (tag == env("T")) & (item.n > output("a.bound"))))
    )
    scope = Scope(outputs={"a": {"items": items, "bound": bound}})
    left = prepare(asked, scope)

    assert has_holes(left)
    old = [item for item in items if item["n"] is not None and item["n"] > bound]
    assert [item for item in old if "a" in item["tags"]] == evaluate(left, Scope(read=lambda _, __: "a"))


@pytest.mark.parametrize(
    ("value", "what"), [(None, "null"), ("abc", "text"), ({"a": 1}, "an object"), (7, "an int"), (True, "a bool")]
)
def test_what_is_no_list_has_no_items(value: Json, what: str) -> None:
    """A text is none, and null is not taken for an empty list: the step fails and says which value it was."""
    with pytest.raises(EvaluationError, match=f"^a.items is {what}, not a list$"):
        evaluate(encode(count(output("a.items"))), Scope(outputs={"a": {"items": value}}))


LONG: Any = output("a.items")
BOTTOMLESS: list[tuple[Json, object]] = [
    (list(range(10_000)), count(LONG, lambda one: any_of(LONG, lambda other: other + one == -1))),
    (list(range(10_000)), count(LONG, lambda one: not_(one_of(one, LONG)))),
    (["x" * 10_000] * 100_000, count(LONG, lambda text: text == "x" * 9_999 + "y")),
    (list(range(MOST + 1)), count(LONG, lambda one: one == -1)),
]


@pytest.mark.parametrize(("items", "asked"), BOTTOMLESS)
def test_lists_in_lists_hold_nobody_up(items: Json, asked: object) -> None:
    """However much a condition would look at, it ends by an error of its step before anybody waits for it."""
    with pytest.raises(EvaluationError, match="looks at more than 150,000 values in the items of its lists"):
        evaluate(encode(asked), Scope(outputs={"a": {"items": items}}))


def test_five_thousand_items_are_asked() -> None:
    """The bound is far beyond what a page of a service holds."""
    items: Any = [{"n": number, "tags": ["a", "b"]} for number in range(5_000)]
    asked = count(LONG, lambda item: (item.n >= 10) & any_of(item.tags, lambda tag: tag == "b"))

    assert 4_990 == evaluate(encode(asked), Scope(outputs={"a": {"items": items}}))


def test_a_question_stands_in_a_condition_and_in_an_argument() -> None:
    """In the plan it is data, and a run asks it of what its steps returned."""
    built = (
        begun()
        .when(any_of(INCIDENTS, lambda each: each.age > 3))
        .then(tell({"old": where(INCIDENTS, lambda each: each.age > 3), "of": count(INCIDENTS)}).as_("told"))
        .end_when()
        .build()
    )
    tester = FlowTester(built)
    tester.answer("page", {"incidents": [{"id": "A", "age": 3}, {"id": "B", "age": 4}]})
    run = asyncio.run(tester.run())
    told_of: Any = run.step("told").output

    assert isinstance(built.plan.steps[1], When)
    assert (["B"], 2) == ([incident["id"] for incident in told_of["old"]], told_of["of"])


def test_a_question_without_an_answer_fails_its_step() -> None:
    """The run ends, and says at which step and why."""
    asked = tell(where(output("nothing"), lambda each: each.age > 3)).as_("told")
    tester = FlowTester(flow("watch").triggered_by(manual("go")).then(tell(None).as_("nothing")).then(asked).build())
    run = asyncio.run(tester.run())

    assert "failed" == run.report.status
    assert "step 'told' (tell) failed: EvaluationError: nothing is null, not a list" == str(run.error)
