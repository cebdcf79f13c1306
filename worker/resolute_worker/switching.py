"""Throws the switches that stop many runs at once, for the command line and the board."""

from __future__ import annotations

from datetime import UTC, datetime

from temporalio.client import Client

from resolute.running.pausing import said_of
from resolute.running.switches import Switches, Thrown
from resolute.temporal.client.pauses import AlreadyPausedError, NotPausedError, wake_runs
from resolute.temporal.trust.seals import PlanKeys
from resolute.temporal.wire.switches import change_switches, read_switches


def thrown(by: str, reason: str) -> Thrown:
    """A switch that is thrown now."""
    return Thrown(by=by, since=datetime.now(UTC).isoformat(timespec="seconds"), reason=reason)


async def put_brake_on(client: Client, keys: PlanKeys, *, by: str, reason: str) -> Switches:
    """Stops every write of every flow.

    Raises:
        AlreadyPausedError: the brake is on.
        temporalio.service.RPCError: Temporal refused, or did not answer.
    """

    def change(switches: Switches) -> Switches:
        if switches.brake is not None:
            raise AlreadyPausedError(f"the brake is on already, {said_of(switches.brake.as_json())}")
        return switches.with_brake(thrown(by, reason))

    return await change_switches(client, keys, change)


async def release_brake(client: Client, keys: PlanKeys) -> int:
    """Lets flows write again; how many runs waited, and are told.

    Raises:
        NotPausedError: the brake is not on.
        temporalio.service.RPCError: Temporal refused, or did not answer.
    """
    believed = (await read_switches(client, keys)).believed

    def change(switches: Switches) -> Switches:
        if switches.brake is None and believed:
            raise NotPausedError("the brake is not on: resolute brake status")
        return switches.with_brake(None)

    await change_switches(client, keys, change)
    return await wake_runs(client, keys)


async def pause_flow(client: Client, keys: PlanKeys, flow: str, *, by: str, reason: str) -> None:
    """Pauses a flow; without a name, everything.

    Raises:
        AlreadyPausedError: it is paused.
        temporalio.service.RPCError: Temporal refused, or did not answer.
    """

    def change(switches: Switches) -> Switches:
        known = switches.flows.get(flow) if flow else switches.everything
        if known is not None:
            raise AlreadyPausedError(f"{flow or 'everything'} is paused already, {said_of(known.as_json())}")
        return switches.with_pause(flow, thrown(by, reason))

    await change_switches(client, keys, change)


async def resume_flow(client: Client, keys: PlanKeys, flow: str) -> int:
    """Lets a paused flow, or everything, go on; how many runs waited, and are told.

    Raises:
        NotPausedError: it is not paused; says what is.
        temporalio.service.RPCError: Temporal refused, or did not answer.
    """

    def change(switches: Switches) -> Switches:
        known = switches.flows.get(flow) if flow else switches.everything
        if known is None and flow and switches.everything is not None:
            said = said_of(switches.everything.as_json())
            raise NotPausedError(f"everything is paused, {said}, and not {flow} alone: resolute resume --all")
        if known is None:
            others = ", ".join(switches.flows) or "no flow"
            raise NotPausedError(f"{flow or 'everything'} is not paused; paused now: {others}")
        return switches.with_pause(flow, None)

    await change_switches(client, keys, change)
    return await wake_runs(client, keys, flow)
