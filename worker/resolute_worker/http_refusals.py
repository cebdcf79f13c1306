"""Refuses requests before an application is entered, so that a flood takes little from the requests that are served.

What a connection asks is looked at once, without the state of a parser. Where more is refused than a worker can refuse
lightly, refusals wait their turn: a client that comes again at once, against what it is asked, is slowed down, and not
those who are served.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

PER_SECOND: Final = 2000.0
"""How many requests are refused in a second, at most: under a tenth of what a core does."""

ROUND_SECONDS: Final = 0.01
"""How often those that wait for their refusal are looked at."""

SAVED_SECONDS: Final = 0.05
"""For how long unused refusals are saved up."""

LONGEST_HEAD: Final = 16 * 1024
LONGEST_BODY: Final = 8 * 1024 * 1024
"""Bytes of a refused body that are read and thrown away, so that the sender gets to the answer instead of a reset."""

_POST: Final = re.compile(
    rb"POST (?P<path>/[!\"$&->@-~]*)(?:\?[!-~]*)? HTTP/1\.1\r\n"
    rb"(?P<fields>(?:[!#-'*+.0-9A-Z^_`a-z|~-]+:[\t -~\x80-\xff]*\r\n)+)\r\n"
)
_LENGTH: Final = re.compile(rb"^content-length:[\t ]*(\d{1,10})[\t ]*\r$", re.IGNORECASE | re.MULTILINE)
_UNUSUAL: Final = re.compile(
    rb"^(?:upgrade|expect|transfer-encoding:|connection:(?![\t ]*keep-alive[\t ]*\r))", re.IGNORECASE | re.MULTILINE
)

Refusal: TypeAlias = Callable[[str], bytes | None]
"""What a POST to a path is answered with, head and body, if it is to be refused now."""


def no_refusal(path: str) -> None:
    """Refuses nothing."""
    return


@dataclass(frozen=True)
class Post:
    """A request that can be answered without an application: what it posts to, and the bytes of it still to come."""

    path: str
    rest: int


def post_in(data: bytes) -> Post | None:
    """The request that data consists of, if it is a POST of the plainest kind.

    The head is whole, the body may be on its way. Anything else (chunks, upgrades, more than one request, whatever is
    not well-formed) is left to the application's own parser.
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
    """When each refusal of a server goes out: at once, as long as there are not more of them than `PER_SECOND`.

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
        """Counts a refusal that goes out at once; False where it has to wait."""
        if not self._waiting:
            self._count()
        if self._waiting or self._free < 1:
            return False
        self._free -= 1
        return True

    def add(self, connection: Refusable) -> None:
        """Lets a connection wait for its turn."""
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
