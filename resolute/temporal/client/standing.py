"""Runs that do not go on by themselves: of which steps are held, or that somebody has paused."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus

from resolute.plan.errors import ConfigurationError
from resolute.plan.values import Json
from resolute.running.hold import HOLD
from resolute.running.messages import Message, MessageRefusedError
from resolute.temporal.trust.seals import PlanKeys
from resolute.temporal.wire.finding import RunKey, quoted
from resolute.temporal.wire.memos import noted
from resolute.temporal.wire.messages import ask_run
from resolute.temporal.workflows.runtime import STANDING


class NotHeldError(ConfigurationError):
    """A run does not hold the step, or takes no such decision on it; the run goes on as it was."""


@dataclass(frozen=True, kw_only=True)
class HeldStep:
    """A step that has failed for good and waits for a person."""

    step: str
    since: datetime
    error: str
    message: str


@dataclass(frozen=True, kw_only=True)
class StandingRun:
    """A run that does not go on by itself.

    `held_in_all` counts the held steps, of which `held` names the first. `paused` says who has paused it, since when,
    why, and with what (itself, the run that started it, its flow, everything); `stopped` who stops its writes.
    """

    workflow_id: str
    run_id: str
    flow: str
    held: tuple[HeldStep, ...] = ()
    held_in_all: int = 0
    paused: Mapping[str, Any] | None = None
    stopped: Mapping[str, Any] | None = None

    @property
    def waits(self) -> bool:
        """Whether anything keeps the run from going on."""
        return bool(self.held_in_all or self.paused or self.stopped)


async def standing_of(client: Client, key: RunKey) -> StandingRun:
    """What keeps one run from going on.

    Raises:
        temporalio.service.RPCError: Temporal refused or did not answer.
    """
    return await standing_in(await client.get_workflow_handle(key.workflow_id).describe())


async def standing_in(run: WorkflowExecution) -> StandingRun:
    """What keeps a run from going on, as Temporal lists or describes it."""
    told = await noted(run, STANDING, None) if run.status == WorkflowExecutionStatus.RUNNING else None
    return _standing(RunKey(run.id, run.run_id), run.workflow_type, told)


async def standing_runs(client: Client, flow: str | None = None) -> list[StandingRun]:
    """Every run that does not go on by itself, newest first.

    Raises:
        temporalio.service.RPCError: Temporal refused or did not answer.
    """
    query = "ExecutionStatus = 'Running'" + (f" AND WorkflowType = {quoted(flow)}" if flow else "")
    found: list[StandingRun] = []
    async for run in client.list_workflows(query):
        standing = await standing_in(run)
        if standing.waits:
            found.append(standing)
    return found


async def decide_held(
    client: Client, key: RunKey, step: str | None, word: str, *, value: Json = None, by: str, keys: PlanKeys
) -> str:
    """Decides what becomes of a held step, and gives its id. Without a step it is the only one that the run holds.

    Raises:
        NotHeldError: the step is not held, or the decision does not fit it; says why.
        NotListeningError: the run has ended.
        NoAnswerYetError: the run has not answered in time.
        temporalio.service.RPCError: Temporal refused or did not answer.
    """
    if step is None:
        standing = await standing_of(client, key)
        if standing.held_in_all != 1:
            names = ", ".join(each.step for each in standing.held)
            what = f"holds {standing.held_in_all} steps ({names}): say which" if names else "holds no step"
            raise NotHeldError(f"run {key.workflow_id} {what}")
        step = standing.held[0].step
    message = Message(to=HOLD + step, word=word, id=uuid.uuid4().hex, data=value, by=by)
    try:
        await ask_run(client, key, message, keys)
    except MessageRefusedError as error:
        raise NotHeldError(f"run {key.workflow_id}: {error}") from None
    return step


def _standing(key: RunKey, flow: str, told: Any) -> StandingRun:
    known = cast("Mapping[str, Any]", told or {})
    held = tuple(
        HeldStep(
            step=each["step"],
            since=datetime.fromisoformat(each["since"]),
            error=each["error"],
            message=each["message"],
        )
        for each in known.get("held", ())
    )
    return StandingRun(
        workflow_id=key.workflow_id,
        run_id=key.run_id,
        flow=flow,
        held=held,
        held_in_all=known.get("held_in_all", 0),
        paused=known.get("paused"),
        stopped=known.get("stopped"),
    )
