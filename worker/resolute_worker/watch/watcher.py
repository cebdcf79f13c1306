"""Looks at schedules, and at what has reached its bound, again and again; says what is wrong, and what is over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from temporalio.api.enums.v1 import PendingWorkflowTaskState
from temporalio.client import Client
from temporalio.service import RPCError

from resolute.plan.errors import FlowError, UnknownFlowError
from resolute.running.report import RunStatus
from resolute.temporal.history.runs import status_of
from resolute.temporal.schedules.control import DeployedSchedule, describe_schedule, list_schedules
from resolute.temporal.wire.finding import quoted
from resolute_worker.settings import Settings
from resolute_worker.watch.beats import BeatsWatch
from resolute_worker.watch.bounds import Bounds
from resolute_worker.watch.findings import FAILURES, Finding, Seen, findings_of

log = logging.getLogger(__name__)

EVERY: Final = timedelta(seconds=20)
MARGIN: Final = timedelta(seconds=30)
"""How late a run may start, and how long it may wait for a worker."""

_PATIENCE: Final = 15.0
_AT_ONCE: Final = 4
_WAITING: Final = PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_SCHEDULED


class Pager(Protocol):
    """Who is told of findings besides the log."""

    async def tell(self, about: str, findings: Sequence[Finding]) -> None:
        """Opens the incident of a flow or a bound, or resolves it where nothing is wrong any more.

        Raises:
            FlowError: it could not; it is asked again.
        """
        ...


class Watcher:
    """Watches the schedules of a namespace and the bounds of a task queue for one worker.

    Several workers see the same and tell the same pager the same, by the same keys.

    Args:
        client: a connection to Temporal.
        own: the names of the flows with a schedule that this worker has deployed, now.
        bounds: the budgets and buffers of the worker's task queue, if they are watched.
        beats: the heartbeats of the namespace, if they are watched.
        pager: whom findings are told, if anybody.
        beat: says outside that this worker sees Temporal, if anybody listens.
        every: the time between two looks.
        margin: how late anything may be.
    """

    def __init__(
        self,
        client: Client,
        own: Callable[[], Iterable[str]],
        bounds: Bounds | None = None,
        beats: BeatsWatch | None = None,
        *,
        pager: Pager | None = None,
        beat: Callable[[], Awaitable[None]] | None = None,
        every: timedelta = EVERY,
        margin: timedelta = MARGIN,
    ) -> None:
        self._client = client
        self._own = own
        self._bounds = bounds
        self._beats = beats
        self._pager = pager
        self._beat = beat
        self._every = every
        self._margin = margin
        self._open: dict[str, Finding] = {}
        self._told: dict[str, bool] = {}
        """Whether the pager was told that something is wrong with a flow or a bound, or that all is well."""
        self._abouts: tuple[str, ...] = ()

    @property
    def open(self) -> tuple[Finding, ...]:
        """What is wrong now."""
        return tuple(self._open.values())

    async def watch(self) -> None:
        """Looks again and again; never ends. While Temporal does not answer nothing is said, also not outside."""
        while True:
            await asyncio.sleep(self._every.total_seconds())
            try:
                async with asyncio.timeout(_PATIENCE):
                    await self.look()
            except (RPCError, TimeoutError) as error:
                log.debug("the schedules could not be looked at: %s", error)
                continue
            await self._tell()
            if self._beat is not None:
                await self._beat()

    async def look(self) -> None:
        """Looks once.

        Raises:
            temporalio.service.RPCError: Temporal refused or did not answer.
        """
        schedules = {schedule.flow: schedule for schedule in await list_schedules(self._client)}
        now = {finding.key: finding for finding in await self._deleted(schedules)}
        places = asyncio.Semaphore(_AT_ONCE)

        async def seen(schedule: DeployedSchedule) -> Seen:
            async with places:
                return await self._seen(schedule)

        for each in await asyncio.gather(*map(seen, schedules.values())):
            now.update({found.key: found for found in findings_of(each, datetime.now(UTC), self._margin)})
        bounds = await self._bounds.look() if self._bounds else []
        now.update({bound.finding.key: bound.finding for bound in bounds if bound.is_reached})
        now.update({found.key: found for found in (await self._beats.look() if self._beats else [])})
        for key in [key for key in self._open if key not in now]:
            finding = self._open.pop(key)
            log.info("over: %s", finding.said, extra=_extra(finding))
        for key, finding in now.items():
            if key not in self._open:
                log.warning("%s", finding.said, extra=_extra(finding))
            self._open[key] = finding
        beaten = self._beats.flows if self._beats else ()
        watched = (*schedules, *self._own(), *beaten, *(bound.finding.about for bound in bounds))
        self._told = {about: told for about, told in self._told.items() if told or about in watched}
        self._abouts = tuple(dict.fromkeys((*watched, *self._told)))

    async def _deleted(self, listed: dict[str, DeployedSchedule]) -> list[Finding]:
        """Schedules of this worker that are gone. Temporal's list lags behind, so each is asked for by itself."""
        found: list[Finding] = []
        for flow in self._own():
            if flow in listed:
                continue
            try:
                listed[flow] = await describe_schedule(self._client, flow)
            except UnknownFlowError:
                said = f"the schedule of {flow} is gone from Temporal: resolute deploy creates it again"
                found.append(Finding(flow, "deleted", said, flow))
        return found

    async def _seen(self, schedule: DeployedSchedule) -> Seen:
        since = datetime.now(UTC) - self._margin
        untaken: list[str] = []
        for run in schedule.running:
            raw = (await self._client.get_workflow_handle(run).describe()).raw_description
            task = raw.pending_workflow_task
            waits = raw.HasField("pending_workflow_task") and task.state == _WAITING
            if waits and task.original_scheduled_time.ToDatetime(tzinfo=UTC) < since:
                untaken.append(run)
        query = f"WorkflowType = {quoted(schedule.flow)} AND ExecutionStatus != 'Running'"
        latest = [run async for run in self._client.list_workflows(query, limit=FAILURES)]
        ended: list[RunStatus] = [await status_of(run) for run in latest]
        return Seen(schedule=schedule, untaken=untaken, ended=ended)

    async def _tell(self) -> None:
        """Tells the pager of each flow or bound with which something begins to be wrong, or is wrong no longer.

        A worker that has just started does not know what was told before, so it also tells what is well. What could not
        be told now is told at the next look.
        """
        if self._pager is None:
            return
        for about in self._abouts:
            findings = [finding for finding in self._open.values() if finding.about == about]
            if self._told.get(about) == bool(findings):
                continue
            try:
                await self._pager.tell(about, findings)
            except FlowError as error:
                log.warning("the watcher's page was not taken, and is tried again: %s", error)
                return
            self._told[about] = bool(findings)


def _extra(finding: Finding) -> dict[str, str]:
    return {"flow": finding.flow} if finding.flow else {}


@asynccontextmanager
async def watcher_of(
    client: Client, own: Callable[[], Iterable[str]], bounds: Bounds, beats: BeatsWatch, settings: Settings
) -> AsyncGenerator[Watcher]:
    """A watcher as the settings have it, for the length of an `async with`."""
    # Only who pages or beats loads PagerDuty and httpx, which take a tenth of an idle worker's memory.
    async with AsyncExitStack() as stack:
        pager = beat = None
        if settings.watch_routing_key is not None:
            from resolute_pagerduty import PagerDuty, PagerDutyConfig
            from resolute_worker.watch.telling import PagerDutyPager

            accounts = await stack.enter_async_context(PagerDuty(PagerDutyConfig.from_env()))
            pager = PagerDutyPager(accounts, settings.watch_routing_key, client.namespace)
        if settings.heartbeat_url is not None:
            from resolute_worker.watch.telling import Heartbeat

            beat = Heartbeat(settings.heartbeat_url)
        yield Watcher(client, own, bounds, beats, pager=pager, beat=beat)
