"""A worker's schedules in Temporal: deployed when it starts, and restored if they go missing while it runs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import platform
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from temporalio.client import Client
from temporalio.service import RPCError

from resolute.plan.errors import ConfigurationError
from resolute.plan.provider import NodeDefinition
from resolute.plan.triggers import Schedule
from resolute.temporal.client.client import is_unreachable, unreachable
from resolute.temporal.schedules.change import Release, ScheduleChange
from resolute.temporal.schedules.schedules import deploy_schedules, find_orphans
from resolute.temporal.schedules.spec import Deployer, ScheduledFlow
from resolute.temporal.trust.seals import PlanKeys
from resolute.temporal.wire.start import start_argument
from resolute.writing.flow import Flow
from resolute_worker.settings import Settings

log = logging.getLogger(__name__)

CHECK_EVERY: Final = timedelta(minutes=5)
_MOST_TOLD: Final = 20


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a worker runs: its flows, and the nodes beyond theirs that runs in flight may still need.

    `place` is the folder of the flows' files; the working folder if there are none.
    """

    flows: Sequence[Flow]
    nodes: Sequence[NodeDefinition] = ()
    released: datetime
    place: Path | None = None


class Schedules:
    """The schedules of a worker's flows."""

    def __init__(self, client: Client, load: Load, settings: Settings, keys: PlanKeys) -> None:
        self._client = client
        self.flows = scheduled_flows(load.flows, keys)
        self.release = release_of_load(load, settings)

    async def deploy(self) -> None:
        """Creates and updates them, removes what the same named set no longer has, and warns about what is left alone.

        Raises:
            ConfigurationError: Temporal is unreachable, or refuses a schedule.
        """
        try:
            changes = await deploy_schedules(self._client, self.flows, self.release)
            orphans = await find_orphans(self._client, self.names(changes), self.release)
        except RPCError as error:
            if is_unreachable(error):
                raise unreachable(self._client.service_client.config.target_host, error) from None
            raise ConfigurationError(f"Temporal refuses the schedules of the flows: {error.message}") from None
        _tell(changes)
        _warn_of(orphans)

    async def put_back(self) -> None:
        """Creates those that are missing; does not give up if Temporal is unreachable for a while."""
        try:
            changes = await deploy_schedules(self._client, self.flows, self.release, only_missing=True)
        except RPCError as error:
            log.warning("cannot check for missing schedules: %s", error.message)
            return
        for change in changes:
            if change.action == "created":
                log.warning("schedule was missing and has been restored", extra={"flow": change.flow})

    def names(self, changes: Sequence[ScheduleChange]) -> list[str]:
        """The flows that have a schedule here, and those whose schedule has just been removed."""
        return [*(flow.name for flow in self.flows), *(change.flow for change in changes)]


def scheduled_flows(flows: Sequence[Flow], keys: PlanKeys) -> list[ScheduledFlow]:
    """The flows that a schedule starts, as they are deployed: with sealed plans, if there are keys."""
    return [
        ScheduledFlow(name=flow.name, schedule=trigger, start_argument=start_argument(flow.plan, keys=keys))
        for flow in flows
        for trigger in flow.plan.triggers
        if isinstance(trigger, Schedule)
    ]


def release_of_load(load: Load, settings: Settings, *, take_over: bool = False) -> Release:
    """Who deploys: this host, from the flows' folder, now."""
    place = str((load.place or Path.cwd()).resolve())
    return Release(
        task_queue=settings.task_queue,
        worker_set=settings.worker_set or "",
        released=load.released,
        by=Deployer(host=platform.node() or "unknown host", place=place, at=datetime.now(UTC).replace(microsecond=0)),
        take_over=take_over,
    )


def place_of(files: Sequence[Path]) -> Path | None:
    """The common folder of files; None if there are no files."""
    if not files:
        return None
    return Path(os.path.commonpath([file.resolve().parent for file in files]))


@contextlib.asynccontextmanager
async def schedules_kept(schedules: Callable[[], Schedules], every: timedelta = CHECK_EVERY) -> AsyncGenerator[None]:
    """Restores missing schedules periodically, for the length of an `async with`."""

    async def keep() -> None:
        while True:
            await asyncio.sleep(every.total_seconds())
            await schedules().put_back()

    task = asyncio.create_task(keep(), name="schedules")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled() and (error := task.exception()):
            log.error("missing schedules are no longer restored: %s", error)


def _tell(changes: Sequence[ScheduleChange]) -> None:
    for change in changes:
        flow = {"flow": change.flow}
        whose = f" ({change.by})" if change.by else ""
        if change.action == "kept":
            log.warning("schedule left unchanged%s: %s; see resolute deploy", whose, change.reason, extra=flow)
        elif change.action == "removed":
            log.warning("schedule removed%s: the flow is gone from its worker set", whose, extra=flow)
        elif change.action == "updated":
            log.info("schedule updated: %s", "; ".join(change.differs), extra=flow)
        elif change.action == "created":
            log.info("schedule created", extra=flow)


def _warn_of(orphans: Sequence[ScheduleChange]) -> None:
    for orphan in orphans[:_MOST_TOLD]:
        log.warning(
            "schedule without a flow here (%s): it stays; if no worker has its flow any longer, "
            "remove it with resolute schedules delete %s, or resolute deploy --prune",
            orphan.reason,
            orphan.flow,
            extra={"flow": orphan.flow},
        )
    if len(orphans) > _MOST_TOLD:
        log.warning("and %d more schedules without a flow here: see resolute deploy", len(orphans) - _MOST_TOLD)
