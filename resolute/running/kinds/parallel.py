"""Runs branches at the same time."""

from __future__ import annotations

import asyncio

from resolute.plan.kinds.parallel import Parallel
from resolute.running.frame import Frame
from resolute.running.run import NOTHING, Run, RunSuspendedError


async def run_parallel(parallel: Parallel, frame: Frame, run: Run) -> object:
    """Runs every branch to its end; the first failure in plan order is the step's.

    Which branch fails first by the clock is what two runs never share.
    """
    inner = frame if len(parallel.branches) == 1 else frame.beside_others()
    outcomes = await asyncio.gather(*(run.block(branch, inner) for branch in parallel.branches), return_exceptions=True)
    for outcome in (*_suspended(outcomes), *outcomes):
        if isinstance(outcome, BaseException):
            raise outcome
    return NOTHING


def _suspended(outcomes: list[BaseException | None]) -> list[BaseException]:
    # A failure beside a branch that has let go is kept with its step, and met again when the run is continued.
    return [outcome for outcome in outcomes if isinstance(outcome, RunSuspendedError)]
