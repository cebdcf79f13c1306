"""Times in the terminal."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from resolute_worker.cli.output import clock


@pytest.fixture
def in_paris(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process whose local time is that of Paris."""
    with monkeypatch.context() as changed:
        changed.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("in_paris")
def test_a_time_names_its_zone() -> None:
    """Local times carry the name of their zone, so that nobody reads them as UTC."""
    assert "2026-07-01 14:00:00 CEST" == clock(datetime(2026, 7, 1, 12, tzinfo=UTC))
    assert "2026-12-01 13:00:00 CET" == clock(datetime(2026, 12, 1, 12, tzinfo=UTC))
    assert "" == clock(None)
