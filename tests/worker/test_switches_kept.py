"""What a worker knows of the switches: renewed from Temporal, kept where that cannot be asked, believed if sealed."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from pydantic import SecretStr
from temporalio.client import Client

from resolute.running.switches import OFF, Stop, Switches, Thrown, stop_of
from resolute.temporal.trust.seals import NO_KEYS, PlanKeys
from resolute.temporal.wire.switches import SWITCHES, change_switches, read_switches
from resolute_worker.embedded import EmbeddedServer
from resolute_worker.switches import SwitchesWatch

ADA = Thrown(by="ada", since="2026-01-01T00:00:00+00:00", reason="a bad deploy")
FIRST, SECOND = SecretStr("a key that seals, and is long enough"), SecretStr("another key, which is long enough too")
OLD, BOTH, NEW = PlanKeys((FIRST,)), PlanKeys((SECOND, FIRST)), PlanKeys((SECOND,))
PATIENCE = timedelta(seconds=5)


@pytest.fixture
async def namespace(client: Client) -> AsyncIterator[Client]:
    """The switches of a server, which are off afterwards."""
    yield client
    await change_switches(client, NO_KEYS, lambda _: OFF)


def brake(switches: Switches) -> Switches:
    """Puts the brake on."""
    return switches.with_brake(ADA)


def pause(flow: str, switches: Switches) -> Switches:
    """Pauses a flow."""
    return switches.with_pause(flow, ADA)


async def known(client: Client, keys: PlanKeys) -> Switches | None:
    """What a worker knows that has just started."""
    watch = SwitchesWatch(client, keys)
    await watch.begin()
    return watch.now()


async def test_a_worker_keeps_what_it_knows(tmp_path: Path) -> None:
    """Where Temporal does not answer, the last known state stays; one that was never read lets reads through alone."""
    async with EmbeddedServer(tmp_path, port=0) as server:
        client = await Client.connect(server.address)
        watch, late = SwitchesWatch(client, NO_KEYS), SwitchesWatch(client, NO_KEYS)
        await change_switches(client, NO_KEYS, brake)
        await watch.begin()
    await watch.look(PATIENCE)
    await late.look(PATIENCE)

    kept = watch.now()
    assert kept is not None
    assert ADA == kept.brake
    assert (None, Stop(why="unread")) == (stop_of(late.now(), ["any"], "read"), stop_of(late.now(), ["any"], "write"))


async def test_changes_of_many_people_at_once_are_all_there(namespace: Client) -> None:
    """Nobody's change undoes another one's, and reading adds nothing to any history."""
    flows = [f"flow-{number}" for number in range(5)]
    await asyncio.gather(*(change_switches(namespace, NO_KEYS, partial(pause, flow)) for flow in flows))
    await read_switches(namespace, NO_KEYS)
    found = await read_switches(namespace, NO_KEYS)
    described = await namespace.get_workflow_handle(SWITCHES).describe()
    assert (set(flows), 1) == (set(found.switches.flows), described.history_length)


async def test_switches_are_believed_if_a_key_of_the_worker_seals_them(namespace: Client) -> None:
    """What is not sealed releases nothing; a key is replaced like any other, as a worker that has both seals anew."""
    await change_switches(namespace, OLD, brake)
    braked = await known(namespace, OLD)
    assert braked is not None
    assert ADA == braked.brake
    assert None is await known(namespace, NEW)
    assert braked == await known(namespace, BOTH)
    assert braked == await known(namespace, NEW)
    watch = SwitchesWatch(namespace, NEW)
    await watch.begin()
    await change_switches(namespace, NO_KEYS, lambda _: OFF)
    await watch.look(PATIENCE)
    assert braked == watch.now()
    fresh = await known(namespace, NEW)
    assert fresh is not None
    assert fresh.are_off


async def test_an_earlier_state_is_not_believed_again(namespace: Client) -> None:
    """Who puts an old state back, seal and all, releases nothing on a worker that has seen a later one."""
    await change_switches(namespace, OLD, lambda each: each.with_pause("other", ADA))
    released = await namespace.get_workflow_handle(SWITCHES).describe()
    old = await released.memo_value(SWITCHES)
    await change_switches(namespace, OLD, brake)
    watch = SwitchesWatch(namespace, OLD)
    await watch.begin()
    await namespace.get_workflow_handle(SWITCHES).terminate()
    await namespace.start_workflow(SWITCHES, id=SWITCHES, task_queue=SWITCHES, memo={SWITCHES: old})
    await watch.look(PATIENCE)

    kept = watch.now()
    assert kept is not None
    assert ADA == kept.brake
