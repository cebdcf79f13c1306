"""How a worker serves the board."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from resolute_pagerduty import PagerDuty
    from resolute_pagerduty.simulator import Simulator

BOARD: Final = "/board/"
"""Where the board is, on the HTTP server that serves it."""


@dataclass(frozen=True, kw_only=True)
class Boarding:
    """How the board is served.

    Attributes:
        is_open: whether who sits at this machine needs no login.
        simulator: the simulated PagerDuty, if there is one.
        pagerduty: makes the PagerDuty that it shows; without it, that of the environment.
    """

    is_open: bool = False
    simulator: Simulator | None = None
    pagerduty: Callable[[], PagerDuty] | None = None
