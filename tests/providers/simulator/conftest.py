from datetime import UTC, datetime

import pytest

from resolute_pagerduty.simulator import Clock, Limits, Simulator
from tests.providers.simulator.harness import Api, token


@pytest.fixture
def sim() -> Simulator:
    """A simulator whose clock stands still until it is moved."""
    return Simulator(clock=Clock(datetime(2026, 3, 2, 12, 0, tzinfo=UTC)), limits=Limits.none())


@pytest.fixture
def api(sim: Simulator) -> Api:
    """A client with the account key, on behalf of the world's first user."""
    return Api(sim, token(sim.world.account_key), sim.world.from_email)
