"""Runs nodes as an engine does, against a served simulator."""

from typing import Any

from resolute import testing
from resolute_slack import Slack
from resolute_slack.simulator import Simulator


class Bench(testing.Bench[Slack]):
    """A provider on the bench, with the simulator that it talks to."""

    def __init__(self, sim: Simulator, provider: Slack) -> None:
        super().__init__(provider)
        self.sim = sim

    def sent(self, method: str) -> list[Any]:
        """What was given to a method, in order."""
        return [each.arguments for each in self.sim.requests if each.method == method]
