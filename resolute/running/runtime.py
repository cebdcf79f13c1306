"""The seam between the interpreter and whatever runs it: Temporal, or memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from resolute.plan.errors import NodeFailedError
from resolute.plan.policies import Lane, Policy
from resolute.plan.values import Json, JsonObject


@dataclass(frozen=True, kw_only=True)
class CallRequest:
    """One call of a node, with its arguments as far as the workflow knows them (see `evaluate.prepare`)."""

    step: str
    node: str
    arguments: JsonObject
    policy: Policy
    lane: Lane
    queue: str | None = None


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What one of several calls came to: an output or a failure, unless it was given up."""

    output: Json = None
    failure: NodeFailedError | None = None
    given_up: bool = False


class Runtime(Protocol):
    """What the interpreter needs of the world."""

    def now(self) -> datetime:
        """The run's own clock."""
        ...

    def is_full(self, ended: int) -> bool:
        """Whether the history of the run is so long that the run is to be continued in another one.

        `ended` counts the steps that have ended in this history.
        """
        ...

    async def sleep(self, step: str, until: datetime | None) -> None:
        """Waits until a time for a step, or, without one, until the wait is cancelled."""
        ...

    async def call(self, request: CallRequest) -> Json:
        """Runs a node by its policy and gives its output.

        Raises:
            NodeFailedError: the node failed for good.
            asyncio.CancelledError: the call was given up.
        """
        ...

    def stand(self, standing: JsonObject) -> None:
        """Tells people how the run stands (see `Standing`), so that they find it among many."""
        ...

    async def call_together(self, requests: Sequence[CallRequest], *, at_once: int, stops: bool) -> list[Answered]:
        """Runs nodes of the local lane by their policies, so many at once, where nothing else of the run is at work.

        With `stops` a failure gives up the calls beside it.
        """
        ...

    def cancel(self, part: str = "") -> None:
        """Gives up the calls at work whose steps begin so: each still ends, with its output where it completed.

        Calls that are made later are not touched by it: they undo what the run has done.
        """
        ...
