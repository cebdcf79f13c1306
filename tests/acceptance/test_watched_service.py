"""Monitors in a worker process, on a real server: an incident is opened once and resolved once, whatever goes wrong."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Final
from uuid import uuid4

import pytest
from temporalio.client import Client

from resolute.temporal.client.client import RunHandle
from tests.acceptance.pager_watch import HASTY, Monitor, PagerWatch, watched
from tests.patience import PATIENCE

log = logging.getLogger(__name__)

HEALTHS: Final = {"trigger": "bad", "notify": "bad", "resolve": "ok"}
"""The steps that something goes wrong with, and how the service is that they are for."""

ENDED: Final = {
    "fails": ["NodeFailedError"] * 3,
    "killed": ["completed"],
    "cancelled": ["RunCancelledError"],
    "timed-out": ["RunTimedOutError"],
}
"""What goes wrong with a step, and how the checks end that meet it."""

ENQUEUE: Final = "/v2/enqueue"


@pytest.fixture(scope="module")
async def watch(temporal_client: Client, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[PagerWatch]:
    """A worker with a monitor for each step, and for each thing that goes wrong with it."""
    hasty = f"after=1, within=timedelta(seconds={HASTY})"
    flows = {f"{how}-{step}": hasty if how == "timed-out" else "after=1" for how in ENDED for step in HEALTHS}
    async with watched(temporal_client, tmp_path_factory.mktemp("watched"), flows) as watch:
        yield watch


@pytest.mark.parametrize("how", ENDED)
async def test_what_goes_wrong_at_a_step_is_done_in_the_end(watch: PagerWatch, how: str) -> None:
    """A trigger, a notification and a resolve that fail for some runs, or whose worker or run ends: done, and once."""
    of = {step: watch.monitors[f"{how}-{step}"] for step in HEALTHS}
    await of["resolve"].settle("bad", checks=1)
    opened = {"resolve": statuses(of["resolve"])}
    ended = await in_trouble(watch, of, how)
    watch.mend()
    await asyncio.gather(*(of[step].settle("bad", checks=2) for step in ("trigger", "notify")))
    opened.update({step: statuses(of[step]) for step in ("trigger", "notify")})
    await asyncio.gather(*(each.settle("ok", checks=2) for each in of.values()))

    assert dict.fromkeys(of, ENDED[how]) == ended
    assert {step: ["triggered"] for step in of} == opened
    assert {step: ["resolved"] for step in of} == {step: statuses(each) for step, each in of.items()}
    # Somebody may be notified again who has been, where the run ended before it could know.
    assert {step: ["firing", "ok"] for step in of} == {
        step: list(dict.fromkeys(each.service.notified)) for step, each in of.items()
    }


async def in_trouble(watch: PagerWatch, of: Mapping[str, Monitor], how: str) -> dict[str, list[str]]:
    """Checks of each monitor that something goes wrong with; how they have ended."""
    of["notify"].service.put("deaf" if how == "fails" else "held", there=True)
    if how == "fails":
        watch.sim.faults.add(action="status", status=400, path=ENQUEUE, times=None)
        rounds = [await asyncio.gather(*(each.check(HEALTHS[step]) for step, each in of.items())) for _ in range(3)]
        return {step: list(ended) for step, ended in zip(of, zip(*rounds, strict=True), strict=True)}
    # The notification is behind a trigger, which is answered.
    others = {step: each for step, each in of.items() if step != "notify"}
    runs = {"notify": await of["notify"].begin("bad")}
    await until_at_work(watch, of)
    times = None if how == "timed-out" else len(others)
    watch.sim.faults.add(action="hang", path=ENQUEUE, times=times, after=True)
    # Side by side, so that none is tried again, and takes the fault of another, before all are at work.
    begun = await asyncio.gather(*(each.begin(HEALTHS[step]) for step, each in others.items()))
    runs |= dict(zip(others, begun, strict=True))
    if how != "timed-out":
        await until_at_work(watch, of)
    if how == "killed":
        await watch.kill()
        watch.mend()
        await watch.revive()
    elif how == "cancelled":
        await asyncio.gather(*(of[step].cancel(run) for step, run in runs.items()))
    ended = await asyncio.gather(*(of[step].end(runs[step]) for step in of))
    return {step: [said] for step, said in zip(of, ended, strict=True)}


async def until_at_work(watch: PagerWatch, of: Mapping[str, Monitor]) -> None:
    """Until somebody is being notified, and PagerDuty was asked for everything that it will not answer."""
    async with asyncio.timeout(PATIENCE):
        while not of["notify"].service.is_notifying or watch.sim.faults.pending():
            await asyncio.sleep(0.02)  # it is in other processes


def statuses(monitor: Monitor) -> list[str]:
    """How the incidents of a monitor stand."""
    return [incident.status for incident in monitor.incidents]


@pytest.mark.timeout(900)
async def test_a_worker_that_is_killed_again_and_again(temporal_client: Client, tmp_path: Path) -> None:
    """Kills, cancels and faults, whenever: never two incidents at once, none forgotten, and nobody is paged twice."""
    await Walk(random.Random(7)).go(temporal_client, tmp_path, steps=6, kills=1)


@pytest.mark.soak
async def test_a_worker_that_is_killed_for_hundreds_of_steps(temporal_client: Client, tmp_path: Path) -> None:
    """As above, for longer, and another way each time."""
    seed = random.SystemRandom().randrange(1_000_000)
    log.warning("the walk has the seed %d", seed)  # shown where it fails
    await Walk(random.Random(seed)).go(temporal_client, tmp_path, steps=300, kills=60)


class Walk:
    """A walk through checks, faults, kills and cancels, which chance leads."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    async def go(self, client: Client, folder: Path, *, steps: int, kills: int) -> None:
        """So many steps, that many of which kill the worker; it ends with the service well, and PagerDuty too."""
        deeds = [self._kill] * kills + self._chance.choices([self._check, self._cancel], [3, 1], k=steps - kills)
        self._chance.shuffle(deeds)
        async with watched(client, folder, {f"walk-{uuid4().hex[:6]}": "after=2"}) as watch:
            (monitor,) = watch.monitors.values()
            for number, deed in enumerate(deeds, start=1):
                await deed(watch, monitor)
                assert len(still_open(monitor)) <= 1
                assert [] == monitor.storms()
                if self._chance.random() < 0.15 or number == len(deeds):
                    await self._settle(watch, monitor)

    async def _settle(self, watch: PagerWatch, monitor: Monitor) -> None:
        """All is bad for long enough, and then all is well: one incident is open, and then none."""
        watch.mend()
        await monitor.settle("bad", checks=3)
        assert 1 == len(still_open(monitor))
        await monitor.settle("ok", checks=3)
        assert [] == still_open(monitor)

    async def _begin(self, watch: PagerWatch, monitor: Monitor) -> RunHandle:
        """A check, in which PagerDuty or a person may not be reached, or PagerDuty's answer may be lost."""
        watch.mend()
        match self._chance.choice(["", "", "lost", "refused", "deaf"]):
            case "lost":
                watch.sim.faults.add(action="reset", path=ENQUEUE, after=True)
            case "refused":
                watch.sim.faults.add(action="status", status=400, path=ENQUEUE)
            case "deaf":
                monitor.service.put("deaf", there=True)
            case _:
                pass
        return await monitor.begin(self._chance.choice(["ok", "bad", "bad"]))

    async def _check(self, watch: PagerWatch, monitor: Monitor) -> None:
        await monitor.end(await self._begin(watch, monitor))

    async def _cancel(self, watch: PagerWatch, monitor: Monitor) -> None:
        run = await self._begin(watch, monitor)
        await asyncio.sleep(self._chance.uniform(0, 0.3))  # any moment will do
        await monitor.cancel(run)
        await monitor.end(run)

    async def _kill(self, watch: PagerWatch, monitor: Monitor) -> None:
        run = await self._begin(watch, monitor)
        await asyncio.sleep(self._chance.uniform(0, 0.3))  # any moment will do
        await watch.kill()
        await watch.revive()
        await monitor.end(run)


def still_open(monitor: Monitor) -> list[str]:
    """The incidents of a monitor that are open."""
    return [incident.id for incident in monitor.incidents if incident.open]
