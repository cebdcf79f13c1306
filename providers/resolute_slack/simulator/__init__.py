"""A stateful Slack on loopback, to try flows and clients on without telling anyone."""

from resolute.testing.simulating import Fault, Faults
from resolute_slack.simulator.simulator import Simulator
from resolute_slack.simulator.state import Asked, Posted, User
from resolute_slack.simulator.world import WORLD, World

__all__ = ["WORLD", "Asked", "Fault", "Faults", "Posted", "Simulator", "User", "World"]
