"""Refuses requests before they reach an application, so that a flood takes little from the requests that are served.

A connection's data is looked at once, without a parser's state. If there are more refusals than a worker can handle
easily, they wait their turn: that slows down clients that ignore `Retry-After`, but not the requests that are served.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

PER_SECOND: Final = 2000.0
"""The most requests refused per second: under a tenth of what a core can do."""

ROUND_SECONDS: Final = 0.01
"""How often waiting refusals are looked at."""

SAVED_SECONDS: Final = 0.05
"""For how long unused refusals accumulate."""

LONGEST_HEAD: Final = 16 * 1024
LONGEST_BODY: Final = 8 * 1024 * 1024
"""Bytes of a refused body that are read and discarded, so that the sender sees the answer instead of a reset."""

_POST: Final = re.compile(
    rb"POST (?P<path>/[!\"$&->@-~]*)(?:\?[!-~]*)? HTTP/1\.1\r\n"
    rb"(?P<fields>(?:[!#-'*+.0-9A-Z^_`a-z|~-]+:[\t -~\x80-\xff]*\r\n)+)\r\n"
)
_LENGTH: Final = re.compile(rb"^content-length:[\t ]*(\d{1,10})[\t ]*\r$", re.IGNORECASE | re.MULTILINE)
_UNUSUAL: Final = re.compile(
    rb"^(?:upgrade|expect|transfer-encoding:|connection:(?![\t ]*keep-alive[\t ]*\r))", re.IGNORECASE | re.MULTILINE
)

Refusal: TypeAlias = Callable[[str], bytes | None]
"""The answer to a POST to a path, head and body, if it must be refused now."""


def no_refusal(path: str) -> None:
    """Refuses nothing."""
    return


@dataclass(frozen=True)
class Post:
    """A request that can be answered without an application: its path, and how many bytes are still to come."""

    path: str
    rest: int


def post_in(data: bytes) -> Post | None:
    """The request in the data, if it is a simple POST.

    The head is complete, the body may still be arriving. Anything else (chunks, upgrades, several requests, malformed
    data) is left to the application's own parser.
    """
    head = _POST.match(data, 0, LONGEST_HEAD)
    if head is None or _UNUSUAL.search(head["fields"]):
        return None
    lengths = _LENGTH.findall(head["fields"])
    if len(lengths) != 1 or head["fields"].lower().count(b"content-length") != 1:
        return None
    rest = head.end() + int(lengths[0]) - len(data)
    return Post(head["path"].decode("ascii"), rest) if 0 <= rest <= LONGEST_BODY else None


class Refusable(Protocol):
    """A connection that waits to be refused."""

    def refuse(self) -> None:
        """Sends the answer, now."""
        ...


class Pace:
    """When each refusal of a server goes out: immediately, unless there are more than `PER_SECOND`.

    Needs a running loop.
    """

    def __init__(self, per_second: float = PER_SECOND) -> None:
        self._per_second = per_second
        self._most = self._free = per_second * SAVED_SECONDS
        self._counted = 0.0
        self._waiting: deque[Refusable] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def is_open(self) -> bool:
        """Counts a refusal that goes out immediately; False if it has to wait."""
        if not self._waiting:
            self._count()
        if self._waiting or self._free < 1:
            return False
        self._free -= 1
        return True

    def add(self, connection: Refusable) -> None:
        """Makes a connection wait for its turn."""
        if not self._waiting:
            self._plan()
        self._waiting.append(connection)

    def _count(self) -> None:
        now = asyncio.get_running_loop().time()
        self._free = min(self._most, self._free + (now - self._counted) * self._per_second)
        self._counted = now

    def _plan(self) -> None:
        asyncio.get_running_loop().call_later(ROUND_SECONDS, self._answer)

    def _answer(self) -> None:
        self._count()
        while self._waiting and self._free >= 1:
            self._free -= 1
            self._waiting.popleft().refuse()
        if self._waiting:
            self._plan()
