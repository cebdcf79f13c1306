"""When each step of a run was at work, with the time folded in which none was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from resolute.running.report import RunReport, StepReport

MOST: Final = 80
"""Steps that a timeline has: of more, those that took longest."""

_FOLD: Final = 0.25
"""A gap that is longer than this part of all work is folded."""

_WAITS: Final = frozenset({"gate", "sleep", "wait", "each", "repeat", "parallel", "when"})


@dataclass(frozen=True)
class Bar:
    """One step: where its bar begins and how long it is, in parts of a thousand."""

    step: StepReport
    x: float
    width: float


@dataclass(frozen=True)
class Timeline:
    """The bars of a run, in the order in which steps began; `folded` says how many gaps there are."""

    bars: Sequence[Bar]
    folded: int
    left_out: int


def timeline(report: RunReport, now: datetime | None = None) -> Timeline:
    """The timeline of a run."""
    now = now or datetime.now(UTC)
    worked = [step for step in report.steps if step.started_at and step.kind not in _WAITS and not step.counts]
    if not worked:
        return Timeline((), 0, 0)
    longest = sorted(worked, key=lambda step: _end(step, now) - _began(step), reverse=True)[:MOST]
    shown = sorted(longest, key=_began)
    spans = [*_merged([(_began(step), _end(step, now)) for step in sorted(worked, key=_began)])]
    work = sum((end - begin).total_seconds() for begin, end in spans) or 0.001
    fold = max(work * _FOLD, 0.001)
    places: list[tuple[datetime, datetime, float]] = []
    at, folded, before = 0.0, 0, spans[0][0]
    for begin, end in spans:
        gap = (begin - before).total_seconds()
        folded += gap > fold
        at += min(gap, fold)
        places.append((begin, end, at))
        at += (end - begin).total_seconds()
        before = end
    scale = 1000 / max(at, 0.001)

    def place(moment: datetime) -> float:
        for begin, end, left in reversed(places):
            if moment >= begin:
                return (left + min((moment - begin).total_seconds(), (end - begin).total_seconds())) * scale
        return 0.0

    bars = [Bar(step, place(_began(step)), max(place(_end(step, now)) - place(_began(step)), 2.0)) for step in shown]
    return Timeline(bars, folded, len(worked) - len(shown))


def _began(step: StepReport) -> datetime:
    return step.started_at or datetime.min.replace(tzinfo=UTC)


def _end(step: StepReport, now: datetime) -> datetime:
    return max(step.ended_at or now, _began(step))


def _merged(spans: Sequence[tuple[datetime, datetime]]) -> Iterator[tuple[datetime, datetime]]:
    """Spans that touch, as one."""
    begin, end = spans[0]
    for each_begin, each_end in spans[1:]:
        if each_begin > end:
            yield begin, end
            begin, end = each_begin, each_end
        else:
            end = max(end, each_end)
    yield begin, end
