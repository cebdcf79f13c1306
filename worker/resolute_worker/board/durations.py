"""How long the steps of a flow take, and which versions of it have run: from its latest runs."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from temporalio.client import Client

from resolute.plan.plan import Plan
from resolute.plan.step import plan_name
from resolute.temporal.history.reading import read_history
from resolute.temporal.history.runs import RunSummary
from resolute.temporal.wire.parts import histories

READ: Final = 30
"""Runs of a flow that are read for it."""

_KEPT: Final = 1_000
_AT_ONCE: Final = 8


@dataclass(frozen=True)
class Past:
    """What is kept of a run that has ended: its plan, and the seconds that each step took."""

    plan: Plan | None
    seconds: Mapping[str, Sequence[float]]


@dataclass(frozen=True, kw_only=True)
class Took:
    """How long a step took: half of the times at most `p50` seconds, nearly all at most `p95`."""

    step: str
    p50: float
    p95: float
    times: int


class Durations:
    """What is known of past runs. A run that has ended is read once."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._kept: OrderedDict[str, Past] = OrderedDict()
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    async def of(self, runs: Sequence[RunSummary]) -> list[tuple[RunSummary, Past]]:
        """The latest of some runs, newest first."""
        latest = [run for run in runs if run.status != "running"][:READ]
        found = await asyncio.gather(*(self._past(run) for run in latest))
        return list(zip(latest, found, strict=True))

    async def _past(self, run: RunSummary) -> Past:
        known = self._kept.get(run.run_id)
        if known is None:
            async with self._at_once:
                known = await self._read(run)
            self._kept[run.run_id] = known
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return known

    async def _read(self, run: RunSummary) -> Past:
        parts = await histories(self._client, run.workflow_id, run.run_id)
        recorded = await read_history(parts, self._client.data_converter)
        seconds: dict[str, list[float]] = defaultdict(list)
        for step, answer in recorded.answers.items():
            if answer.ended_at is not None and answer.failure is None and not step.startswith("resolute."):
                seconds[plan_name(step)].append((answer.ended_at - answer.began_at).total_seconds())
        return Past(recorded.start.plan or recorded.plan, seconds)


def took(past: Sequence[Past]) -> list[Took]:
    """How long each step of some runs took, the longest first."""
    seconds: dict[str, list[float]] = defaultdict(list)
    for each in past:
        for step, times in each.seconds.items():
            seconds[step] += times
    found = [
        Took(step=step, p50=_part(sorted(times), 0.5), p95=_part(sorted(times), 0.95), times=len(times))
        for step, times in seconds.items()
    ]
    return sorted(found, key=lambda each: each.p95, reverse=True)


def _part(times: Sequence[float], part: float) -> float:
    return times[min(int(len(times) * part), len(times) - 1)]
