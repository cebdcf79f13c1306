"""Where the switches of a namespace stand: in the memo of a workflow that no worker runs.

To change a switch is to put another run in the place of that workflow's, with the new state in its memo. It begins in
years, so that nothing of it is ever at work: the switches can be thrown while no worker runs, reading them adds no
event to any history, and they outlive every worker. With keys the state is sealed, and without a seal not believed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, cast

from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from resolute.plan.errors import ConfigurationError, UnusableValueError
from resolute.plan.values import Json, JsonObject
from resolute.running.switches import MOST_FLOWS, OFF, Switches, switches_from
from resolute.temporal.trust.seals import PlanKeys

SWITCHES: Final = "resolute.Switches"
"""The workflow type and id; also the name of its memo and of its task queue, which nobody polls."""

_NEVER: Final = timedelta(days=3650)
_AGAIN: Final = WorkflowIDReusePolicy.ALLOW_DUPLICATE

_TRIES: Final = 10
"""Times that a change is tried while others change something too."""

_LOOKS: Final = 40
_SOON: Final = 0.05
"""Seconds between two looks for what somebody puts in the place of a state that has ended."""

_PATIENCE: Final = timedelta(seconds=5)


class SwitchesUnsureError(ConfigurationError):
    """The state of the switches cannot be believed, or could not be changed."""


@dataclass(frozen=True)
class Found:
    """The switches as they are stored. `believed` says that their seal is right, `sealed_by` the id of its key."""

    switches: Switches
    believed: bool = True
    sealed_by: str = ""
    run_id: str = ""
    is_open: bool = False


async def read_switches(client: Client, keys: PlanKeys, *, patience: timedelta = _PATIENCE) -> Found:
    """The switches of the client's namespace; all are off where none was ever thrown.

    Raises:
        SwitchesUnsureError: what stands there is nothing that any release writes.
        temporalio.service.RPCError: Temporal refused, or did not answer.
    """
    try:
        found = await client.get_workflow_handle(SWITCHES).describe(rpc_timeout=patience)
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return Found(OFF)
        raise
    return await _found(found, client.namespace, keys)


async def change_switches(client: Client, keys: PlanKeys, change: Callable[[Switches], Switches]) -> Switches:
    """Changes switches, and gives them as they are then. Whoever changes another one meanwhile loses nothing.

    `change` gives what it was given where there is nothing to change, and may raise an error that says so.

    Raises:
        SwitchesUnsureError: too many flows are paused, or others change the switches all the time.
        temporalio.service.RPCError: Temporal refused, or did not answer.
    """
    for _ in range(_TRIES):
        found = await _settled(client, keys)
        changed = change(found.switches)
        if changed == found.switches and found.believed:
            return changed
        # By the clock, so that it grows even where the state before is gone.
        changed = replace(changed, number=max(found.switches.number + 1, int(time.time() * 1000)))
        if len(changed.flows) > MOST_FLOWS:
            raise SwitchesUnsureError(f"{MOST_FLOWS} flows are paused already: resume some, or pause everything")
        if await _put(client, keys, found, changed):
            return changed
    raise SwitchesUnsureError("others change the switches all the time: try again")


async def _settled(client: Client, keys: PlanKeys) -> Found:
    """The switches as they are stored, while nobody replaces them.

    Who does has ended the state before, and is about to start the next. Another one that starts in that moment would
    undo a change that came between; so it looks again until there is one, or nobody seems to be about to.
    """
    found = await read_switches(client, keys)
    for _ in range(_LOOKS):
        if found.is_open or not found.run_id:
            break
        await asyncio.sleep(_SOON)
        found = await read_switches(client, keys)
    return found


async def seal_anew(client: Client, keys: PlanKeys, found: Found) -> None:
    """Seals the switches with the key that seals now, so that the one that sealed them can be taken away.

    Raises:
        temporalio.service.RPCError: Temporal refused, or did not answer.
    """
    if keys and found.run_id and found.believed and found.sealed_by != keys.sealing_id:
        await _put(client, keys, found, found.switches)


async def _put(client: Client, keys: PlanKeys, found: Found, switches: Switches) -> bool:
    """Puts a state in the place of the one that was found; False where that one has been replaced meanwhile."""
    if found.is_open:
        # What is read until the next state is there is this one: a memo outlives its run.
        try:
            await client.get_workflow_handle(SWITCHES, run_id=found.run_id).terminate("changed", rpc_timeout=_PATIENCE)
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                return False
            raise
    state = switches.as_json()
    memo: JsonObject = {"state": state, "seal": keys.seal("switches", client.namespace, state)}
    try:
        await client.start_workflow(
            SWITCHES,
            id=SWITCHES,
            task_queue=SWITCHES,
            memo={SWITCHES: memo},
            start_delay=_NEVER,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            # Where none was found, another one may have come and been replaced since.
            id_reuse_policy=_AGAIN if found.run_id else WorkflowIDReusePolicy.REJECT_DUPLICATE,
            rpc_timeout=_PATIENCE,
        )
    except WorkflowAlreadyStartedError:
        return False
    return True


async def _found(run: WorkflowExecutionDescription, namespace: str, keys: PlanKeys) -> Found:
    held = cast("Json", await run.memo_value(SWITCHES, None))
    state = held.get("state") if isinstance(held, dict) else None
    seal = held.get("seal") if isinstance(held, dict) else None
    try:
        switches = switches_from(state)
    except UnusableValueError as error:
        raise SwitchesUnsureError(f"{error}: throw any switch to write it anew (resolute brake on)") from None
    return Found(
        switches,
        believed=not keys or keys.verifies(seal, "switches", namespace, state),
        sealed_by=str(seal or "").partition(":")[0],
        run_id=run.run_id,
        is_open=run.status == WorkflowExecutionStatus.RUNNING,
    )
