"""How long an attempt of a step may take, by the server's times."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest
from temporalio.testing import ActivityEnvironment

from resolute.temporal.activities.activities import call_context
from resolute.temporal.wire.about import About

HOUR = timedelta(hours=1)


@pytest.mark.parametrize("off", [-HOUR, 0 * HOUR, HOUR])
def test_a_clock_that_is_off_takes_no_time_from_a_step(off: timedelta) -> None:
    """A step that may take an hour in all, and began ten minutes ago, has 50 left, whatever its worker's clock says."""
    at = datetime.now(UTC) + off
    info = replace(
        ActivityEnvironment.default_info(),
        scheduled_time=at - timedelta(minutes=10),
        started_time=at,
        schedule_to_close_timeout=HOUR,
        start_to_close_timeout=None,
    )
    left = call_context(info, None, None, About()).last_deadline - monotonic()

    assert 50 == round(left / 60)
