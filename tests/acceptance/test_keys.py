"""Two workers and many starts with a key: one run of a key at a time, nothing lost and nothing doubled."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest
from temporalio.client import Client

from resolute_worker.embedded import EmbeddedServer
from tests.patience import PATIENCE
from tests.worker.processes import started

FLOWS: Final = """
import os
from pathlib import Path
from pydantic import BaseModel
from resolute import TerminalError, branch, flow, input_data, node, repeat, signal, unverified, wait_for, webhook

class Work(BaseModel):
    key: str
    number: int
    last: bool = False

def write(work: Work) -> None:
    with open(f"{work.key}.done", "a") as done:
        done.write(f"{work.number}\\n")

@node
def alone(work: Work) -> None:
    lock = Path(f"{work.key}.lock")
    try:
        os.close(os.open(lock, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        raise TerminalError(f"two runs of key {work.key} at once") from None
    write(work)

@node
def leave(key: str) -> None:
    Path(f"{key}.lock").unlink()

@node
def note(work: Work) -> None:
    write(work)

work = input_data(Work)
queued = (
    flow("queued")
    .triggered_by(webhook("/queued", verify=unverified(), input=Work, key=work.key, while_running="queue"))
    .then(alone(work)).then(leave(work.key)).build()
)
heard = wait_for(signal("work", Work))
told = (
    flow("told")
    .triggered_by(webhook("/told", verify=unverified(), input=Work, key=work.key, while_running="tell", event="work"))
    .then(note(work))
    .then(repeat(branch().then(heard).then(note(heard.output)), until=heard.output.last == True, at_most=1000))
    .build()
)
"""
KEYS: Final = [f"key-{number}" for number in range(5)]
EACH: Final = 50
SENDERS: Final = 12


class Senders:
    """Sends deliveries to two workers, each until it is accepted, and every fifth of them again to the other one."""

    def __init__(self, urls: Sequence[str]) -> None:
        self.urls = urls
        self.first: Counter[str] = Counter()
        self.again: Counter[str] = Counter()
        self._free = asyncio.Semaphore(SENDERS)

    async def send(self, http: httpx.AsyncClient, path: str, key: str, number: int, *, last: bool = False) -> None:
        """Sends one delivery."""
        body = json.dumps({"key": key, "number": number, "last": last})
        async with self._free:
            for copy in range(2 if number % 5 == 0 else 1):
                is_open = False
                while True:
                    answer = await http.post(self.urls[(number + copy) % 2] + path, content=body)
                    if answer.status_code != 503:
                        break
                    is_open = True  # nobody knows whether a start was taken that Temporal did not confirm
                    await asyncio.sleep(0.2)  # as a sender does that is told to try again
                said: Any = answer.json()
                status = said.get("status", said.get("error"))
                if copy:
                    self.again[status] += 1
                elif not (is_open and status == "duplicate"):
                    self.first[status] += 1


async def ended(client: Client, run: str) -> None:
    """Waits until no start of a run's key waits, and the last run has ended."""
    line = client.get_workflow_handle(f"resolute.Line/{run}")
    while (status := await line.query("status"))["waiting"] or status["is_at_work"]:
        await asyncio.sleep(0.1)  # a line announces nothing


@pytest.mark.alone
@pytest.mark.timeout(900)
async def test_five_hundred_starts_with_a_key(tmp_path: Path) -> None:
    """Never two runs of a key at once; with `queue` no start is lost, with `tell` no event is lost or doubled."""
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "keyed.py").write_text(FLOWS)
    place = {
        "RESOLUTE_TASK_QUEUE": uuid4().hex,
        "RESOLUTE_HTTP_PORT": "0",
        "RESOLUTE_PLAN_KEYS": "k" * 32,
    }
    async with (
        EmbeddedServer(tmp_path / "temporal", port=0) as server,
        started("worker", folder=tmp_path, TEMPORAL_ADDRESS=server.address, **place) as one,
        started("worker", folder=tmp_path, TEMPORAL_ADDRESS=server.address, **place) as other,
        httpx.AsyncClient(timeout=PATIENCE) as http,
    ):
        senders = Senders([await one.url(), await other.url()])
        client = await Client.connect(server.address)
        await asyncio.gather(
            *(
                senders.send(http, path, f"{path[1:]}-{key}", number)
                for number in range(EACH - 1)
                for key in KEYS
                for path in ("/queued", "/told")
            )
        )
        for path in ("/queued", "/told"):
            last = [senders.send(http, path, f"{path[1:]}-{key}", EACH - 1, last=True) for key in KEYS]
            await asyncio.gather(*last)
        for path in ("queued", "told"):
            await asyncio.gather(*(ended(client, f"{path}/key/{path}-{key}") for key in KEYS))
        failed = [
            run.id async for run in client.list_workflows("WorkflowType = 'queued' AND ExecutionStatus = 'Failed'")
        ]

    done = {path.stem: Counter(map(int, path.read_text().split())) for path in tmp_path.glob("*.done")}
    once = Counter(range(EACH))
    assert {f"{path}-{key}": once for path in ("queued", "told") for key in KEYS} == done
    assert [] == failed
    assert {"started", "queued", "told"} == set(senders.first)
    assert {"duplicate": 2 * len(KEYS) * EACH // 5} == senders.again
