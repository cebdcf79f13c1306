"""Pauses and resumes runs, finds what a name means, and tells waiting runs that a switch was changed."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from resolute.plan.errors import ConfigurationError
from resolute.running.messages import Message
from resolute.running.pausing import PAUSE, PAUSING, RESUME, said_of
from resolute.running.stopping import SWITCHES
from resolute.temporal.client.control import NotRunningError
from resolute.temporal.client.standing import standing_runs
from resolute.temporal.schedules.spec import schedule_id
from resolute.temporal.trust.seals import PlanKeys
from resolute.temporal.wire.finding import RunKey, find_run, quoted
from resolute.temporal.wire.memos import noted
from resolute.temporal.wire.messages import NotListeningError, tell_run
from resolute.temporal.wire.parts import described
from resolute.temporal.workflows.runtime import STANDING

_PATIENCE: Final = 10.0
"""Seconds in which a worker takes a message that a run is sent, unless none is at work."""

_A_MOMENT: Final = 0.1
_AT_ONCE: Final = 20


class NotPausedError(ConfigurationError):
    """A run or a flow is not paused, or not by a pause that is ended like this."""


class AlreadyPausedError(ConfigurationError):
    """A run or a flow is paused already."""


@dataclass(frozen=True)
class Named:
    """What a name means: one run, or a flow."""

    run: RunKey | None = None
    flow: str = ""


async def named(client: Client, name: str) -> Named:
    """The run with an id, the flow of a name, or the run whose id begins so.

    Raises:
        UnknownRunError: there is none of these.
        temporalio.service.RPCError: Temporal refused, or did not answer.
    """
    try:
        found = await described(client, name)
    except RPCError as error:
        if error.status not in {RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT}:
            raise
    else:
        return Named(run=RunKey(found.id, found.run_id))
    async for _ in client.list_workflows(f"WorkflowType = {quoted(name)}", limit=1):
        return Named(flow=name)
    try:
        await client.get_schedule_handle(schedule_id(name)).describe()
    except RPCError as error:
        if error.status not in {RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT}:
            raise
    else:
        return Named(flow=name)
    return Named(run=await find_run(client, name))


async def pause_run(client: Client, key: RunKey, *, by: str, reason: str, keys: PlanKeys) -> bool:
    """Pauses a run; whether a worker has taken that already, for where none is at work it does when one is.

    Raises:
        NotRunningError: the run has ended.
        AlreadyPausedError: it is paused.
        temporalio.service.RPCError: Temporal refused, or did not answer.
    """
    flow, paused = await _paused(client, key, "pause")
    if paused and paused.get("with") == "run":
        raise AlreadyPausedError(f"run {key.workflow_id} is paused already, {said_of(paused)}")
    await _tell(client, key, flow, Message(to=PAUSING, word=PAUSE, id=_new(), by=by, data={"reason": reason}), keys)
    return await _comes_to(client, key, paused=True)


async def resume_run(client: Client, key: RunKey, *, by: str, keys: PlanKeys) -> bool:
    """Lets a paused run go on; whether a worker has taken that already.

    Raises:
        NotRunningError: the run has ended.
        NotPausedError: it is not paused, or with its flow or everything.
        temporalio.service.RPCError: Temporal refused, or did not answer.
    """
    flow, paused = await _paused(client, key, "resume")
    if paused is None:
        raise NotPausedError(f"run {key.workflow_id} is not paused: `resolute runs` lists what is")
    source = str(paused.get("with"))
    if source not in ("run", "parent"):
        what = source.removeprefix("flow:") if source != "all" else "--all"
        raise NotPausedError(
            f"run {key.workflow_id} waits because {'everything' if source == 'all' else what} is paused, "
            f"{said_of(paused)}: resolute resume {what}"
        )
    await _tell(client, key, flow, Message(to=PAUSING, word=RESUME, id=_new(), by=by), keys)
    return await _comes_to(client, key, paused=False)


async def wake_runs(client: Client, keys: PlanKeys, flow: str = "") -> int:
    """Tells the runs that wait for a switch to look at it again now; how many there were.

    A run that is not reached looks by itself, within five minutes.

    Raises:
        temporalio.service.RPCError: Temporal refused, or did not answer.
    """
    waiting = [run for run in await standing_runs(client) if run.stopped or _is_of_switch(run.paused, flow)]
    at_once = asyncio.Semaphore(_AT_ONCE)

    async def tell(name: str, workflow_id: str) -> None:
        async with at_once:
            try:
                await tell_run(client, name, workflow_id, Message(to=SWITCHES, word="look", id=_new()), keys)
            except NotListeningError:
                return  # it has ended meanwhile

    await asyncio.gather(*(tell(run.flow, run.workflow_id) for run in waiting))
    return len(waiting)


def _is_of_switch(paused: Mapping[str, Any] | None, flow: str) -> bool:
    source = "" if paused is None else str(paused.get("with"))
    return source == f"flow:{flow}" if flow else source not in ("", "run", "parent")


async def _paused(client: Client, key: RunKey, what: str) -> tuple[str, Mapping[str, Any] | None]:
    """The flow of a run, and who has paused it.

    Raises:
        NotRunningError: the run has ended.
    """
    found = await client.get_workflow_handle(key.workflow_id).describe()
    if found.status != WorkflowExecutionStatus.RUNNING:
        raise NotRunningError(f"run {key.workflow_id} has already ended: there is nothing to {what}")
    standing: Mapping[str, Any] = await noted(found, STANDING, None) or {}
    return found.workflow_type, standing.get("paused")


async def _tell(client: Client, key: RunKey, flow: str, message: Message, keys: PlanKeys) -> None:
    try:
        await tell_run(client, flow, key.workflow_id, message, keys)
    except NotListeningError:
        raise NotRunningError(f"run {key.workflow_id} has ended meanwhile") from None


async def _comes_to(client: Client, key: RunKey, *, paused: bool) -> bool:
    until = monotonic() + _PATIENCE
    while monotonic() < until:
        found = await client.get_workflow_handle(key.workflow_id).describe()
        standing: Mapping[str, Any] = await noted(found, STANDING, None) or {}
        if found.status != WorkflowExecutionStatus.RUNNING:
            return True
        if (standing.get("paused") is not None) == paused:
            return True
        await asyncio.sleep(_A_MOMENT)
    return False


def _new() -> str:
    return uuid.uuid4().hex
