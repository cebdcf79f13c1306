from collections.abc import AsyncIterator, Iterator

import pytest

from resolute_slack import Slack
from resolute_slack.simulator import Simulator
from resolute_slack.testing import simulated_config
from tests.providers.slack.harness import Bench


@pytest.fixture(scope="session")
def served() -> Iterator[Simulator]:
    """One simulator for all tests."""
    with Simulator.serve() as sim:
        yield sim


@pytest.fixture
def sim(served: Simulator) -> Simulator:
    """The simulator as it begins."""
    served.reset()
    return served


@pytest.fixture
async def bench(sim: Simulator) -> AsyncIterator[Bench]:
    """A provider with the token of the simulated workspace."""
    async with Slack(simulated_config(sim)) as provider:
        yield Bench(sim, provider)
