"""What must hold of any number of runs, whatever failed, died or came late, held against what was seen of them.

It reads values alone: what a provider carried out, in its order, and what runs recorded. So one checker serves runs in
memory and runs on a server. Each rule gives what breaks it as `Broken`; nothing is broken where there is none.

`at` is any number that grows: a place in a log, or seconds. All of one `Evidence` are on the same clock.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, Literal, TypeAlias

from tests.simulation.orders import (
    Begun,
    Decided,
    Halted,
    Refused,
    Sent,
    brake_kept,
    decisions_kept,
    dry_writes_nothing,
    pauses_kept,
)

RunEnd: TypeAlias = Literal["completed", "failed", "cancelled", "timed_out", "terminated", "running"]
Became: TypeAlias = Literal["started", "queued", "skipped", "replaced", "told", "ignored", "refused"]

NEVER: Final = float("inf")
CALL: Final = "call"
"""What an effect does that is the beginning of a call, and nothing that a provider has carried out."""


@dataclass(frozen=True, kw_only=True)
class Effect:
    """Something that the provider carried out for a step of a run: whether it was answered does not matter.

    `does` names it ("trigger", "resolve", "note"), and `key` what it was done to: a dedup key, an incident. One that
    `adds` is another thing each time (a note); any other may be repeated by its own step. `attempt` is which attempt of
    its step a call is, where each is counted.
    """

    at: float
    run: str
    step: str
    does: str
    key: str
    adds: bool = False
    attempt: int = 0


@dataclass(frozen=True, kw_only=True)
class Opened:
    """An incident at the provider. `closed` is None as long as it is open."""

    key: str
    opened: float
    closed: float | None = None


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A step of a run, as the run recorded its end.

    `does` and `key` say which effect a step that completed has had; empty where it has none. `undo` are the steps that
    undo it, in their order, and `undoes` is the step that it undoes. `attempts` are those that were recorded, and
    `most` how many the policy allows; 0 is any number. `known` is when its run knew of it, where that was later.
    """

    at: float
    step: str
    ok: bool = True
    does: str = ""
    key: str = ""
    undo: tuple[str, ...] = ()
    undoes: str = ""
    attempts: int = 1
    most: int = 0
    known: float = 0


@dataclass(frozen=True, kw_only=True)
class RunTold:
    """A run as it told what it did. `holds` is the key of which it is the only run while it goes on.

    `dry` says that it may write nothing.
    """

    run: str
    flow: str
    status: RunEnd
    began: float
    ended: float = NEVER
    holds: str = ""
    dry: bool = False
    steps: tuple[Recorded, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Check:
    """One look of an alarm at what it watches, in the order in which they were made; `bad` is None where nobody knows.

    `at` is when the run of the look had ended, and no other was at work.
    `calm` says that nothing went wrong in the run of the check, so that what it asked for has been done.
    """

    at: float
    key: str
    bad: bool | None
    calm: bool = True
    raise_after: int = 1
    clear_after: int = 1


@dataclass(frozen=True, kw_only=True)
class Read:
    """What a run read of an earlier one: the value of a step, and the one it should have been."""

    at: float
    run: str
    step: str
    got: object
    expected: object


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question to a budget: at most `at_most` are granted in any `per` seconds of `time`."""

    at: float
    of: str
    run: str
    step: str
    time: float
    granted: bool
    at_most: int
    per: float


@dataclass(frozen=True, kw_only=True)
class Start:
    """A start with a key, and what became of it. `runs` are those that it started, `told` those that heard of it."""

    at: float
    id: str
    key: str
    became: Became
    while_running: str = "skip"
    runs: tuple[str, ...] = ()
    told: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that was seen, each in its order."""

    effects: Sequence[Effect] = ()
    runs: Sequence[RunTold] = ()
    incidents: Sequence[Opened] = ()
    checks: Sequence[Check] = ()
    reads: Sequence[Read] = ()
    asked: Sequence[Asked] = ()
    starts: Sequence[Start] = ()
    halted: Sequence[Halted] = ()
    begun: Sequence[Begun] = ()
    sent: Sequence[Sent] = ()
    refused: Sequence[Refused] = ()
    decided: Sequence[Decided] = ()
    others: frozenset[str] = field(default_factory=frozenset[str])
    """Runs of which there is no record, and whose effects are their own affair."""


@dataclass(frozen=True, kw_only=True)
class Broken:
    """A rule that does not hold, and where."""

    rule: str
    what: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.what}"


def nothing_lost(seen: Evidence) -> Iterator[str]:
    """Each effect that a run has recorded was carried out before, each effect is of a step that began, and runs end."""
    done = {(each.run, each.step, each.does, each.key): each.at for each in reversed(seen.effects)}
    for run in seen.runs:
        if run.status == "running":
            yield f"run {run.run} has not ended"
        for step in run.steps:
            if not (step.ok and step.does):
                continue
            at = done.get((run.run, step.step, step.does, step.key))
            if at is None or at > step.at:
                yield f"{_name(run.run, step.step)} recorded {step.does} {step.key}, which was not carried out"
    known = {run.run: run for run in seen.runs}
    for effect in seen.effects:
        if effect.run in seen.others:
            continue
        if effect.run not in known:
            yield f"{effect.does} {effect.key} is of run {effect.run!r}, which nobody knows"
        elif effect.at < known[effect.run].began:
            yield f"{_name(effect.run, effect.step)} did {effect.does} {effect.key} before its run began"


def nothing_doubled(seen: Evidence) -> Iterator[str]:
    """No step adds anything twice, acts on two keys, records its end twice, or opens two incidents."""
    added: set[tuple[str, str, str, str]] = set()
    for effect in seen.effects:
        if not effect.adds:
            continue
        name = (effect.run, effect.step, effect.does, effect.key)
        if name in added:
            yield f"{_name(effect.run, effect.step)} did {effect.does} {effect.key} twice"
        added.add(name)
    keys: dict[tuple[str, str, str], str] = {}
    for effect in seen.effects:
        if effect.does != CALL and keys.setdefault((effect.run, effect.step, effect.does), effect.key) != effect.key:
            yield f"{_name(effect.run, effect.step)} did {effect.does} to more than one key"
    for run in seen.runs:
        ended: set[str] = set()
        for step in run.steps:
            if step.step in ended:
                yield f"{_name(run.run, step.step)} has ended twice"
            ended.add(step.step)
    by_place = {each.at: each for each in seen.effects}
    opened: dict[tuple[str, str, str], float] = {}
    for incident in seen.incidents:
        effect = by_place.get(incident.opened)
        if effect is None:
            continue
        name = (effect.run, effect.step, incident.key)
        if name in opened:
            yield f"{_name(effect.run, effect.step)} opened two incidents of {incident.key}"
        opened[name] = incident.opened


def nothing_repeated(seen: Evidence) -> Iterator[str]:
    """No step acts after its end was recorded, or more often than its policy allows.

    What a step that did not complete has sent may be carried out later: nobody can call it back. It begins no more.
    """
    ends = {(run.run, step.step): step for run in seen.runs for step in run.steps}
    for effect in seen.effects:
        end = ends.get((effect.run, effect.step))
        if end is not None and effect.at > end.at and (end.ok or effect.does == CALL):
            yield f"{_name(effect.run, effect.step)} did {effect.does} {effect.key} after its end was recorded"
    begun = Counter((each.run, each.step, each.attempt) for each in seen.effects if each.attempt)
    for (run_id, step_id, attempt), times in begun.items():
        if times > 1:
            yield f"{_name(run_id, step_id)} began its attempt {attempt} {times} times"
    for run in seen.runs:
        for step in run.steps:
            if step.most and step.attempts > step.most:
                yield f"{_name(run.run, step.step)} made {step.attempts} attempts of {step.most}"


def in_order(seen: Evidence) -> Iterator[str]:
    """By key, what one step did comes wholly before what the next did, and steps of a run act in their order."""
    by_key: defaultdict[str, list[Effect]] = defaultdict(list)
    for effect in seen.effects:
        by_key[effect.key].append(effect)
    ends = {(run.run, step.step): step.at for run in seen.runs for step in run.steps}
    for key, effects in by_key.items():
        order = [(each.run, each.step) for each in effects]
        turns = [who for number, who in enumerate(order) if not number or order[number - 1] != who]
        again = {who for number, who in enumerate(turns) if who in turns[:number]}
        for run, step in sorted(again):
            yield f"{_name(run, step)} acted on {key} again after another step had"
        firsts = list(dict.fromkeys(order))
        for (run, first), (other, second) in pairwise(firsts):
            if run == other and ends.get((run, first), 0) > ends.get((other, second), NEVER):
                yield f"{_name(run, first)} acted on {key} before {second}, and recorded it after"


def one_holder(seen: Evidence) -> Iterator[str]:
    """At most one run of a key goes on at a time."""
    by_key: defaultdict[str, list[RunTold]] = defaultdict(list)
    for run in seen.runs:
        if run.holds:
            by_key[run.holds].append(run)
    for key, runs in by_key.items():
        runs.sort(key=lambda run: run.began)
        for before, after in pairwise(runs):
            if after.began < before.ended:
                yield f"{before.run} and {after.run} both hold {key}"


def starts_kept(seen: Evidence) -> Iterator[str]:
    """Each start with a key runs once, is told once, or is refused, as was said; those that queue keep their order."""
    began = {run.run: run.began for run in seen.runs}
    queued: defaultdict[str, list[Start]] = defaultdict(list)
    for start in seen.starts:
        many = len(start.runs)
        if many > 1 or len(start.told) > 1 or (many and start.told):
            yield f"start {start.id} of {start.key} became {start.runs} and was told to {start.told}"
        match start.became:
            case "started" | "queued":
                if not many and not _was_replaced(start, seen.starts):
                    yield f"start {start.id} of {start.key} was {start.became}, and never ran"
            case "told":
                if not start.told:
                    yield f"start {start.id} of {start.key} was told to nobody"
            case "skipped" | "ignored" | "refused":
                if many or start.told:
                    yield f"start {start.id} of {start.key} was {start.became}, and ran"
            case "replaced":
                pass  # it runs, unless another has replaced it too
        if start.while_running == "queue" and many:
            queued[start.key].append(start)
    for key, starts in queued.items():
        times = [began.get(start.runs[0], 0.0) for start in sorted(starts, key=lambda start: start.at)]
        if times != sorted(times):
            yield f"the starts of {key} that queue did not run in their order"
    for key, starts in _replacing(seen.starts).items():
        if not starts[-1].runs:
            yield f"the last start that replaces others of {key}, {starts[-1].id}, never ran"


def undo_complete(seen: Evidence) -> Iterator[str]:
    """A run that does not complete undoes all that it completed, last step first; one that completes undoes nothing."""
    for run in seen.runs:
        done = [step for step in run.steps if step.ok and step.undo and not step.undoes]
        undone = [step.step for step in run.steps if step.undoes]
        if run.status == "completed":
            due: list[str] = []
        elif run.status in ("running", "terminated"):
            continue
        else:
            done.sort(key=lambda step: step.known or step.at)
            due = [undo for step in reversed(done) for undo in step.undo]
        if undone != due:
            yield f"run {run.run} ({run.status}) undid {undone}, due was {due}"


def memory_right(seen: Evidence) -> Iterator[str]:
    """An incident is open while its alarm is bad and closed when that is clear, whatever failed between.

    Held against the checks that nothing disturbed: what such a one finds is what it makes so.
    """
    incidents: defaultdict[str, list[Opened]] = defaultdict(list)
    for incident in seen.incidents:
        incidents[incident.key].append(incident)
    by_key: defaultdict[str, list[Check]] = defaultdict(list)
    for check in seen.checks:
        by_key[check.key].append(check)
    for key, checks in by_key.items():
        outages = 0
        bads = clears = 0
        is_open = False
        for check in checks:
            if check.bad is None:
                continue
            bads, clears = (bads + 1, 0) if check.bad else (0, clears + 1)
            outages += check.bad and bads == 1
            now = any(
                each.opened <= check.at and (each.closed is None or each.closed > check.at) for each in incidents[key]
            )
            if check.calm and bads >= check.raise_after and not now:
                yield f"{key} was bad in {bads} checks to {check.at:g}, and no incident was open"
            if check.calm and clears >= check.clear_after and now:
                yield f"{key} was clear in {clears} checks to {check.at:g}, and its incident was still open"
            is_open = now
        if len(incidents[key]) > outages:
            yield f"{key} was bad {outages} times, and had {len(incidents[key])} incidents (open: {is_open})"
    for read in seen.reads:
        if read.got != read.expected:
            yield f"run {read.run} read {read.got!r} of step {read.step} of earlier runs, and not {read.expected!r}"


def budgets_kept(seen: Evidence) -> Iterator[str]:
    """A budget grants as many as it may, and no more, however often each question is asked."""
    by_budget: defaultdict[str, list[Asked]] = defaultdict(list)
    for asked in seen.asked:
        by_budget[asked.of].append(asked)
    for of, questions in by_budget.items():
        granted: list[Asked] = []
        for asked in sorted(questions, key=lambda each: each.at):
            recent = [each for each in granted if each.time > asked.time - asked.per]
            if asked.granted and len(recent) >= asked.at_most:
                yield f"{of} granted {len(recent) + 1} in {asked.per:g} s, and may {asked.at_most}"
            if not asked.granted and len(recent) < asked.at_most:
                yield f"{of} refused {_name(asked.run, asked.step)} with {len(recent)} of {asked.at_most} granted"
            if asked.granted:
                granted.append(asked)


RULES: Final[Mapping[str, Callable[[Evidence], Iterable[str]]]] = {
    "nothing lost": nothing_lost,
    "nothing doubled": nothing_doubled,
    "nothing repeated": nothing_repeated,
    "in order": in_order,
    "one holder": one_holder,
    "starts kept": starts_kept,
    "undo complete": undo_complete,
    "memory right": memory_right,
    "budgets kept": budgets_kept,
    "pauses kept": pauses_kept,
    "brake kept": brake_kept,
    "dry runs write nothing": dry_writes_nothing,
    "decisions kept": decisions_kept,
}
"""Every rule, by its name."""


def broken(seen: Evidence) -> list[Broken]:
    """All that does not hold; nothing where everything does."""
    return [Broken(rule=name, what=what) for name, rule in RULES.items() for what in rule(seen)]


def _name(run: str, step: str) -> str:
    return f"step {step} of run {run}"


def _was_replaced(start: Start, starts: Sequence[Start]) -> bool:
    """Whether a start that waited was thrown out by a later one that replaces; only those that replace are."""
    later = (each for each in starts if each.key == start.key and each.at > start.at)
    return start.while_running == "replace" and any(each.while_running == "replace" for each in later)


def _replacing(starts: Sequence[Start]) -> dict[str, list[Start]]:
    found: dict[str, list[Start]] = {}
    for start in sorted(starts, key=lambda each: each.at):
        if start.while_running == "replace" and start.became in ("started", "replaced"):
            found.setdefault(start.key, []).append(start)
    return found
