"""Pages that were made a moment ago, for others who ask for the same: fifty who watch are shown one page."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable, Hashable
from time import monotonic
from typing import Final

MOST: Final = 64
"""Pages that are kept."""

SECONDS: Final = 5.0
"""How long a page is kept: what it says of how long something has taken grows old."""


class Shelf:
    """Keeps pages by what decides what stands in them. In each stands a sign where the reader's own form token goes."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.sign = secrets.token_hex(24)
        self._clock = clock
        self._kept: OrderedDict[Hashable, tuple[float, str]] = OrderedDict()

    def page(self, key: Hashable | None, make: Callable[[], str], token: str) -> str:
        """The page of a key, with a form token; it is made where none is kept, and always without a key."""
        now = self._clock()
        kept = self._kept.get(key) if key is not None else None
        text = kept[1] if kept is not None and now - kept[0] < SECONDS else None
        if text is None:
            text = make()
            if key is not None:
                self._kept[key] = now, text
                self._kept.move_to_end(key)
                while len(self._kept) > MOST:
                    self._kept.popitem(last=False)
        return text.replace(self.sign, token)
