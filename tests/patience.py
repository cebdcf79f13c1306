"""How long a test waits for what has to come: only what hangs takes longer, however busy the machine is."""

from typing import Final

PATIENCE: Final = 120.0
"""Seconds of real time."""
