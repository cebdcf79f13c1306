"""Looks at a namespace again and again, and asks Temporal only for what can have changed since."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.service import RPCError, RPCStatusCode

from resolute.running.ledger import Check
from resolute.temporal.client.gates import GateOfRun, open_gates_read
from resolute.temporal.client.standing import StandingRun, standing_in
from resolute.temporal.history.histories import Histories
from resolute.temporal.history.ledger import checked
from resolute.temporal.history.runs import RunSummary, summary_of
from resolute.temporal.schedules.control import DeployedSchedule, list_schedules
from resolute.temporal.trust.seals import PlanKeys
from resolute.temporal.wire.finding import RunKey
from resolute.temporal.wire.parts import NOT_CONTINUED
from resolute.temporal.wire.switches import read_switches
from resolute_worker.board.reads import length_of
from resolute_worker.board.sight import Sight
from resolute_worker.board.touched import names_in
from resolute_worker.paging import paging
from resolute_worker.watch.findings import Seen, findings_of

log = logging.getLogger(__name__)

MOST_RUNNING: Final = 300
"""Open runs that are looked at; of more, the newest."""

MOST_ENDED: Final = 400
"""Runs that have ended that are looked at; of more, the latest."""

SINCE: Final = timedelta(hours=24)
_OURS: Final = "WorkflowType NOT STARTS_WITH 'resolute.'"
_AT_A_LOOK: Final = 24
"""Histories that are read in one look; the rest waits for the next one, so that no look takes long."""

_AT_ONCE: Final = 8
_OVERLAP: Final = timedelta(seconds=10)
_SCHEDULES_EVERY: Final = timedelta(seconds=15)
_MARGIN: Final = timedelta(minutes=1)


class Looking:
    """What is known of a namespace from earlier looks. It holds as much as one sight, and grows no further."""

    def __init__(self, client: Client, keys: PlanKeys, histories: Histories) -> None:
        self._client = client
        self._keys = keys
        self._histories = histories
        self._gateless: dict[str, None] = {}
        self._gates: dict[str, tuple[int, list[GateOfRun]]] = {}
        self._ended: dict[str, RunSummary] = {}
        self._checks: dict[str, Check | None] = {}
        self.named: dict[str, frozenset[str]] = {}
        """What stands in the runs that have ended, by run id; see `names_in`."""
        self._schedules: tuple[DeployedSchedule, ...] = ()
        self._schedules_at = datetime.min.replace(tzinfo=UTC)
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    async def look(self) -> Sight:
        """What is to be seen now.

        Raises:
            temporalio.service.RPCError: Temporal refused or did not answer.
        """
        now = datetime.now(UTC)
        switches = await read_switches(self._client, self._keys)
        running, standing = await self._running()
        total = len(running) if len(running) < MOST_RUNNING else await self._count()
        gates = await self._waiting(running)
        await self._look_at_ended(now)
        unread = await self._read_checks()
        if now - self._schedules_at > _SCHEDULES_EVERY:
            self._schedules, self._schedules_at = tuple(await list_schedules(self._client)), now
        ended = sorted(self._ended.values(), key=_ended_at, reverse=True)
        checks = [found for run in ended if (found := self._checks.get(run.run_id)) is not None]
        return Sight(
            at=now,
            running=tuple(running),
            running_in_all=total,
            gates=tuple(sorted(gates, key=lambda gate: gate.since or now)),
            standing=tuple(standing),
            ended=tuple(ended),
            checks=tuple(checks),
            unread=unread,
            schedules=self._schedules,
            findings=tuple(
                finding for each in self._schedules for finding in findings_of(Seen(schedule=each), now, _MARGIN)
            ),
            switches=switches.switches,
            believed=switches.believed,
        )

    async def glance(self, sight: Sight) -> Sight:
        """An earlier sight, with the switches as they are now.

        Raises:
            temporalio.service.RPCError: Temporal refused or did not answer.
        """
        switches = await read_switches(self._client, self._keys)
        return replace(sight, switches=switches.switches, believed=switches.believed)

    async def _running(self) -> tuple[list[RunSummary], list[StandingRun]]:
        query = f"ExecutionStatus = 'Running' AND {_OURS}"
        runs = [run async for run in self._client.list_workflows(query, limit=MOST_RUNNING, page_size=MOST_RUNNING)]
        standing = [await standing_in(run) for run in runs]
        return [await summary_of(run) for run in runs], [each for each in standing if each.waits]

    async def _count(self) -> int:
        return (await self._client.count_workflows(f"ExecutionStatus = 'Running' AND {_OURS}")).count

    async def _waiting(self, running: Sequence[RunSummary]) -> list[GateOfRun]:
        """The open gates: a run is read where its history has grown, and never again where its plan has no gate."""
        there = {run.run_id for run in running}
        self._gateless = {run_id: None for run_id in self._gateless if run_id in there}
        self._gates = {run_id: known for run_id, known in self._gates.items() if run_id in there}
        asked = [run for run in running if run.run_id not in self._gateless]
        known = [run for run in asked if run.run_id in self._gates]
        fresh = [run for run in asked if run.run_id not in self._gates]
        await asyncio.gather(*(self._gates_of(run) for run in [*known, *fresh[: 4 * _AT_A_LOOK]]))
        return [gate for _, gates in self._gates.values() for gate in gates]

    async def _gates_of(self, run: RunSummary) -> None:
        async with self._at_once:
            try:
                events = length_of(await self._described(run))
                if self._gates.get(run.run_id, (0, []))[0] == events:
                    return
                read = await self._histories.read(run.workflow_id, run.run_id, events)
                found = open_gates_read(read, RunKey(run.workflow_id, run.run_id))
            except RPCError as error:
                if error.status == RPCStatusCode.NOT_FOUND:
                    return  # it has ended since
                raise
            except Exception as error:  # a workflow of others may hold anything
                self._unreadable(run, error)
                self._gateless[run.run_id] = None
                self._gates.pop(run.run_id, None)
                return
        if found is None:
            self._gateless[run.run_id] = None
        else:
            self._gates[run.run_id] = (events, found)

    async def _look_at_ended(self, now: datetime) -> None:
        since = max((_ended_at(run) for run in self._ended.values()), default=now - SINCE) - _OVERLAP
        query = f"CloseTime >= '{since.isoformat()}' AND {NOT_CONTINUED} AND {_OURS}"
        async for run in self._client.list_workflows(query, limit=MOST_ENDED, page_size=MOST_ENDED):
            if run.run_id not in self._ended:
                self._ended[run.run_id] = await summary_of(run)
        latest = sorted(self._ended.values(), key=_ended_at, reverse=True)[:MOST_ENDED]
        self._ended = {run.run_id: run for run in latest if now - _ended_at(run) <= SINCE}
        self._checks = {run_id: found for run_id, found in self._checks.items() if run_id in self._ended}
        for run_id in [run_id for run_id in self.named if run_id not in self._ended]:
            del self.named[run_id]

    async def _read_checks(self) -> int:
        """Reads what the latest runs came to that have not been read; how many are left."""
        runs = sorted(self._ended.values(), key=_ended_at, reverse=True)
        unread = [run for run in runs if run.run_id not in self._checks]
        await asyncio.gather(*(self._check(run) for run in unread[:_AT_A_LOOK]))
        return max(len(unread) - _AT_A_LOOK, 0)

    async def _check(self, run: RunSummary) -> None:
        async with self._at_once:
            try:
                found = await self._described(run)
                read = await self._histories.read(run.workflow_id, run.run_id, length_of(found))
                self._checks[run.run_id] = await checked(found, read, paging=paging)
                self.named[run.run_id] = names_in(read)
            except RPCError as error:
                if error.status != RPCStatusCode.NOT_FOUND:
                    raise
                self._checks[run.run_id] = None
            except Exception as error:  # as above
                self._unreadable(run, error)
                self._checks[run.run_id] = None

    async def _described(self, run: RunSummary) -> WorkflowExecutionDescription:
        return await self._client.get_workflow_handle(run.workflow_id, run_id=run.run_id).describe()

    def _unreadable(self, run: RunSummary, error: Exception) -> None:
        """One line for a run that is shown by its name and status alone: it is not looked at again."""
        log.warning("the board cannot read run %s of %s: %s", run.workflow_id, run.flow, type(error).__name__)


def _ended_at(run: RunSummary) -> datetime:
    return run.ended_at or run.started_at
