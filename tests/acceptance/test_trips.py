"""Neighbours in the local lane go to their worker in one trip: kill -9 and a pause in the middle of one."""

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from temporalio.client import Client

from tests.patience import PATIENCE
from tests.worker.processes import started

FLOW = """
import asyncio
from datetime import timedelta
from pathlib import Path
from resolute import flow, manual, node, sleep

def note(step):
    with Path("journal").open("a") as journal:
        journal.write(step + "\\n")

@node(lane="local")
async def quick(name: str) -> str:
    note(name)
    return name

@node(lane="local")
async def at_gate(name: str) -> str:
    note(name)
    print("at the gate", flush=True)
    while not Path("gate").exists():
        await asyncio.sleep(0.02)
    return name

tripping = (
    flow("tripping").triggered_by(manual("go"))
    .then(quick("before").as_("before"))
    .then(sleep(timedelta(milliseconds=10)))
    .then(quick("one").as_("one"))
    .then(at_gate("two").as_("two"))
    .then(quick("three").as_("three"))
    .build()
)
"""


async def test_a_kill_in_a_trip_repeats_only_what_was_not_recorded(tmp_path: Path, temporal_client: Client) -> None:
    """A worker that is killed at the second of three neighbours has two made again, and nothing before them."""
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "tripping.py").write_text(FLOW)
    place = {
        "TEMPORAL_ADDRESS": temporal_client.service_client.config.target_host,
        "RESOLUTE_TASK_QUEUE": uuid4().hex,
        "RESOLUTE_HTTP_PORT": "0",
    }
    async with started("worker", folder=tmp_path, **place) as first:
        await first.url()
        # Temporal gives a task to another worker when its time is over, by default after ten seconds. A task that takes
        # longer without a kill is repeated as well, so this is far more than one takes.
        run = await temporal_client.start_workflow(
            "tripping", id=uuid4().hex, task_queue=place["RESOLUTE_TASK_QUEUE"], task_timeout=timedelta(seconds=5)
        )
        await first.line("at the gate")
        first.process.kill()
        await first.ended()
    (tmp_path / "gate").touch()
    async with started("worker", folder=tmp_path, **place) as second, asyncio.timeout(PATIENCE):
        result = await run.result()
        await second.stopped()

    assert {"before": "before", "one": "one", "two": "two", "three": "three"} == result
    assert {"before": 1, "one": 2, "two": 2, "three": 1} == Counter((tmp_path / "journal").read_text().split())
