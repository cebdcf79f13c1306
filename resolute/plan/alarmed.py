"""What an alarm gives: how the thing it watches stands, and what this check came to."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

AlarmState: TypeAlias = Literal["ok", "pending", "firing", "clearing"]
"""`pending`: bad, and not for long enough; `clearing`: raised, and not yet well for long enough."""

CheckOutcome: TypeAlias = Literal[
    "paged", "resolved", "held", "pending", "muted", "damped", "lapsed", "unremembered", "broken", "quiet"
]
"""What one check came to, in one word.

- `paged`: the alarm is raised, now or in an earlier run whose page may not have got through.
- `resolved`: it is cleared, now or in an earlier run whose resolve may not have got through.
- `held`: it is cleared, and its incident stays open because a person has taken it over; or a person has skipped a step
  that was to open or to close it.
- `pending`: bad, and not for long enough to be raised.
- `muted`: bad for long enough, and these are quiet hours, or somebody has muted the alarm or its flow.
- `damped`: raised before; nothing further is said until it clears.
- `lapsed`: it was pending, and has neither become bad again nor well within the time for that.
- `unremembered`: bad, and not counted, because the flow remembers as many alarms as it can.
- `broken`: a value of the condition was missing, so the check says nothing.
- `quiet`: all is well.
"""


class Alarmed(BaseModel):
    """What an alarm found in this run.

    `raised` and `cleared` stay true in the runs that follow until one that saw them has ended well. `since` is when
    `state` began; for `clearing` that is the first check that was well again. `bad` and `clear` count the checks in a
    row that were so. `outcome` says in one word what this check came to.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    state: AlarmState
    raised: bool
    cleared: bool
    since: datetime
    bad: int
    clear: int
    outcome: CheckOutcome
