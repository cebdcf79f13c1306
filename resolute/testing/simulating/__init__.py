"""What simulated services are made of: an application with faults on request, served on loopback.

A provider's simulator is a product for its users: a stateful service that the service's own client takes for the real
one. It answers requests in its `SimulatedApp`; bytes, faults, broken connections and the server come from here.
"""

from resolute.testing.simulating.app import BrokenConnectionError, Reply, Request, Scope, SimulatedApp
from resolute.testing.simulating.faults import Fault, Faults
from resolute.testing.simulating.serving import Served, Serving, serve_until_stopped

__all__ = [
    "BrokenConnectionError",
    "Fault",
    "Faults",
    "Reply",
    "Request",
    "Scope",
    "Served",
    "Serving",
    "SimulatedApp",
    "serve_until_stopped",
]
