"""Which runs had to do with an incident: its id or key stands in their input, or in what a step was given or gave."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from temporalio.service import RPCError

from resolute.temporal.history.histories import Histories, ReadRun
from resolute.temporal.history.runs import RunSummary
from resolute.temporal.wire.finding import RunKey, UnknownRunError
from resolute_worker.board.reads import Reads, length_of
from resolute_worker.board.sight import Sight

MOST_NAMES: Final = 500
"""Texts of a run that are kept; of more, the first."""

LONGEST: Final = 255
"""Characters of the longest key that PagerDuty takes."""

MOST_RUNNING: Final = 50
"""Open runs that are looked through; of more, the newest."""

_AT_ONCE: Final = 8


def names_in(read: ReadRun) -> frozenset[str]:
    """The short texts in what a run was given, and in what its steps were given and gave."""
    found: dict[str, None] = {}
    steps = read.report.steps if read.report is not None else ()
    for value in (read.recorded.start.input, *(each for step in steps for each in (step.arguments, step.output))):
        for text in _texts(value):
            if len(found) >= MOST_NAMES:
                return frozenset(found)
            if 3 <= len(text) <= LONGEST:
                found[text] = None
    return frozenset(found)


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for each in cast("Mapping[str, object]", value).values():
                yield from _texts(each)
        case list() | tuple():
            for each in cast("Sequence[object]", value):
                yield from _texts(each)
        case _:
            return


@dataclass(frozen=True)
class Named:
    """A run, and the texts that stand in it."""

    run: RunSummary
    texts: frozenset[str]


class Touched:
    """Finds runs by what stands in them, among those that are seen."""

    def __init__(self, reads: Reads, histories: Histories, ended: Mapping[str, frozenset[str]]) -> None:
        self._reads = reads
        self._histories = histories
        self.ended = ended
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    async def among(self, sight: Sight) -> list[Named]:
        """The runs that are seen, newest first, each with what stands in it.

        Raises:
            temporalio.service.RPCError: Temporal refused or did not answer.
        """
        running = sight.running[:MOST_RUNNING]
        found = await asyncio.gather(*(self._running(run) for run in running))
        ended = [Named(run, self.ended.get(run.run_id, frozenset())) for run in sight.ended]
        named = [*(Named(run, texts) for run, texts in zip(running, found, strict=True)), *ended]
        return sorted(named, key=lambda each: each.run.started_at, reverse=True)

    async def _running(self, run: RunSummary) -> frozenset[str]:
        async with self._at_once:
            try:
                described = await self._reads.described(RunKey(run.workflow_id, run.run_id))
                return names_in(await self._histories.read(described.id, described.run_id, length_of(described)))
            except UnknownRunError:
                return frozenset()  # it was deleted meanwhile
            except RPCError:
                raise
            except Exception:  # a workflow of others may hold anything; the board's own look says so
                return frozenset()
