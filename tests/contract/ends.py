"""Runs that meet what no flow expects: each ends, and says at which step and why."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from resolute import FlowBuilder, failure, flow, input_data, manual, node, output, text
from resolute.plan.failing import Failure
from resolute.plan.kinds.call import calls_in
from tests.contract.nodes import crash, double, echo, greet, hang, inflate, note
from tests.contract.scenario import Expected, Scenario

START = manual("start")
SHORT = timedelta(seconds=1.5)
MEGABYTE = 1_000_000
LETTERS = 500_000
"""Letters that are a megabyte in UTF-8, and three as Temporal's converter writes them."""

ESCAPING: tuple[type[BaseException], ...] = (
    StopIteration,
    StopAsyncIteration,
    SystemExit,
    KeyboardInterrupt,
    GeneratorExit,
    asyncio.CancelledError,
)


@node
async def escape(error: str) -> None:
    """Raises what would end more than itself."""
    note()
    raise _named(error)


@node
def escape_in_thread(error: str) -> None:
    """As `escape`, in a plain function."""
    note()
    raise _named(error)


@node
async def give_itself_up() -> None:
    """Cancels the task that it runs in."""
    note()
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.Event().wait()


@node
async def measure(value: str) -> int:
    """Gives the length of what it is given."""
    note()
    return len(value)


@node
async def spell(letters: int) -> str:
    """Gives that many letters beyond ASCII."""
    note()
    return "é" * letters


@node
async def shout(letters: int) -> None:
    """Fails with a long text."""
    note()
    raise LookupError("begin" + "é" * letters + "end")


@node
async def mumble() -> None:
    """Fails with an error that cannot be read."""
    note()
    raise UnreadableError


class UnreadableError(Exception):
    """Its text is another error."""

    def __str__(self) -> str:
        raise ValueError("no text")


@node
async def dig(depth: int) -> Any:
    """Gives a list in a list in a list."""
    note()
    return _nested(depth)


@node
async def count_far() -> int:
    """Gives a number that takes thousands of digits."""
    note()
    return 10**5000


def _nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


def _named(name: str) -> BaseException:
    return next(error for error in ESCAPING if error.__name__ == name)("gone")


def _builder(name: str) -> FlowBuilder:
    return flow(name).triggered_by(START)


def _fails(
    promise: str, builder: FlowBuilder, step: str, error_type: str, message: str, *, called: bool = True, **given: Any
) -> Scenario:
    """A flow of one step, which fails, and of one that is told."""
    built = builder.on_failure(greet(failure().step).as_("told")).build()
    expected = Expected(
        calls=[step, "told"] if called else ["told"],
        steps={step: "failed", "told": "completed"},
        failure=Failure(
            step=step,
            node=calls_in(built.plan.steps)[0].node,
            error_type=error_type,
            message=message,
        ),
    )
    return Scenario(promise, built, (expected,), **given)


def _cut(text_: str) -> str:
    return f"{text_[:3042]} [{len(text_) - 4056:,} characters left out] {text_[-1014:]}"


ESCAPES = tuple(
    _fails(
        f"A node that raises {error.__name__} fails its step, in whatever lane and thread it runs.",
        _builder(f"escapes-{error.__name__}-{run.__name__}-{lane}").then(
            run(error.__name__).as_("step").retry(1).lane(lane)
        ),
        "step",
        error.__name__,
        "gone",
    )
    for error in ESCAPING
    for run in (escape, escape_in_thread)
    for lane in ("activity", "local")
)

SCENARIOS = (
    *ESCAPES,
    _fails(
        "A node that cancels itself fails its step: the run was not cancelled.",
        _builder("gives-itself-up").then(give_itself_up().as_("step").retry(1)),
        "step",
        "CancelledError",
        "CancelledError",
    ),
    _fails(
        "A node that cancels itself in the local lane fails its step.",
        _builder("gives-itself-up-here").then(give_itself_up().as_("step").retry(1).lane("local")),
        "step",
        "CancelledError",
        "CancelledError",
    ),
    _fails(
        "The text of an error is cut, and keeps its beginning and its end.",
        _builder("shouts").then(shout(3_000_000).as_("step").retry(1)),
        "step",
        "LookupError",
        _cut("begin" + "é" * 3_000_000 + "end"),
    ),
    _fails(
        "The text of an error is cut in the local lane too.",
        _builder("shouts-here").then(shout(3_000_000).as_("step").retry(1).lane("local")),
        "step",
        "LookupError",
        _cut("begin" + "é" * 3_000_000 + "end"),
    ),
    _fails(
        "An error whose text cannot be read is told by its name.",
        _builder("mumbles").then(mumble().as_("step").retry(1)),
        "step",
        "UnreadableError",
        "UnreadableError, whose text cannot be read: ValueError",
    ),
    _fails(
        "A result is counted as Temporal counts it: letters beyond ASCII take six bytes.",
        _builder("spelled").then(spell(LETTERS).as_("step").retry(1)),
        "step",
        "ResultTooLargeError",
        "node 'spell' returned 3,000,002 bytes, Temporal accepts 2,093,056: "
        "return a reference to the data (an id, a URL) instead",
    ),
    Scenario(
        "Arguments are counted as Temporal counts them, all of a step together.",
        _builder("spelled-together")
        .then(spell(LETTERS // 4).as_("letters"))
        .then(echo([output("letters"), output("letters"), output("letters")]).as_("step"))
        .on_failure(greet(failure().step).as_("told"))
        .build(),
        (
            Expected(
                calls=["letters", "told"],
                steps={"letters": "completed", "step": "failed", "told": "completed"},
                failure=Failure(
                    step="step",
                    node="echo",
                    error_type="PayloadTooLargeError",
                    message="the input of step 'step' (echo) is 2,250,020 bytes, Temporal accepts 2,093,056: "
                    "pass a reference to the data (an id, a URL) instead of the data",
                ),
            ),
        ),
    ),
    Scenario(
        "The result of a run is counted as Temporal counts it.",
        _builder("spelled-at-last")
        .then(spell(LETTERS // 4).as_("letters"))
        .returns([output("letters"), output("letters"), output("letters")])
        .build(),
        (
            Expected(
                calls=["letters"],
                steps={"letters": "completed"},
                failure=Failure(
                    step="",
                    node="",
                    error_type="PayloadTooLargeError",
                    message="the result of flow 'spelled-at-last' is 2,250,010 bytes, Temporal accepts 2,093,056: "
                    "pass a reference to the data (an id, a URL) instead of the data",
                ),
            ),
        ),
    ),
    _fails(
        "A result that is nested too deep fails its step.",
        _builder("digs").then(dig(250).as_("step").retry(1)),
        "step",
        "InvalidResultError",
        "node 'dig' returned a value that cannot be recorded: "
        f"{'[0]' * 12}...: lists and objects are nested more than 100 deep",
    ),
    _fails(
        "A result with a number that nobody can write down fails its step.",
        _builder("counts-far").then(count_far().as_("step").retry(1).lane("local")),
        "step",
        "InvalidResultError",
        "node 'count_far' returned a value that cannot be recorded: the number has more than 4,000 digits",
    ),
    _fails(
        "Arguments that are nested too deep fail their step.",
        _builder("wraps").then(echo([[input_data()]]).as_("step")),
        "step",
        "UnusableValueError",
        "the input of step 'step' (echo) cannot be recorded: "
        f"value{'[0]' * 11}...: lists and objects are nested more than 100 deep",
        called=False,
        input=_nested(99),
    ),
    _fails(
        "A number that is too large for its place in a text fails the step that wants the text.",
        _builder("text-of-a-large-number").then(greet(text("{:.1f}", input_data("n"))).as_("step")),
        "step",
        "TextError",
        "text('{:.1f}') cannot be filled with the given values: int too large to convert to float",
        called=False,
        input={"n": 10**400},
    ),
    _fails(
        "A number that is no letter fails the step that wants it as one.",
        _builder("text-of-no-letter").then(greet(text("{:c}", input_data("n"))).as_("step")),
        "step",
        "TextError",
        "text('{:c}') cannot be filled with the given values: %c arg not in range(0x110000)",
        called=False,
        input={"n": 0x110000},
    ),
    _fails(
        "Half a letter fails the step that wants it in a text.",
        _builder("text-of-half-a-letter").then(greet(text("{:c}", input_data("n"))).as_("step")),
        "step",
        "TextError",
        "text('{:c}') cannot be filled with the given values: "
        "'utf-8' codec can't encode character '\\ud800' in position 0: surrogates not allowed",
        called=False,
        input={"n": 0xD800},
    ),
    _fails(
        "A text that would be larger than a run can carry is not made.",
        _builder("text-too-long").then(greet(text("{0}" * 300, input_data("letters"))).as_("step")),
        "step",
        "TextError",
        f"text({('{0}' * 40) + ' [740 characters left out] ' + ('{0}' * 14)[2:]!r}) would be longer than "
        "2,093,056 characters",
        called=False,
        input={"letters": "x" * 10_000},
    ),
    Scenario(
        "An undo step that fails at length is told at no more length than others.",
        _builder("shouts-while-undoing")
        .then(double(1).as_("one").on_failure(shout(3_000_000).as_("undo_one").retry(1)))
        .then(shout(3_000_000).as_("step").retry(1).timeout(timedelta(seconds=10)))
        .build(),
        (
            Expected(
                calls=["one", "step", "undo_one"],
                steps={"one": "completed", "undo_one": "failed", "step": "failed"},
                failure=Failure(
                    step="step",
                    node="shout",
                    error_type="LookupError",
                    message=_cut("begin" + "é" * 3_000_000 + "end"),
                ),
                compensation_failures=(
                    Failure(
                        step="undo_one",
                        node="shout",
                        error_type="LookupError",
                        message=_cut("begin" + "é" * 3_000_000 + "end"),
                    ),
                ),
            ),
        ),
    ),
    Scenario(
        "All attempts of a node in the local lane together have a limit, however short the pauses between them are.",
        _builder("late-here-altogether")
        .then(
            crash(99)
            .as_("step")
            .retry(0, initial=timedelta(seconds=3), coefficient=1)
            .timeout(within=timedelta(seconds=5.9))  # the second comes in time on a busy machine too, a third never
            .lane("local")
        )
        .build(),
        (
            Expected(
                calls=["step"],
                attempts={"step": 2},
                steps={"step": "failed"},
                failure=Failure(step="step", node="crash", error_type="LookupError", message="attempt 2"),
            ),
        ),
    ),
    Scenario(
        "A node in the local lane that does not answer is given up when the time of all its attempts is over.",
        _builder("hangs-here-altogether").then(hang().as_("step").retry(0).timeout(within=SHORT).lane("local")).build(),
        (
            Expected(
                calls=["step"],
                steps={"step": "failed"},
                failure=Failure(step="step", node="hang", error_type="TimeoutError", message="not done within 1.5 s"),
            ),
        ),
    ),
    Scenario(
        "What branches are given may be more than one message to Temporal holds: some of them wait.",
        _builder("heavy-branches")
        .then(inflate(MEGABYTE).as_("large"))
        .then_parallel(*(measure(output("large")).as_(f"measured_{index}") for index in range(8)))
        .returns([output(f"measured_{index}") for index in range(8)])
        .build(),
        (
            Expected(
                calls=["large", frozenset(f"measured_{index}" for index in range(8))],
                steps={
                    "large": "completed",
                    "parallel": "completed",
                    **{f"measured_{index}": "completed" for index in range(8)},
                },
                result=[MEGABYTE] * 8,
            ),
        ),
    ),
)

HEAVY = (
    _builder("heavy-neighbours")
    .then(inflate(MEGABYTE).as_("one").lane("local"))
    .then(inflate(MEGABYTE).as_("two").lane("local"))
    .then(inflate(MEGABYTE).as_("three").lane("local"))
    .then(inflate(MEGABYTE).as_("four").lane("local"))
    .then(inflate(2 * MEGABYTE).as_("five").lane("local"))
    .then(measure(output("five")).as_("measured"))
    .then(inflate(2 * MEGABYTE).as_("six").lane("local"))
    .returns([output("six"), output("measured")])
    .build()
)
