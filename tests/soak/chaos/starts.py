"""What runs under chaos, how it is started, and what is done to it from outside while it goes on."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
from temporalio.client import Client
from temporalio.service import RPCError

from resolute.plan.keyed import Keyed
from resolute.plan.values import JsonObject
from resolute.running.line import Start
from resolute.running.messages import MessageRefusedError
from resolute.temporal.client.client import start_run
from resolute.temporal.client.gates import decide_gate
from resolute.temporal.client.keyed import hand_in
from resolute.temporal.wire.finding import RunKey
from resolute.temporal.wire.messages import NoAnswerYetError, NotListeningError
from resolute.temporal.wire.start import without_plan
from resolute.writing.flow import Flow
from tests.keys import KEYS
from tests.soak.chaos.crew import Crew
from tests.soak.chaos.flows import GATE, HEALTH, HOOK

_OFTEN: Final = {"paged": 4, "undone": 4, "alone": 2, "hooked": 2, "asked": 1, "outer": 1, "spent": 1}
_ASK_A_BUDGET: Final = 100
"""Of so many runs, those that ask a budget ask the same one."""


INCIDENT_FOR: Final = 1_000
"""So many runs add their notes to the same incident, which takes at most 2,000 of them."""


def cases_of(seed: int, runs: int, incidents: Sequence[str]) -> Iterator[tuple[str, JsonObject]]:
    """What is started, one after the other: flows by their names, and their inputs."""
    chance = random.Random(seed)
    for number in range(runs):
        (flow,) = chance.choices([*_OFTEN], [*_OFTEN.values()])
        fails = flow == "undone" and chance.random() < 0.5
        key = str(number // _ASK_A_BUDGET) if flow == "spent" else chance.choice("abc")
        yield flow, {"number": number, "key": key, "incident": incidents[number // INCIDENT_FOR], "fails": fails}


@dataclass
class Starts:
    """Starts runs, each until it has been accepted, in every way in which runs are started."""

    client: Client
    workers: Crew
    flows: Mapping[str, Flow]
    queue: str = "resolute"

    async def make(self, flow: str, case: JsonObject) -> None:
        """Starts a run. A delivery comes twice, to any worker; whoever is asked decides."""
        name = run_of(flow, case)
        if flow == "hooked":
            for _ in range(2):
                await self._delivered(case)
            return
        started = None
        while True:
            try:
                if flow == "alone":
                    await self._handed_in(case)
                else:
                    plan = self.flows[flow].plan
                    started = await start_run(
                        self.client, plan, task_queue=self.queue, input_data=case, workflow_id=name, keys=KEYS
                    )
            except (RPCError, MessageRefusedError):
                await asyncio.sleep(0.5)  # the server, the worker or the disk is away
            else:
                break
        if flow == "asked" and started:
            await self._decided(RunKey(name, started.run_id or ""))

    async def _handed_in(self, case: JsonObject) -> None:
        run = Keyed(key=("key",)).run_id("alone", case)
        start = Start(id=f"start-{case['number']}", argument=without_plan(case), while_running="queue")
        await hand_in(self.client, "alone", run, start, task_queue=self.queue, keys=KEYS)

    async def _delivered(self, case: JsonObject) -> None:
        async with httpx.AsyncClient(timeout=10, verify=False) as http:
            while True:
                with contextlib.suppress(httpx.HTTPError, IndexError):
                    worker = random.choice(self.workers.members)
                    answer = await http.post(f"{await worker.url()}{HOOK}", json=case)
                    if answer.is_success:
                        return
                await asyncio.sleep(0.5)

    async def _decided(self, run: RunKey) -> None:
        while True:
            try:
                await decide_gate(self.client, run, GATE, approve=True, by="chaos", keys=KEYS)
            except NotListeningError:
                return  # it has ended: the answer to an earlier decision was lost
            except (RPCError, MessageRefusedError, NoAnswerYetError):
                await asyncio.sleep(0.5)
            else:
                return


def run_of(flow: str, case: JsonObject) -> str:
    """The workflow id of the run that a start makes; what has a key shares it with others."""
    number = case["number"]
    return f"hooked/webhook{HOOK}/{number}" if flow == "hooked" else f"{flow}-{number}"


def stands(folder: Path, health: str) -> None:
    """How the thing is that an alarm watches, from now on."""
    (folder / "next").write_text(health)
    (folder / "next").rename(folder / HEALTH)


async def come_and_go(folder: Path, seed: int, over: asyncio.Event) -> None:
    """It becomes bad, and well again, until it is over; then it is well."""
    chance, health = random.Random(seed), "ok"
    while not over.is_set():
        health = "bad" if health == "ok" else "ok"
        stands(folder, health)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), chance.uniform(3, 12))
    stands(folder, "ok")
