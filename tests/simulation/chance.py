"""What goes wrong in one simulated world: drawn from its seed, and counted."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from typing import Final

DEATHS: Final = (
    "death before a call",
    "death on the way",
    "death in a request",
    "death after a call",
    "death after a record",
    "death in a workflow task",
)
"""When the worker may die: at each boundary of each call."""

ERRORS: Final = (
    "error before a call",
    "permanent error",
    "answer lost",
    "question lost",
    "answer to a question lost",
)
"""What may happen to the calls of nodes, and to questions to what runs share."""

REQUESTS: Final = (
    "request refused",
    "request throttled",
    "request never arrives",
    "answer to a request lost",
    "gateway hangs up",
    "request arrives late",
)
"""What may happen to a request to the provider, before and after it was carried out."""

OTHERS: Final = (
    "heartbeat lost",
    "run replayed",
    "task in the middle",
    "run continued",
    "message twice",
    "run cancelled",
    "run cancelled in a trip",
    "start twice",
)

EVERY: Final = (*DEATHS, *ERRORS, *REQUESTS, *OTHERS)

_WEATHERS: Final[tuple[Mapping[str, float], ...]] = (
    {},
    dict.fromkeys(DEATHS, 0.15),
    dict.fromkeys(ERRORS, 0.15),
    dict.fromkeys(REQUESTS, 0.2),
    dict.fromkeys((*DEATHS, *REQUESTS), 0.12),
    dict.fromkeys(("death on the way", "request arrives late", "death after a call", "heartbeat lost"), 0.4),
    dict.fromkeys(EVERY, 0.08),
)
_ALWAYS: Final = {
    "heartbeat lost": 0.3,
    "run replayed": 0.15,
    "task in the middle": 0.5,
    "run cancelled": 0.12,
    "run cancelled in a trip": 0.03,
    "message twice": 0.2,
    "start twice": 0.2,
}
"""What is as likely in every weather."""

_MOST: Final = 8
"""Faults in one world: with more of them no run would get anywhere."""


class Chance:
    """All that is drawn in one world. `faults` counts what went wrong, by its sort."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.draw = random.Random(seed)
        self.faults: Counter[str] = Counter()
        rates = dict(self.draw.choice(_WEATHERS))
        for sort, rate in _ALWAYS.items():
            rates.setdefault(sort, rate)
        if self.draw.random() < 0.6:
            rates.pop("permanent error", None)
        self._rates = rates
        self._left = self.draw.randint(1, _MOST)
        self.full = self.draw.choice((0, 0, 0, 0, 0, 1, 2, 4))
        """After how many tasks a history is full; 0 is never."""

    def happens(self, sort: str) -> bool:
        """Whether something goes wrong now."""
        rate = self._rates.get(sort)
        if rate is None or self._left <= 0 or self.draw.random() >= rate:
            return False
        self._left -= 1
        self.faults[sort] += 1
        return True

    def apart(self, name: str) -> random.Random:
        """A stream of its own: who draws from it changes nothing of what is drawn elsewhere."""
        return random.Random(f"{self.seed}/{name}")

    @property
    def may_go_wrong(self) -> bool:
        """Whether anything may go wrong any more."""
        return self._left > 0

    def calm(self) -> None:
        """Nothing more goes wrong."""
        self._left = 0

    def lag(self, longest: float = 1.0) -> float:
        """How long something takes, in seconds: mostly little."""
        return self.draw.random() ** 3 * longest
