"""Random flows with hostile values: sizes, depth, numbers, texts and errors of every kind.

Each is made from a seed, so that every engine runs the same one.
"""

from __future__ import annotations

import asyncio
import math
from datetime import timedelta
from random import Random
from typing import Any

from resolute import Flow, FlowBuilder, branch, flow, input_data, manual, matches, node, now, output, text
from resolute.running.report import RunReport
from tests.contract.nodes import note

SHAPES = ("plain", "letters", "large", "larger", "deep", "deeper", "number", "longest number", "float", "nan", "half")
ERRORS: tuple[type[BaseException], ...] = (
    ValueError,
    KeyError,
    RecursionError,
    MemoryError,
    StopIteration,
    StopAsyncIteration,
    SystemExit,
    KeyboardInterrupt,
    GeneratorExit,
    asyncio.CancelledError,
    TimeoutError,
    OverflowError,
)
TEMPLATES = ("{}", "{:.1f}", "{:c}", "{:d}", "{!r:>9999}", "{:e}", "{:x}", "{:%}", "{:,}", "{0}{0}{0}")


def value_of(shape: str, size: int) -> Any:
    """A value of a kind, that fits or does not."""
    match shape:
        case "letters":
            return "é" * size * 1000
        case "large":
            return "x" * size * 10_000
        case "larger":
            return ["x" * 100_000] * size
        case "deep" | "deeper":
            value: Any = size
            for _ in range(size if shape == "deep" else 3 * size):
                value = [value]
            return value
        case "number":
            return 10 ** (size * 10)
        case "longest number":
            return 10 ** (size * 100)
        case "float":
            return size * 1e300
        case "nan":
            return math.nan
        case "half":
            return "\ud800"
        case _:
            return {"n": size, "$n": [size]}


@node
async def make(shape: str, size: int) -> Any:
    """Gives a value."""
    note()
    return value_of(shape, size)


@node
def make_in_thread(shape: str, size: int) -> Any:
    """As `make`, in a plain function."""
    note()
    return value_of(shape, size)


@node
async def take(value: Any) -> int:
    """Is given a value."""
    note()
    return len(repr(value)[:100])


@node
async def burst(error: str, said: int) -> None:
    """Fails, and says so at length."""
    note()
    raise _error(error)("é" * said)


@node
def burst_in_thread(error: str, said: int) -> None:
    """As `burst`, in a plain function."""
    note()
    raise _error(error)("é" * said)


def _error(name: str) -> type[BaseException]:
    return next(error for error in ERRORS if error.__name__ == name)


class _Author:
    def __init__(self, random: Random, name: str) -> None:
        self.random = random
        self.name = name
        self.made: list[str] = []
        self.steps = 0

    def flow(self) -> Flow:
        builder = flow(self.name).triggered_by(manual("start"))
        for _ in range(self.random.randint(1, 4)):
            builder = self._step(builder, 0)
        builder = builder.on_failure(take(text("{}", "told")).as_("told"))
        if self.made and self.random.random() < 0.3:
            builder = builder.returns([output(name) for name in self.made[:3]])
        return builder.build()

    def _step(self, builder: FlowBuilder, depth: int) -> FlowBuilder:
        kind = self.random.choice(("call", "call", "call", "call", "when", "parallel") if depth < 3 else ("call",))
        if kind == "call":
            return builder.then(self._call())
        known = list(self.made)
        if kind == "when":
            builder = self._step(builder.when(self._condition()), depth + 1).end_when()
            self.made = known
            return builder
        branches: list[FlowBuilder] = []
        for _ in range(self.random.randint(1, 3)):
            self.made = list(known)
            branches.append(self._step(branch(), depth + 1))
        self.made = known
        return builder.then_parallel(*branches)

    def _value(self) -> Any:
        choices: list[Any] = [input_data("value"), now() - timedelta(days=self.random.randint(0, 300_000)), "plain"]
        choices += [output(name) for name in self.made] * 2
        choices += [[output(name), output(name)] for name in self.made]
        value = self.random.choice(choices)
        return text(self.random.choice(TEMPLATES), value) if self.random.random() < 0.3 else value

    def _condition(self) -> Any:
        known: list[Any] = [input_data("value"), *(output(name) for name in self.made)]
        first, second = self.random.choice(known), self._value()
        return self.random.choice((first == second, first < second, matches(first, "^x+$"), first != 1))

    def _call(self) -> Any:
        random, name = self.random, f"step_{self.steps}"
        self.steps += 1
        match random.choice(("make", "make", "take", "take", "burst")):
            case "make":
                called: Any = random.choice((make, make_in_thread))(random.choice(SHAPES), random.randint(0, 60))
                self.made.append(name)
            case "take":
                called = take(self._value())
            case _:
                error = random.choice(ERRORS).__name__
                called = random.choice((burst, burst_in_thread))(error, random.choice((0, 10, 500_000)))
        called = called.as_(name).retry(random.randint(1, 2), initial=timedelta(milliseconds=5))
        if random.random() < 0.3:
            called = called.on_failure(random.choice((take("undone"), burst("SystemExit", 100_000).retry(1))))
        return called.lane(random.choice(("local", "activity")))


def hostile_flow(seed: int) -> Flow:
    """The flow of a seed."""
    return _Author(Random(seed), f"hostile-{seed}").flow()


def hostile_input(seed: int) -> Any:
    """The input of a run: what a stranger may send, as far as it starts a run at all."""
    random = Random(seed)
    shape = random.choice(("plain", "letters", "large", "deep", "number", "longest number"))
    return {"value": value_of(shape, random.randint(0, 39))}


def told(report: RunReport) -> Any:
    """What every engine has to say the same of a run: how it ended, how each step stands, and why.

    What branches have done is undone in the order in which it was done, which is the clock's to say.
    """
    why = {"step", "node", "error_type", "message"}
    return {
        "status": report.status,
        "failure": report.failure and report.failure.model_dump(include=why),
        "undone": sorted((failed.model_dump(include=why) for failed in report.compensation_failures), key=str),
        "steps": [
            (step.id, step.status, step.taken, step.failure and step.failure.model_dump(include=why))
            for step in report.steps
        ],
    }
