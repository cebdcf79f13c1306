"""The open runs of a task queue, each held against the code of this process: could it execute what is still to come?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError, RPCStatusCode

from resolute.execution.agreement import Finding, findings
from resolute.execution.code import Code
from resolute.execution.remaining import all_of, remaining_of
from resolute.plan.errors import UnsupportedPlanError
from resolute.plan.plan import Plan
from resolute.temporal.history.reading import read_history, start_of
from resolute.temporal.history.replaying import replayed
from resolute.temporal.wire.finding import quoted
from resolute.temporal.wire.parts import histories

AT_ONCE: Final = 16
"""Histories that are read at the same time."""

_BEHAVIOR: Final = SearchAttributeKey.for_keyword("TemporalWorkflowVersioningBehavior")

OWN: Final = "resolute."
"""How the workflow types begin that are ours, and no flow's."""


@dataclass(frozen=True, kw_only=True)
class CheckedRun:
    """An open run, and what of it the code cannot execute; nothing where it can execute all of it.

    A run that is `pinned` to the build that it began with calls no other code, and is not held against any.
    """

    workflow_id: str
    run_id: str
    flow: str
    pinned: bool = False
    findings: tuple[Finding, ...] = ()

    @property
    def breaks(self) -> bool:
        """Whether a step is certain not to be executed."""
        return any(found.certain for found in self.findings)


async def check_open_runs(client: Client, code: Code, *, task_queue: str) -> list[CheckedRun]:
    """Every open run of a task queue, children among them, held against the code; in the order of their ids.

    Raises:
        temporalio.service.RPCError: Temporal refused or did not answer.
    """
    check = _Check(client, code)
    running: set[asyncio.Task[CheckedRun | None]] = set()
    checked: list[CheckedRun | None] = []
    try:
        async for key in _open(client, task_queue):
            if len(running) >= AT_ONCE:
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                checked += [task.result() for task in done]
            running.add(asyncio.create_task(check.run(key)))
        checked += await asyncio.gather(*running)
    finally:
        for task in running:
            task.cancel()
    return sorted((each for each in checked if each is not None), key=lambda each: (each.workflow_id, each.run_id))


async def _open(client: Client, task_queue: str) -> AsyncIterator[CheckedRun]:
    query = f"ExecutionStatus = 'Running' AND TaskQueue = {quoted(task_queue)}"
    async for run in client.list_workflows(query):
        if not run.workflow_type.startswith(OWN):
            pinned = run.typed_search_attributes.get(_BEHAVIOR) == "Pinned"
            yield CheckedRun(workflow_id=run.id, run_id=run.run_id, flow=run.workflow_type, pinned=pinned)


class _Check:
    """Checks runs, most of which share a few plans: only where a plan as a whole does not agree is a history read."""

    def __init__(self, client: Client, code: Code) -> None:
        self._client = client
        self._code = code
        self._agreed: dict[str, bool] = {}

    async def run(self, run: CheckedRun) -> CheckedRun | None:
        """The run with what was found; None where it has ended since it was listed."""
        if run.pinned:
            return run
        try:
            found = await self._findings(run)
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                return None
            raise
        except UnsupportedPlanError as error:
            found = [Finding(step="", node="", problem=str(error), remedy="deploy a release that reads it")]
        if found is None:
            return None
        return CheckedRun(workflow_id=run.workflow_id, run_id=run.run_id, flow=run.flow, findings=tuple(found))

    async def _findings(self, run: CheckedRun) -> list[Finding] | None:
        start = await start_of(await self._first(run), self._client.data_converter)
        if start.plan is not None and self._agrees(start.plan):
            return []
        recorded = await read_history(
            await histories(self._client, run.workflow_id, run.run_id), self._client.data_converter
        )
        if recorded.has_ended:
            return None
        plan = recorded.start.plan or recorded.plan
        if plan is None:
            return [] if run.flow in self._code.flows else [self._unknown(run)]
        if self._agrees(plan):
            return []
        report = await replayed(recorded)
        if report is None:
            return []
        return findings(plan, self._code, remaining_of(plan, report, recorded.start.input))

    async def _first(self, run: CheckedRun) -> HistoryEvent:
        handle = self._client.get_workflow_handle(run.workflow_id, run_id=run.run_id)
        return await anext(handle.fetch_history_events(page_size=1))

    def _agrees(self, plan: Plan) -> bool:
        """Whether the code can execute the whole plan, whatever a run of it has come to."""
        if plan.fingerprint not in self._agreed:
            self._agreed[plan.fingerprint] = not findings(plan, self._code, all_of(plan))
        return self._agreed[plan.fingerprint]

    def _unknown(self, run: CheckedRun) -> Finding:
        problem = f"it has no plan yet and would take that of flow {run.flow!r}, which is not among these files"
        return Finding(step="", node="", problem=problem, remedy="keep the flow")
