from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from resolute_pagerduty import PagerDuty
from resolute_pagerduty.simulator import Clock, Limits, Simulator
from tests.providers.pagerduty.harness import Bench, config_for


@pytest.fixture(scope="session")
async def served() -> AsyncIterator[Simulator]:
    """One simulator for all tests: its clock stands still until it is moved."""
    async with Simulator.serve(clock=Clock(datetime(2026, 3, 2, 12, 0, tzinfo=UTC)), limits=Limits.none()) as sim:
        yield sim


@pytest.fixture
def sim(served: Simulator) -> Simulator:
    """The simulator as it begins."""
    served.clock.freeze(datetime(2026, 3, 2, 12, 0, tzinfo=UTC))
    served.reset()
    return served


@pytest.fixture
async def bench(sim: Simulator) -> AsyncIterator[Bench]:
    """A provider with the account's key. Whatever a test lets it send has to be as the documents say."""
    async with PagerDuty(config_for(sim)) as provider:
        bench = Bench(sim, provider)
        yield bench
    bench.check_requests()
