"""What is wrong with heartbeats: one that is gone, one whose run has not started, and one whose run has failed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from resolute.temporal.activities.beat_activities import overdue_run
from resolute.temporal.client.beating import KeptHeartbeat, find_heartbeat, list_heartbeats
from resolute.temporal.history.runs import status_of
from resolute_worker.watch.findings import Finding


class BeatsWatch:
    """Looks at the heartbeats of a namespace for one worker.

    Args:
        client: a connection to Temporal.
        own: the flows and paths of the heartbeats that this worker has deployed, now.
        margin: how late a run may start.
    """

    def __init__(self, client: Client, own: Callable[[], Iterable[tuple[str, str]]], margin: timedelta) -> None:
        self._client = client
        self._own = own
        self._margin = margin
        self._waited: set[tuple[str, str]] = set()
        self.flows: tuple[str, ...] = ()

    async def look(self) -> list[Finding]:
        """Looks once; `flows` are then those that have a heartbeat.

        Raises:
            temporalio.service.RPCError: Temporal refused or did not answer.
        """
        listed = {(each.flow, each.path): each for each in await list_heartbeats(self._client)}
        found: list[Finding] = []
        for flow, path in self._own():
            # Temporal's list lags behind, so each of this worker is asked for by itself.
            if (flow, path) in listed:
                continue
            kept = await find_heartbeat(self._client, flow, path)
            if kept is None:
                said = f"the heartbeat {path} of {flow} is gone from Temporal: a worker that starts deploys it again"
                found.append(Finding(flow, "deleted", said, flow))
            else:
                listed[flow, path] = kept
        waited = {place for place, kept in listed.items() if kept.waiting}
        for place, kept in listed.items():
            # A start takes a moment: one that has waited since the look before waits for something.
            found += await self._findings(kept, waits=place in waited and place in self._waited)
        self._waited = waited
        self.flows = tuple(dict.fromkeys([flow for flow, _ in (*listed, *self._own())]))
        return found

    async def _findings(self, kept: KeptHeartbeat, *, waits: bool) -> list[Finding]:
        flow, missed = kept.flow, kept.missed_at
        late = kept.state != "missing" and missed is not None and missed + self._margin < datetime.now(UTC)
        if waits or late:
            said = f"a beat of {kept.path} is missing, and no run of {flow} has started for it"
            return [Finding(flow, "missed", said, flow)]
        try:
            run = await self._client.get_workflow_handle(overdue_run(flow, kept.path)).describe()
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                return []
            raise
        if await status_of(run) not in ("failed", "timed_out"):
            return []
        said = f"the run of {flow} has failed that its heartbeat {kept.path} started; it is started again"
        return [Finding(flow, "failing", said, flow)]
