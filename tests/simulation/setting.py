"""What all worlds of one process share, because it keeps nothing of any of them: the provider, with its simulator."""

from typing import Final

from tests.simulation.network import InProcess

PAGERDUTY: Final = InProcess()
