"""Whoever looks at a run is shown it, whatever of it is at work."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from resolute.running.report import RunReport
from resolute.temporal.history.reading import read_history
from resolute.temporal.history.replaying import replayed
from resolute.temporal.values.converting import PLAIN
from tests.patience import PATIENCE
from tests.replay.test_every_prefix import HISTORIES, history_of


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_a_run_is_shown_behind_every_event(path: Path) -> None:
    """Read back as far as any event, a run is shown as it was then, though nothing ever answers what was at work."""
    events = history_of(path).events
    reports: list[RunReport | None] = []
    async with asyncio.timeout(PATIENCE):
        for place in range(1, len(events) + 1):
            reports.append(await replayed(await read_history([events[:place]], PLAIN)))

    has_plan = [report is not None for report in reports]
    assert sorted(has_plan) == has_plan, "what was shown behind one event is shown behind the next"
