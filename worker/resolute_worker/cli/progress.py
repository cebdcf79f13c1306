"""Follows a run to its end and reports what happens."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

from temporalio.client import Client

from resolute.plan.errors import FlowError
from resolute.running.report import Failure, StepReport
from resolute.temporal.client.client import RunHandle
from resolute.temporal.history.runs import describe_run, is_polled
from resolute.temporal.wire.finding import UnknownRunError, find_run
from resolute_worker.cli.output import lasted
from resolute_worker.cli.saying import say
from resolute_worker.cli.showing import handed_back_text
from resolute_worker.undone import undone

_GLANCE: Final = 0.3
_LONELY: Final = 2.0
_PROMISED: Final = 30
"""How often a run is looked for that is about to begin."""


class Progress:
    """Reports each change of a step once."""

    def __init__(self, task_queue: str) -> None:
        self.task_queue = task_queue
        self._said: dict[str, str] = {}

    def tell(self, step: StepReport) -> None:
        """Reports a step's status if it has changed."""
        line = self._line(step)
        if line and self._said.get(step.id) != line:
            self._said[step.id] = line
            say(line)

    def tell_handed_back(self, why: Failure) -> None:
        """Reports that a worker could not take the run up, each time for another reason."""
        line = handed_back_text(why)
        if self._said.get("") != line:
            self._said[""] = line
            say(line)

    def _line(self, step: StepReport) -> str | None:
        match step.status:
            case "completed" if step.not_done:
                return f"  not done {step.id}  {step.not_done}"
            case "completed" if step.kind == "call":
                return f"  done     {step.id}  {lasted(step.started_at, step.ended_at)}"
            case "failed":
                return f"  failed   {step.id}  {_why(step)}"
            case "running" if step.failure:
                return f"  retries  {step.id}  attempt {step.attempt}: {_why(step)}"
            case _:
                return None


def _why(step: StepReport) -> str:
    return f"{step.failure.error_type}: {step.failure.message}" if step.failure else ""


async def promised(client: Client, workflow_id: str, flow: str) -> RunHandle:
    """The latest run with a workflow id, which may begin in a moment.

    Raises:
        UnknownRunError: it did not begin.
    """
    for _ in range(_PROMISED):
        try:
            key = await find_run(client, workflow_id)
        except UnknownRunError:
            await asyncio.sleep(_GLANCE)  # Temporal announces no run before it has begun
        else:
            break
    else:
        key = await find_run(client, workflow_id)
    return RunHandle(client.get_workflow_handle(key.workflow_id, run_id=key.run_id), flow)


async def follow(client: Client, run: RunHandle, progress: Progress) -> dict[str, Any]:
    """Waits for the end of a run; returns status, result and failure."""
    began, warned = time.monotonic(), False
    result = asyncio.ensure_future(run.result())
    while not result.done():
        await asyncio.wait([result], timeout=_GLANCE)
        found = await describe_run(client, run.workflow_id, run.run_id)
        for step in found.report.steps if found.report else ():
            progress.tell(step)
        if found.handed_back is not None:
            progress.tell_handed_back(found.handed_back)
        if not warned and not result.done() and time.monotonic() - began > _LONELY:
            warned = True
            if not await is_polled(client, progress.task_queue):
                say(f"no worker polls task queue {progress.task_queue!r}: the run continues once you start one")
    try:
        return {"status": "completed", "result": result.result()}
    except FlowError:
        found = await describe_run(client, run.workflow_id, run.run_id)
        failure = found.report.failure.model_dump() if found.report and found.report.failure else None
        return {"status": found.summary.status, "failure": failure}


async def would_have_done(client: Client, run: RunHandle) -> dict[str, Any]:
    """What a dry run that has ended would have done, in the order of the plan."""
    report = (await describe_run(client, run.workflow_id, run.run_id)).report
    return {"would have done": undone(report) if report else []}
