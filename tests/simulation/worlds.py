"""One simulated world, from its seed to what is broken in it."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from itertools import count
from typing import Any, Final, cast

import resolute.memory.runtime as runtime
import resolute.providing.settling as settling
import resolute_pagerduty.account.doubt as doubt
import resolute_pagerduty.account.sender as sender
from resolute import CallContext
from resolute.execution.executor import NodeExecutor
from resolute.memory.clock import START
from resolute.plan.keyed import WhileRunning
from resolute.plan.values import JsonObject
from resolute.running.line import Start
from resolute.running.messages import EVENT as EVENTS
from resolute.running.messages import Message
from resolute.running.recall import Memory, memory_in_failure, memory_in_result, newest
from tests.contract.generated.telling import tells
from tests.contract.nodes import forget
from tests.simulation.chance import Chance
from tests.simulation.checker import Broken, Check, Evidence, Read, broken
from tests.simulation.evidence import evidence
from tests.simulation.line import Keeper
from tests.simulation.loop import VirtualLoop
from tests.simulation.part import StrangeError
from tests.simulation.run import SimulatedRun
from tests.simulation.server import Server
from tests.simulation.setting import PAGERDUTY
from tests.simulation.towns import EVENT, HEALTH, HEARD, KEY, Town, executor, town

RUNS_OF_A_TOWN: Final = 6
"""Worlds in a row that have the same flow: making one costs more than running it."""

_BESIDE: Final = 3
_EVERY: Final = 300.0
_CANCELLED_WITHIN: Final = 8.0
"""Seconds from the start of a run within which somebody may cancel it."""

_LATER: Final = 21.0
"""Seconds after which no start comes any more."""

_POLICIES: Final[tuple[WhileRunning, ...]] = ("skip", "queue", "replace", "tell")


@dataclass(frozen=True, kw_only=True)
class Played:
    """A world that has come to its end. `told` is what happened, where that was wanted."""

    seed: int
    town: Town
    broken: list[Broken]
    runs: int
    faults: Counter[str]
    deaths: int
    told: list[str] = field(default_factory=list[str])
    evidence: Evidence = field(default_factory=Evidence)


def play(seed: int, *, tells_all: bool = False) -> Played:
    """Runs the world of a seed. The same seed is the same world, whatever ran before it."""
    place, loop, chance = town(seed // RUNS_OF_A_TOWN), VirtualLoop(), Chance(seed)
    collects = gc.isenabled()
    gc.disable()  # what is left of dead workers goes when nobody runs
    server = Server(loop, chance, _executor(), PAGERDUTY)
    server.told = [] if tells_all else None
    found, seen = list[Broken](), Evidence()
    try:
        with loop.running(), _clocks_of(loop):
            seen = _PLAYS[place.sort](server, place)
            found = broken(seen)
            server.end()
    except StrangeError as error:
        found = [Broken(rule="the same in a replay", what=str(error))]
    finally:
        forget()
        HEALTH.clear()
        if collects:
            gc.enable()
    found += [Broken(rule="nothing strange", what=what) for what in (*server.strange, *_unexplained(server, place))]
    return Played(
        seed=seed,
        town=place,
        broken=found,
        runs=len(server.runs),
        faults=chance.faults,
        deaths=server.life,
        told=server.told or [],
        evidence=seen,
    )


@contextmanager
def _clocks_of(loop: VirtualLoop) -> Generator[None]:
    """All that asks how long something took is told so in the time of the world."""
    before = [module.monotonic for module in _TIMED]
    for module in _TIMED:
        module.monotonic = loop.time
    try:
        yield
    finally:
        for module, clock in zip(_TIMED, before, strict=True):
            module.monotonic = clock


_TIMED: Final[tuple[Any, ...]] = (runtime, settling, doubt, sender)


@cache
def _executor() -> NodeExecutor:
    return executor()


def _listen(server: Server, run: str) -> None:
    """Lets steps of a run tell it of events, and decide its gates."""

    async def take(call: CallContext, message: Message) -> None:
        server.send(call.run, message, again=not message.to.startswith(EVENTS))

    tells(run, take)


def _alone(server: Server, place: Town) -> Evidence:
    """One run."""
    _listen(server, "a")
    run = server.start(place.plan, "a")
    _perhaps_cancelled(server, run)
    server.live(lambda: not run.is_open)
    return evidence(server)


def _perhaps_cancelled(server: Server, run: SimulatedRun) -> None:
    if server.chance.happens("run cancelled"):
        server.loop.call_later(server.chance.draw.random() * _CANCELLED_WITHIN, server.cancel, run)


def _beside(server: Server, place: Town) -> Evidence:
    """Several runs at the same time."""
    runs: list[SimulatedRun] = []
    for number in range(_BESIDE):
        _listen(server, f"b{number}")
        run = server.start(place.plan, f"b{number}")
        _perhaps_cancelled(server, run)
        runs.append(run)
    server.live(lambda: not any(run.is_open for run in runs))
    return evidence(server)


def _keyed(server: Server, place: Town) -> Evidence:
    """Starts of one key, by one of the ways in which they follow each other."""
    chance, numbers = server.chance, count()

    def begin(start: str, ended: object) -> SimulatedRun:
        name = f"k{next(numbers)}"
        _listen(server, name)
        run = server.start(place.plan, name, holds="key", ended=cast("type[None]", ended))
        _perhaps_cancelled(server, run)
        return run

    keeper = Keeper(server, "key", begin)
    policy = chance.draw.choice(_POLICIES)
    many, handed = chance.draw.randint(2, 5), 0
    for each in range(many):
        start = Start(id=f"s{each}", argument=None, while_running=policy, event=(EVENT, {"number": each}))
        for _ in range(2 if chance.happens("start twice") else 1):
            handed += 1
            server.loop.call_later(chance.lag(20.0), keeper.hand_in, start)
    server.loop.call_at(_LATER, lambda: None)
    server.live(lambda: server.loop.time() >= _LATER and keeper.is_idle)
    for run in server.runs.values():
        outputs = [run.report.step(name).output for name in HEARD] if run.report and run.parent is None else []
        heard = Counter(str(cast("JsonObject", each)["number"]) for each in outputs if each)
        for number, times in heard.items():
            keeper.heard(run.id, f"s{number}", times)
    return evidence(server, starts=keeper.seen())


def _watched(server: Server, place: Town) -> Evidence:
    """Checks of a schedule, one after the other; at the end it is well for long enough, and nothing goes wrong."""
    chance = server.chance
    rest = place.clear_after + 1
    many = chance.draw.randint(2, 5)
    health: list[bool | None] = [
        *chance.draw.choices((True, True, False, None), (4, 4, 4, 1), k=many),
        *([False] * rest),
    ]
    completed: Memory | None = None
    failed: Memory | None = None
    checks: list[Check] = []
    reads: list[Read] = []
    counted: object = None
    for number, bad in enumerate(health):
        if number == many:
            chance.calm()
        name = f"w{number}"
        HEALTH[name] = bad
        _listen(server, name)
        at = max(server.loop.time(), number * _EVERY)
        server.loop.call_at(at, lambda: None)
        while server.loop.time() < at and server.loop.step():
            pass
        run = server.start(
            place.plan, name, memory=newest(completed, failed), scheduled_for=START + timedelta(seconds=at)
        )
        _perhaps_cancelled(server, run)
        server.live(lambda run=run: not run.is_open)
        if run.is_open:
            break
        if run.error is None:
            completed, failed = memory_in_result(run.recorded), None
        elif run.memory is not None:
            failed = memory_in_failure([run.memory.as_detail()])
        checks += _checks(run, place, bad)
        for at_, request, done in run.ends:
            if request.step == "counted":
                reads.append(
                    Read(at=at_, run=name, step="counted", got=request.arguments.get("before"), expected=counted)
                )
                if done.failure is None and not done.gone:
                    counted = done.output
    return evidence(server, tuple(checks), tuple(reads))


def _checks(run: SimulatedRun, place: Town, bad: bool | None) -> Iterator[Check]:
    """The check of a run, if its alarm has looked."""
    report = run.report
    assert report is not None
    step = report.step("watched")
    if step.status in ("completed", "failed", "cancelled"):
        yield Check(
            at=run.ended,
            key=KEY,
            bad=bad,
            calm=step.status == "completed",
            raise_after=place.raise_after,
            clear_after=place.clear_after,
        )


def _unexplained(server: Server, place: Town) -> Iterator[str]:
    """Ends of runs that nothing explains, and calls that should have been made."""
    for run in [run for run in server.runs.values() if run.parent is None]:
        if run.report is None:
            continue
        status, failure = run.report.status, run.report.failure
        foretold = place.case.failed
        if status == "completed" and foretold is not None:
            yield f"{run.id} has completed, and should have failed at {foretold}"
        elif status == "completed" and _starts_fresh(run, place):
            called = {request.step for _, request, _ in run.ends}
            has_failed = any(done.failure for _, _, done in run.ends)  # which a flow may take as it comes
            if not has_failed and (missing := sorted(place.calls - called)):
                yield f"{run.id} has completed without {missing}"
        elif status == "timed_out" and not place.within:
            yield f"{run.id} has timed out"
        elif status == "failed" and failure and failure.step != foretold and not _is_explained(run, failure.step):
            yield f"{run.id} failed at {failure.step}, which nothing explains: {failure.message}"


def _starts_fresh(run: SimulatedRun, place: Town) -> bool:
    """Whether there is nothing that another run could have done already."""
    return not place.remembers or (run.began == 1 and place.sort != "beside")


def _is_explained(run: SimulatedRun, step: str) -> bool:
    if any(step == each or step.startswith(f"{each}.") for each in run.permanent):
        return True
    for name, child in run.children.items():
        if step == name and child.error is not None:
            return True
    return any(
        request.step == step
        and (request.policy.within or 0 < request.policy.retry.attempts <= run.hands.attempts.get(step, 0))
        for _, request, done in run.ends
        if done.failure is not None
    )


_PLAYS: Final = {"alone": _alone, "beside": _beside, "keyed": _keyed, "watched": _watched}
