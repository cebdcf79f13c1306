"""How often, how long and where a node is tried. Temporal's RetryPolicy and activity timeouts as data."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Lane: TypeAlias = Literal["activity", "local"]
"""`activity` is a task on the queue; `local` runs inside the workflow task, without round trips to the server.

The local lane is for quick nodes (about a second) that are safe to repeat; where something else of the run is in
flight, or the node has a queue with a rate limit, the interpreter uses the activity lane all the same.
"""

Effect: TypeAlias = Literal["pure", "read", "write"]
"""What a node does to the world: nothing, as it only computes; it reads; or it may change something.

A node that says nothing is taken for one that writes, which is the safe assumption.
"""

ParentClose: TypeAlias = Literal["cancel", "abandon", "terminate"]
"""What becomes of a run that a step has started when the run of that step ends first, or is cancelled.

`cancel` cancels it, and waits until it has undone its work; `abandon` lets it go on; `terminate` cuts it off.
"""

LONGEST: Final = 100 * 365 * 24 * 3600
"""The longest possible time, in seconds: 100 years."""

Seconds = Annotated[float, Field(ge=0.001, le=LONGEST)]

SIGN_OF_LIFE: Final = 15.0
"""Seconds without a heartbeat after which a worker counts as lost, and its nodes in the activity lane are retried.

Workers send these heartbeats automatically, for nodes whose policy has no `heartbeat`.
"""

QUEUE_PATIENCE: Final = 24 * 3600.0
"""Seconds that a call may wait for a worker on the queue of its provider.

Long, because a call waits there for the provider's rate limit, and through an outage of all workers.
"""


class Retry(BaseModel):
    """When a failed node is retried. The default keeps trying for about five minutes.

    Source: Temporal's RetryPolicy. `attempts` of 0 means no limit.

    >>> Retry(attempts=3).pause(2)
    2.0
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    attempts: Annotated[int, Field(ge=0, le=1_000_000)] = 10
    initial: Seconds = 1.0
    maximum: Seconds = 60.0
    coefficient: Annotated[float, Field(ge=1, le=1000)] = 2.0

    def pause(self, attempt: int) -> float:
        """Seconds to wait after the attempt with that number (from 1) failed: never less than `initial`."""
        longest = max(self.maximum, self.initial)
        try:
            return min(self.initial * self.coefficient ** (attempt - 1), longest)
        except OverflowError:
            return longest


class Policy(BaseModel):
    """Retry and timeouts of one step, in seconds.

    `timeout` limits one attempt (Temporal: start-to-close), `within` all attempts together (schedule-to-close),
    `heartbeat` the time between two heartbeats of a long node; without it, the worker sends them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    retry: Retry = Retry.model_construct()
    timeout: Seconds = 60.0
    within: Seconds | None = None
    heartbeat: Seconds | None = None
