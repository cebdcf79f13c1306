"""What people order (a pause, the brake, a dry run, what becomes of a held step), and whether runs keep to it.

The values and rules of the checker for it; see `checker`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from tests.simulation.checker import Effect, Evidence

What: TypeAlias = Literal["run paused", "flow paused", "everything paused", "brake"]
Word: TypeAlias = Literal["retry", "skip", "fail"]


@dataclass(frozen=True, kw_only=True)
class Halted:
    """A time in which something was stopped, from when it was known to whoever stops it.

    `of` is the run or the flow; empty where it is everything. A pause of a run is kept by the run, which asks for
    nothing; any other and the brake by the worker, which begins nothing.
    """

    what: What
    since: float
    until: float
    of: str = ""

    def holds(self, at: float) -> bool:
        """Whether it was so at this time."""
        return self.since <= at < self.until


@dataclass(frozen=True, kw_only=True)
class Begun:
    """An attempt of a step began, which its run had asked for before, when it was at `asked`.

    `first` says that it is the first one, `writes` that its node says that it may change something, and `lifted`
    that it undoes the work of a run that was cancelled. `flows` are its run's flow, and those of the runs that have
    started it.
    """

    at: float
    run: str
    step: str
    asked: float
    first: bool = True
    writes: bool = True
    lifted: bool = False
    flows: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A run's step has sent a request that may change something, or its node has changed something itself."""

    at: float
    run: str
    step: str
    what: str


@dataclass(frozen=True, kw_only=True)
class Refused:
    """An attempt of a step did not begin, because the brake was on, as its worker said. `writes` is as in `Begun`."""

    at: float
    run: str
    step: str
    writes: bool


@dataclass(frozen=True, kw_only=True)
class Decided:
    """A step was held from when its failure was recorded, until somebody said what becomes of it."""

    at: float
    run: str
    step: str
    word: Word
    failed: float = 0.0


def pauses_kept(seen: Evidence) -> Iterator[str]:
    """Nothing is begun of what is paused. What was at work before goes on, with further attempts where they are due."""
    pauses = [each for each in seen.halted if each.what != "brake"]
    for begun in seen.begun if pauses else ():
        if not begun.first:
            continue
        for pause in pauses:
            if pause.what == "run paused":
                stops = begun.run == pause.of and pause.holds(begun.asked)
            else:
                stops = not begun.lifted and (not pause.of or pause.of in begun.flows) and pause.holds(begun.at)
            if stops:
                what = f"{pause.what} ({pause.of})" if pause.of else pause.what
                yield f"{_name(begun)} began although {what} from {pause.since:g} to {pause.until:g}"


def brake_kept(seen: Evidence) -> Iterator[str]:
    """While the brake is on nothing that may write begins, no request that writes is sent, and what reads goes on."""
    brakes = [each for each in seen.halted if each.what == "brake"]
    for brake in brakes:
        for begun in seen.begun:
            if begun.writes and brake.holds(begun.at):
                yield f"{_name(begun)} began to write, and the brake was on from {brake.since:g} to {brake.until:g}"
        for sent in seen.sent:
            if brake.holds(sent.at):
                yield f"{_name(sent)} sent {sent.what}, and the brake was on from {brake.since:g} to {brake.until:g}"
    for refused in seen.refused:
        if not refused.writes:
            yield f"{_name(refused)} reads, and the brake has stopped it"


def dry_writes_nothing(seen: Evidence) -> Iterator[str]:
    """A dry run, and a shadow, sends nothing that writes, runs no node that does, and takes nothing of a budget."""
    dry = {run.run for run in seen.runs if run.dry}
    if not dry:
        return
    for sent in seen.sent:
        if sent.run in dry:
            yield f"{_name(sent)} sent {sent.what}, and the run is dry"
    for effect in seen.effects:
        if effect.run in dry and effect.does != "call":
            yield f"{_name(effect)} did {effect.does} {effect.key}, and the run is dry"


def decisions_kept(seen: Evidence) -> Iterator[str]:
    """A held step does nothing until somebody has decided, is run again where told so alone, and fails where told."""
    begun: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for each in seen.begun if seen.decided else ():
        begun[each.run, each.step].append(each.at)
    status = {run.run: run.status for run in seen.runs}
    latest = {(each.run, each.step): (each.run, each.step, each.at) for each in seen.decided}
    for decided in seen.decided:
        times = begun[decided.run, decided.step]
        if any(decided.failed < at < decided.at for at in times):
            yield f"{_name(decided)} began while it was held"
        again, has_begun = any(at > decided.at for at in times), any(at < decided.at for at in times)
        if decided.word != "retry" and again:
            yield f"{_name(decided)} began after somebody said {decided.word}"
        again = again or (decided.run, decided.step, decided.at) != latest[decided.run, decided.step]
        if decided.word == "retry" and has_begun and not again and status.get(decided.run) == "completed":
            yield f"{_name(decided)} was to be tried again, and was not"
        if decided.word == "fail" and status.get(decided.run) == "completed":
            yield f"{_name(decided)} was to fail, and its run has completed"


def _name(each: Begun | Sent | Refused | Decided | Effect) -> str:
    return f"step {each.step} of run {each.run}"
