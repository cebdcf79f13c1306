"""What type checkers see of a flow as its author writes it. Never run: it only has to pass them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import assert_type

from pydantic import BaseModel

from resolute import (
    Failure,
    Flow,
    FlowBuilder,
    Node,
    NodeFactory,
    Outcome,
    Repeated,
    State,
    all_of,
    any_of,
    branch,
    child,
    contains,
    count,
    current_call,
    each,
    env,
    failure,
    first,
    flow,
    input_data,
    is_empty,
    last_turn,
    manual,
    matches,
    node,
    not_,
    now,
    one_of,
    previous,
    repeat,
    scheduled_for,
    secret,
    sleep,
    text,
    where,
)


class Reading(BaseModel):
    host: str
    load: float
    tags: dict[str, list[str]] = {}


class Order(BaseModel):
    host: str
    urgent: bool = False


@node
async def read(host: str, *, since: datetime | None = None) -> Reading: ...


@node
async def look(host: str) -> Reading | None: ...


@node(lane="local", timeout=timedelta(seconds=1))
def double(number: int) -> int:
    return 2 * number


@node
async def tell(channel: str, words: Sequence[str]) -> None: ...


# A node keeps the parameters and the result of its function, be it async or plain.
factory: NodeFactory[[int], int] = double
assert_type(read("db-1"), Node[Reading])
assert_type(double(number=2), Node[int])
assert_type(tell("ops", ["well"]), Node[None])
double("two")  # pyright: ignore[reportArgumentType]  # no int
read(name="db-1")  # pyright: ignore[reportCallIssue]  # no such parameter

# Changes of a node keep its type, and so do references to its output, at any depth.
reading = read("db-1").as_("reading").retry(3).timeout(timedelta(seconds=5)).lane("local").on_failure(tell("ops", []))
assert_type(reading, Node[Reading])
assert_type(reading.output.load, float)
assert_type(reading.output.tags["rack"][0], str)
double(reading.output.lode)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]  # misspelt
double(reading.output.host)  # pyright: ignore[reportArgumentType]  # text is no int

# Deferred values are typed as what they stand for.
assert_type(previous(reading.output.load), float | None)
assert_type(previous(reading.output.load, default=0.0), float)
double(previous(double(1).output))  # pyright: ignore[reportArgumentType]  # null in the first run
double(previous(double(1).output, default=0))
assert_type(input_data(Order).urgent, bool)
assert_type(env("HOST"), str)
assert_type(env("PORT", int), int)
assert_type(env("RATE", float, default=0.5), float)
assert_type(secret("TOKEN"), str)
assert_type(text("{} is {}", reading.output.host, reading.output.load), str)
assert_type(now() - timedelta(hours=24), datetime)
read(env("HOST"), since=now() - timedelta(hours=1))

# What may be null is typed so, and a field behind it is a mistake to the checker as it is to build().
looked = look("db-1")
assert_type(looked, Node[Reading | None])
assert_type(looked.output, Reading | None)
double(looked.output.load)  # pyright: ignore[reportOptionalMemberAccess, reportArgumentType]  # there may be none

# A failure has four texts, and no other field.
assert_type(failure(), Failure)
assert_type(failure().error_type, str)
tell(failure().step, [failure().node, failure().message])
tell(failure().reason, [])  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]  # no such field

# A list is asked with its items typed, and the answer is typed by them.
assert_type(where([reading.output], lambda item: item.load > 0.5), list[Reading])
assert_type(where(reading.output.tags["rack"], lambda tag: tag == "a")[0], str)
assert_type(first([reading.output]), Reading | None)
assert_type(first([reading.output], lambda item: any_of(item.tags["rack"], lambda tag: tag == "a")), Reading | None)
assert_type(count([reading.output], lambda item: item.host == "db-1"), int)
assert_type(all_of([reading.output], lambda item: item.load > 0.5), bool)
where([reading.output], lambda item: item.lode > 0.5)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownLambdaType]  # misspelt
where([reading.output], lambda item: item.host)  # pyright: ignore[reportArgumentType]  # text is no condition
where(look("db-1").output, lambda item: True)  # pyright: ignore[reportArgumentType, reportUnknownLambdaType]  # no list

# Numbers, times and durations are computed as Python's are.
assert_type(reading.output.load / count([1]) > 0.05, bool)
assert_type(now() - scheduled_for() > timedelta(minutes=5), bool)
assert_type(scheduled_for() - timedelta(hours=1), datetime)

# Conditions are conditions.
assert_type(reading.output.load > 0.5, bool)
assert_type(contains(reading.output.tags, "rack"), bool)
assert_type(one_of(reading.output.host, ["db-1"]), bool)
assert_type(is_empty(reading.output.tags), bool)
assert_type(matches(reading.output.host, "^db"), bool)
assert_type(not_(reading.output.load > 0.5), bool)


def decide(state: State) -> bool:
    assert_type(state.get("reading", Reading).load, float)
    return state["reading"]["load"] > 0.5


# The builder takes what can be a step, a condition or a branch, and nothing else.
begun = flow("typed").triggered_by(manual("go", input=Order))
assert_type(begun, FlowBuilder)
finished = (
    begun.then(reading)
    .when((reading.output.load > 0.5) & not_(input_data(Order).urgent))
    .then_parallel(double(1), [double(2), tell("ops", [])], branch().then(double(3)))
    .otherwise()
    .when(decide)
    .then(tell("ops", [reading.output.host]))
    .end_when()
    .end_when()
    .when(lambda state: "reading" in state)
    .then(double(4))
    .end_when()
    .returns(reading.output)
)
assert_type(finished.build(), Flow)
begun.then(reading, double(1))  # pyright: ignore[reportArgumentType]  # one node each
begun.then(double)  # pyright: ignore[reportArgumentType]  # not called
begun.when("always")  # pyright: ignore[reportArgumentType]  # no condition

# What a node may ask while it runs.
assert_type(current_call().attempt, int)
assert_type(current_call().idempotency_key, str)


class Fleet(BaseModel):
    hosts: list[Order]


@node
async def worst(readings: list[Reading]) -> float: ...


@node
async def failed(readings: list[Outcome[Reading]]) -> int: ...


def items() -> Flow:
    hosts = input_data(Fleet).hosts
    readings = each(hosts, lambda order: read(order.host), where=lambda order: order.urgent, at_once=5).as_("readings")
    assert_type(readings.output, list[Reading])
    collected = each(hosts, lambda order: read(order.host), on_error="collect")
    assert_type(collected.output, list[Outcome[Reading]])
    assert_type(collected.output[0].failure, Failure | None)
    nested = each(hosts, lambda order: each([1, 2], lambda number: double(number)))
    assert_type(nested.output, list[list[int]])
    several = each(hosts, lambda order: branch().then(read(order.host)).when(order.urgent).then(double(1)).end_when())
    listed = each(hosts, lambda order: [read(order.host), look(order.host)])
    return (
        flow("items")
        .triggered_by(manual("go", input=Fleet))
        .then(readings)
        .then(worst(readings.output))
        .then(failed(collected.output))
        .then(nested)
        .then(several)
        .then(listed)
        .build()
    )


# Turns give what ended them; what the turn before gave may be null.
polling = repeat(reading, until=reading.output.load > 90, every=timedelta(seconds=30), at_most=40).as_("poll")
assert_type(polling.output, Repeated)
assert_type(polling.output.turns, int)
assert_type(last_turn(reading.output.load), float | None)
assert_type(last_turn(reading.output.load, default=0.0), float)
repeat([reading, double(1)], while_=lambda state: "reading" in state, at_most=2)
repeat(branch().then(reading), until=reading.output.load > 90)  # pyright: ignore[reportCallIssue]  # without a bound
repeat(reading, until="reading.load > 90", at_most=2)  # pyright: ignore[reportArgumentType]  # no condition

# Another flow gives what its author says that it gives.
other = flow("other").triggered_by(manual("other", input=Order)).then(reading).build()
assert_type(child(other, {"host": "db-1"}, result=Reading).output.load, float)
child(other, parent_close="wait")  # pyright: ignore[reportCallIssue, reportArgumentType]  # no such word
child(reading)  # pyright: ignore[reportCallIssue, reportArgumentType]  # no flow

# A pause is a length or a time, and gives nothing.
assert_type(sleep(timedelta(minutes=5)).output, None)
sleep(5)  # pyright: ignore[reportArgumentType]  # of what?
