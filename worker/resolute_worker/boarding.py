"""How a worker serves the board."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from resolute_pagerduty.simulator import Simulator

BOARD: Final = "/board/"
"""Where the board is, on the HTTP server that serves it."""


@dataclass(frozen=True, kw_only=True)
class Boarding:
    """How the board is served: `is_open` to who sits at this machine, and with the simulated PagerDuty, if any."""

    is_open: bool = False
    simulator: Simulator | None = None
