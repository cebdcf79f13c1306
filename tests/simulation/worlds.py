"""One simulated world, from its seed to what is broken in it."""

from __future__ import annotations

import gc
import hashlib
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
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
from resolute.plan.plan import Mode
from resolute.plan.values import JsonObject
from resolute.running.line import Start
from resolute.running.messages import EVENT as EVENTS
from resolute.running.messages import Message
from resolute.running.recall import Memory, memory_in_failure, memory_in_result, newest
from resolute.running.switches import OFF
from tests.contract.generated.telling import tells
from tests.contract.nodes import ALL_ATTEMPTS, forget
from tests.simulation.chance import Chance
from tests.simulation.checker import Broken, Check, Evidence, Read, broken
from tests.simulation.evidence import evidence
from tests.simulation.line import Keeper
from tests.simulation.loop import VirtualLoop
from tests.simulation.part import StrangeError
from tests.simulation.people import DRY, SHADOW, People
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

_THINGS: Final = {"alone": 30, "beside": 70, "keyed": 80, "watched": 60}
"""How much happens in a world of a sort, about: so long it takes at most until somebody throws a switch."""

_TOLD_BY_WRITING: Final = frozenset(("kept", "heard"))
"""Pieces that wait for what a step before them writes: in a dry run for ever."""

_FAILING: Final = frozenset(("refuse", "despair", "balk", "pick"))
"""Nodes that fail for good, or may."""

_OF_THE_INCIDENT: Final = ("watched_raise", "watched_clear")
"""The steps by which an alarm opens and closes its incident."""

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
    reports: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """What happened, what was seen and how each run says that it ended, to the last byte."""
        whole = "\n".join((*self.told, repr(self.evidence), *self.reports, *map(str, self.broken)))
        return f"{self.seed} {len(whole)} {hashlib.sha256(whole.encode()).hexdigest()}"


def play(seed: int, *, tells_all: bool = False) -> Played:
    """Runs the world of a seed. The same seed is the same world, whatever ran before it."""
    place, loop, chance = town(seed // RUNS_OF_A_TOWN), VirtualLoop(), Chance(seed)
    people = People(chance.apart("people"), within=_THINGS[place.sort])
    people.write_nothing = people.write_nothing and not place.words & _TOLD_BY_WRITING
    if people.hold:
        place = replace(place, when_stuck="hold")
    collects = gc.isenabled()
    gc.disable()  # what is left of dead workers goes when nobody runs
    server = Server(loop, chance, _executor(), PAGERDUTY, people)
    _executor().environment.switches = server.switches.now
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
        _executor().environment.switches = lambda: OFF
        ran = (
            {name: tuple(dict.fromkeys(steps)) for name, steps in ALL_ATTEMPTS.items()} if people.write_nothing else {}
        )
        forget()
        HEALTH.clear()
        if collects:
            gc.enable()
    found += [
        Broken(rule="nothing strange", what=what) for what in (*server.strange, *_unexplained(server, place, ran))
    ]
    return Played(
        seed=seed,
        town=place,
        broken=found,
        runs=len(server.runs),
        faults=chance.faults,
        deaths=server.life,
        told=server.told or [],
        evidence=seen,
        reports=tuple(run.report.model_dump_json() for run in server.runs.values() if run.report) if tells_all else (),
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
    run = server.start(place.plan_in(_mode(server)), "a")
    _perhaps_cancelled(server, run)
    server.live(lambda: not run.is_open)
    return evidence(server)


def _mode(server: Server, *, remembers: bool = False) -> Mode:
    """Whether a run is dry, in a world where some write nothing; one that remembers may also be a shadow."""
    people = server.people
    if not people.write_nothing:
        return "live"
    mode: Mode = people.draw.choice(("live", "shadow", "shadow", "dry") if remembers else ("dry", "dry", "live"))
    if mode != "live":
        server.chance.faults[DRY if mode == "dry" else SHADOW] += 1
    return mode


def _perhaps_cancelled(server: Server, run: SimulatedRun) -> None:
    if server.chance.happens("run cancelled"):
        server.loop.call_later(server.chance.draw.random() * _CANCELLED_WITHIN, server.cancel, run)


def _beside(server: Server, place: Town) -> Evidence:
    """Several runs at the same time."""
    runs: list[SimulatedRun] = []
    for number in range(_BESIDE):
        _listen(server, f"b{number}")
        run = server.start(place.plan_in(_mode(server)), f"b{number}")
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
        run = server.start(place.plan_in(_mode(server)), name, holds="key", ended=cast("type[None]", ended))
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
    by_people = False
    for number, bad in enumerate(health):
        if number == many:
            chance.calm()
            server.people.rest()
            server.switches.release()
        mode = _mode(server, remembers=True) if number < many else "live"
        name = f"w{number}"
        HEALTH[name] = bad
        _listen(server, name)
        at = max(server.loop.time(), number * _EVERY)
        server.loop.call_at(at, lambda: None)
        while server.loop.time() < at and server.loop.step():
            pass
        run = server.start(
            place.plan_in(mode), name, memory=newest(completed, failed), scheduled_for=START + timedelta(seconds=at)
        )
        _perhaps_cancelled(server, run)
        server.live(lambda run=run: not run.is_open)
        if run.is_open:
            break
        if mode == "dry":
            continue  # no schedule starts it, and nobody is given what it hands on
        if run.error is None:
            completed, failed = memory_in_result(run.recorded), None
        elif run.memory is not None:
            failed = memory_in_failure([run.memory.as_detail()])
        if mode != "live":
            continue
        by_people = _is_by_people(run, before=by_people)
        checks += _checks(run, place, bad, calm=not by_people)
        for at_, request, done in run.ends:
            if request.step == "counted":
                reads.append(
                    Read(at=at_, run=name, step="counted", got=request.arguments.get("before"), expected=counted)
                )
                if done.failure is None and not done.gone:
                    counted = done.output
        counted = run.heard.skipped.get("counted", counted)
    return evidence(server, tuple(checks), tuple(reads))


def _is_by_people(run: SimulatedRun, *, before: bool) -> bool:
    """Whether somebody had the incident neither opened nor closed, and the alarm has done neither since."""
    if any(step in run.heard.skipped for step in _OF_THE_INCIDENT):
        return True
    made = (done for _, request, done in run.ends if request.step in _OF_THE_INCIDENT)
    return before and not any(done.failure is None and not done.gone for done in made)


def _checks(run: SimulatedRun, place: Town, bad: bool | None, *, calm: bool) -> Iterator[Check]:
    """The check of a run, if its alarm has looked: at what somebody gave, where that is in place of the look."""
    report = run.report
    assert report is not None
    step = report.step("watched")
    if step.status in ("completed", "failed", "cancelled"):
        yield Check(
            at=run.ended,
            key=KEY,
            bad=cast("bool | None", run.heard.skipped.get("look", bad)),
            calm=calm and step.status == "completed",
            raise_after=place.raise_after,
            clear_after=place.clear_after,
        )


def _unexplained(server: Server, place: Town, ran: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """Ends of runs that nothing explains, and calls that should have been made, or should not. `ran` are the latter."""
    for run in [run for run in server.runs.values() if run.parent is None]:
        if run.report is None:
            continue
        if run.plan.is_dry:
            yield from _ran_although_dry(run, ran.get(run.id, ()))
            continue
        status, failure = run.report.status, run.report.failure
        foretold = place.case.failed
        if status == "completed" and foretold is not None and not _is_left_out(run, foretold):
            yield f"{run.id} has completed, and should have failed at {foretold}"
        elif status == "completed" and _starts_fresh(run, place):
            called = {request.step for _, request, _ in run.ends}
            ended = (*(done.failure for *_, done in run.ends), *(child.error for child in run.children.values()))
            has_failed = any(ended)  # which a flow may take as it comes
            if not has_failed and (missing := sorted(place.calls - called)):
                yield f"{run.id} has completed without {missing}"
        elif status == "timed_out" and not place.within:
            yield f"{run.id} has timed out"
        elif status == "failed" and failure and failure.step != foretold and not _is_explained(run, failure.step):
            yield f"{run.id} failed at {failure.step}, which nothing explains: {failure.message}"


def _starts_fresh(run: SimulatedRun, place: Town) -> bool:
    """Whether there is nothing that another run could have done already."""
    return not place.remembers or (run.began == 1 and place.sort != "beside")


def _ran_although_dry(run: SimulatedRun, ran: tuple[str, ...]) -> Iterator[str]:
    """Nodes that say that they write, and were run in a dry run."""
    nodes = {request.step: request.node for _, request, _ in run.ends}
    for step in ran:
        definition = run.server.executor.definitions.get(nodes.get(step, ""))
        if definition is not None and definition.effect == "write":
            yield f"{run.id} is dry, and has run {step}, which writes"


def _is_explained(run: SimulatedRun, step: str) -> bool:
    if run.heard.skipped or (run.heard.decided and _fails_by_itself(run, step)):
        return True  # what a step was to give that is left out is missing, or another one fails than the first
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


def _is_left_out(run: SimulatedRun, step: str) -> bool:
    """Whether a step was left out, or one in a turn of it: by what was given in its place the turns may end well."""
    return any(each == step or each.startswith(f"{step}#") for each in run.heard.skipped)


def _fails_by_itself(run: SimulatedRun, step: str) -> bool:
    return any(request.step == step and request.node in _FAILING for _, request, _ in run.ends)


_PLAYS: Final = {"alone": _alone, "beside": _beside, "keyed": _keyed, "watched": _watched}
