"""What a worker measures of its nodes, of its switches and of what the watcher finds."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, get_args

from resolute.execution.executor import Observe
from resolute.plan.context import CallContext
from resolute.plan.values import JsonObject
from resolute.running.switches import Switches
from resolute.temporal.workflows.meters import Meters
from resolute_worker.providers import KNOWN
from resolute_worker.watch.findings import Finding, Kind

_EVERY: Final = 5.0


def observer(meters: Meters) -> Observe:
    """Measures each attempt of a node, and counts what completed ones did to somebody's pager."""

    def observe(call: CallContext, arguments: JsonObject, outcome: str, seconds: float) -> None:
        meters.attempted(call.flow, call.step, outcome, seconds, again=call.attempt > 1)
        if outcome != "completed" or call.dry:
            return
        provider = KNOWN.get(call.node.partition(".")[0])
        effect = provider.paging(call.node, arguments) if provider else ""
        if effect:
            meters.count("resolute_pages", flow=call.flow, effect=effect)

    return observe


class Gauges:
    """Measures how things stand, every five seconds.

    Args:
        meters: where it is measured.
        switches: how the switches stand, as far as is known.
        found: what the watcher finds wrong now.
    """

    def __init__(
        self, meters: Meters, switches: Callable[[], Switches | None], found: Callable[[], Sequence[Finding]]
    ) -> None:
        self._meters = meters
        self._switches = switches
        self._found = found

    async def keep(self) -> None:
        """Measures again and again; never ends."""
        while True:
            self.measure()
            await asyncio.sleep(_EVERY)

    def measure(self) -> None:
        """Measures once."""
        switches = self._switches()
        self._meters.set("resolute_brake", 1 if switches is not None and switches.brake is not None else 0)
        paused = 0 if switches is None else len(switches.flows) + (switches.everything is not None)
        self._meters.set("resolute_paused", paused)
        kinds = Counter(finding.kind for finding in self._found())
        for kind in get_args(Kind):
            self._meters.set("resolute_findings", kinds[kind], kind=kind)
