"""Pytest fixtures for authors: a simulated Slack, and a provider that talks to it.

In a `conftest.py`: `from resolute_slack.testing import slack, slack_simulator`. Then

    async def test_it_tells(flow_tester, slack, slack_simulator):
        async with slack:
            await flow_tester(my_flow, providers=[slack]).run()
        assert ["disk full"] == [message.text for message in slack_simulator.messages("#ops")]
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from resolute_slack.config import SlackConfig
from resolute_slack.provider import Slack
from resolute_slack.simulator import Simulator


@pytest.fixture
def slack_simulator() -> Iterator[Simulator]:
    """A Slack on loopback with its people and channels, fresh for each test."""
    with Simulator.serve() as simulator:
        yield simulator


@pytest.fixture
def slack(slack_simulator: Simulator) -> Slack:
    """A provider with the token and signing secret of the simulated workspace; enter it to use it."""
    return Slack(simulated_config(slack_simulator))


def simulated_config(simulator: Simulator) -> SlackConfig:
    """The settings that lead to a simulator instead of to Slack. Nothing is waited for that it cannot do late."""
    return SlackConfig(
        bot_token=SecretStr(simulator.world.bot_token),
        signing_secret=SecretStr(simulator.world.signing_secret),
        settle_seconds=0,
        api_url=simulator.api_url,
    )
