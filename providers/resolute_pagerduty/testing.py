"""Pytest fixtures for authors: a simulated PagerDuty, and a provider that talks to it.

In a `conftest.py`: `from resolute_pagerduty.testing import pagerduty, pagerduty_simulator`. Then

    async def test_it_pages(flow_tester, pagerduty, pagerduty_simulator):
        async with pagerduty:
            await flow_tester(my_flow, providers=[pagerduty]).run()
        assert [incident.title for incident in pagerduty_simulator.incidents()] == ["disk full"]
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from resolute_pagerduty.account.config import PagerDutyConfig
from resolute_pagerduty.provider import PagerDuty
from resolute_pagerduty.simulator import Limits, Simulator


@pytest.fixture
def pagerduty_simulator() -> Iterator[Simulator]:
    """A PagerDuty on loopback with its seeded account, fresh for each test and without rate limits."""
    with Simulator.serve(limits=Limits.none()) as simulator:
        yield simulator


@pytest.fixture
def pagerduty(pagerduty_simulator: Simulator) -> PagerDuty:
    """A provider with the account key, routing key and From address of the simulated account; enter it to use it."""
    return PagerDuty(simulated_config(pagerduty_simulator))


def simulated_config(simulator: Simulator) -> PagerDutyConfig:
    """The settings that lead to a simulator instead of to PagerDuty."""
    world = simulator.world
    return PagerDutyConfig(
        api_key=SecretStr(world.account_key),
        routing_key=SecretStr(world.routing_key),
        from_email=world.from_email,
        api_url=simulator.url,
        events_url=simulator.events_url,
        identity_url=simulator.url,
    )
