"""Pages that were made a moment ago, for others who ask for the same: fifty who watch are shown one page."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from time import monotonic
from typing import Final

MOST: Final = 64
"""Pages that are kept."""

SECONDS: Final = 5.0
"""How long a page is kept: what it says of how long something has taken grows old."""


@dataclass(frozen=True)
class Reader:
    """What a page says to one reader alone: what their forms send, and their name, as they stand in HTML."""

    form: str
    name: str


class Shelf:
    """Keeps pages by what decides what stands in them. In each stand signs where what is its reader's alone goes."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.signs = Reader(secrets.token_hex(24), secrets.token_hex(24))
        self._encoded = self.signs.form.encode(), self.signs.name.encode()
        self._clock = clock
        self._kept: OrderedDict[Hashable, tuple[float, bytes]] = OrderedDict()

    def page(self, key: Hashable | None, make: Callable[[], str]) -> bytes:
        """The page of a key, with signs; it is made where none is kept, and always without a key."""
        now = self._clock()
        kept = self._kept.get(key) if key is not None else None
        if kept is not None and now - kept[0] < SECONDS:
            return kept[1]
        made = make().encode()
        if key is not None:
            self._kept[key] = now, made
            self._kept.move_to_end(key)
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)
        return made

    def for_reader(self, made: bytes, reader: Reader) -> bytes:
        """What was made, with what is its reader's alone in place of the signs."""
        form, name = self._encoded
        return made.replace(form, reader.form.encode()).replace(name, reader.name.encode())
