"""How often somebody may try to log in."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final

MOST: Final = 10
"""Failed logins of one address in a minute."""

_PERIOD: Final = 60.0
_ADDRESSES: Final = 1_000


class Tries:
    """Failed logins of the last minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed: dict[str, deque[float]] = {}

    def wait(self, address: str) -> int:
        """Seconds until an address may try again; 0 where it may now."""
        now = self._clock()
        for known in [name for name, times in self._failed.items() if now - times[-1] >= _PERIOD]:
            del self._failed[known]
        recent = [at for at in self._failed.get(address, ()) if now - at < _PERIOD]
        if len(recent) >= MOST:
            return max(1, round(_PERIOD - (now - recent[0])))
        return 0

    def failed(self, address: str) -> None:
        """Counts a failed login."""
        if address not in self._failed and len(self._failed) >= _ADDRESSES:
            del self._failed[next(iter(self._failed))]
        self._failed.setdefault(address, deque(maxlen=MOST)).append(self._clock())
