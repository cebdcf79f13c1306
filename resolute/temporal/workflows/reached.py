"""What one worker has seen reach its bound: it is noted where something is refused, and taken by who watches."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from resolute.plan.values import JsonObject

BoundKind: TypeAlias = Literal["used_up", "full"]

_MOST: Final = 5_000
"""Refusals that wait to be taken. Of more, the oldest are let go of: each bound is refused for again."""


@dataclass(frozen=True, kw_only=True)
class Bound:
    """A bound for which something was refused.

    `about` is what it is known by, `said` a sentence for people. `until` is when there is room again, in seconds since
    1970, where that is known.
    """

    about: str
    kind: BoundKind
    said: str
    flow: str = ""
    until: float | None = None


class Reached:
    """Refusals, by any thread, until they are taken."""

    def __init__(self) -> None:
        self._noted: deque[Bound] = deque(maxlen=_MOST)

    def note(self, bound: Bound) -> None:
        """Notes that something was refused."""
        self._noted.append(bound)

    def take(self) -> list[JsonObject]:
        """What was noted since it was taken last: each bound once, with how often it was."""
        found: dict[tuple[str, str], tuple[int, Bound]] = {}
        for _ in range(len(self._noted)):
            bound = self._noted.popleft()
            count, before = found.get((bound.kind, bound.about), (0, bound))
            until = max(bound.until or 0.0, before.until or 0.0) or None
            kept = Bound(about=bound.about, kind=bound.kind, said=bound.said, flow=bound.flow, until=until)
            found[bound.kind, bound.about] = (count + 1, kept)
        return [
            {
                "about": bound.about,
                "kind": bound.kind,
                "said": bound.said,
                "flow": bound.flow,
                "until": bound.until,
                "count": count,
            }
            for count, bound in found.values()
        ]
