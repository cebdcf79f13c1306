"""A stateful PagerDuty on loopback, to try flows and clients on without paging anyone."""

from resolute.testing.simulating import Fault, Faults

from .clock import Clock
from .delivery import Attempt, Delivery, Pace, signature
from .engine import Recorded
from .limits import Limits
from .run import Options, run
from .simulator import Simulator
from .state import Behaviour
from .world import WORLD, World

__all__ = [
    "WORLD",
    "Attempt",
    "Behaviour",
    "Clock",
    "Delivery",
    "Fault",
    "Faults",
    "Limits",
    "Options",
    "Pace",
    "Recorded",
    "Simulator",
    "World",
    "run",
    "signature",
]
