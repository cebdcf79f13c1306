"""Counts of a ledger: what an on-call team looks at once a week."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from resolute.running.ledger import LATE, Check

SHORT: Final = timedelta(minutes=5)
"""A page that is over so soon woke somebody for nothing."""


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What the checks of a flow came to in a time.

    `short_pages` were resolved within five minutes. `longest_silence` is the longest time without a check, from its
    beginning to its end; `most_in_a_shift` are the pages of the worst shift.
    """

    flow: str
    checks: int
    pages: int
    resolved: int
    pages_per_shift: float
    most_in_a_shift: int
    short_pages: int
    broken: int
    late: int
    skipped: int
    longest_silence: timedelta


def tally(flow: str, checks: Sequence[Check], *, since: datetime, until: datetime, shift: timedelta) -> Tally:
    """Counts checks; `since` and `until` bound them, and shifts begin at `since`.

    A run that paged and one that resolved belong together if nothing paged between them.
    """
    ordered = sorted(checks, key=lambda check: check.at)
    counts = Counter(check.outcome for check in ordered)
    pages = [check.at for check in ordered if check.outcome == "paged"]
    shifts = Counter((at - since) // shift for at in pages)
    told = [check for check in ordered if check.outcome in ("paged", "resolved")]
    ended = [(page, end) for page, end in pairwise(told) if (page.outcome, end.outcome) == ("paged", "resolved")]
    runs = [since, *(check.at for check in ordered if check.outcome != "skipped"), until]
    return Tally(
        flow=flow,
        checks=len(ordered),
        pages=len(pages),
        resolved=counts["resolved"],
        pages_per_shift=len(pages) / max(1.0, (until - since) / shift),
        most_in_a_shift=max(shifts.values(), default=0),
        short_pages=sum(end.at - page.at <= SHORT for page, end in ended),
        broken=counts["broken"],
        late=sum(check.delay > LATE.total_seconds() for check in ordered),
        skipped=counts["skipped"],
        longest_silence=max((later - earlier for earlier, later in pairwise(runs)), default=timedelta(0)),
    )
