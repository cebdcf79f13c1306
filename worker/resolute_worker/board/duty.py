"""What PagerDuty says now: who is on call, and which incidents are open; asked once for all who look."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Final, TypeVar, cast

from pydantic import TypeAdapter

from resolute.execution.executor import NodeExecutor
from resolute.execution.secrets import Environment
from resolute.plan.errors import ResoluteError
from resolute.plan.expressions import encode
from resolute.writing.node import Node
from resolute_worker.calling import Caller

if TYPE_CHECKING:
    from resolute.plan.values import JsonObject
    from resolute_pagerduty import PagerDuty
    from resolute_pagerduty.models.incidents import Incident
    from resolute_pagerduty.models.oncall import OnCall

R = TypeVar("R")

FRESH: Final = 15.0
"""Seconds for which an answer is shown before PagerDuty is asked again."""

_PATIENCE: Final = 8.0
_OPEN: Final = ("triggered", "acknowledged")
MOST: Final = 100


@dataclass(frozen=True, kw_only=True)
class Duty:
    """What PagerDuty has said, and when. `problem` says why it has not."""

    at: datetime
    oncalls: Sequence[OnCall] = ()
    incidents: Sequence[Incident] = ()
    more: bool = False
    problem: str = ""


class Pager:
    """Asks PagerDuty, by default the one that the environment describes, with its grants and its audit log."""

    def __init__(self, environment: Environment, make: Callable[[], PagerDuty] | None = None) -> None:
        self._environment = environment
        self._make = make
        self._asked: asyncio.Task[Duty] | None = None
        self._at = 0.0

    async def duty(self) -> Duty:
        """What PagerDuty says, at most `FRESH` seconds old."""
        if self._asked is None or (self._asked.done() and monotonic() - self._at > FRESH):
            self._at = monotonic()
            self._asked = asyncio.create_task(self._ask(), name="board pagerduty")
        return await asyncio.shield(self._asked)

    def forget(self) -> None:
        """Has the next look ask anew."""
        self._asked = None

    async def _ask(self) -> Duty:
        now = datetime.now(UTC)
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self._found(now)
        except TimeoutError:
            return Duty(at=now, problem=f"PagerDuty has not answered within {_PATIENCE:g} s")
        except ResoluteError as error:
            return Duty(at=now, problem=self._environment.mask(str(error)))

    async def _found(self, now: datetime) -> Duty:
        import resolute_pagerduty as pagerduty

        async with self._make() if self._make else pagerduty.PagerDuty.from_env() as provider:
            caller = Caller(NodeExecutor([], [provider], self._environment), "board")
            oncalls = await _called(caller, pagerduty.get_on_calls(include=["users"], earliest=True))
            found = await _called(caller, pagerduty.list_incidents(statuses=list(_OPEN), date_range="all", limit=MOST))
        ordered = sorted(oncalls.oncalls, key=lambda each: (each.escalation_policy.summary, each.escalation_level))
        newest = sorted(found.incidents, key=lambda each: each.created_at or now, reverse=True)
        return Duty(at=now, oncalls=ordered, incidents=newest, more=found.more)


async def _called(caller: Caller, node: Node[R]) -> R:
    """What a node gives.

    Raises:
        NodeError: PagerDuty refused, or cannot be reached.
    """
    output = await caller.call(
        node.definition.name,
        cast("JsonObject", encode(dict(node.arguments))),
        run_id="board",
        step=node.name or node.default_name,
    )
    adapter: TypeAdapter[R] = TypeAdapter(node.definition.result_type)
    return adapter.validate_python(output, by_name=True)
