"""A heartbeat through kill -9 of the worker and of its server: the last beat is kept, and an outage starts one run."""

import asyncio
import json
import os
import signal
from datetime import datetime
from pathlib import Path

import httpx
from temporalio.client import Client

from resolute.temporal.client.beating import find_heartbeat
from resolute.temporal.history.runs import list_runs
from tests.patience import PATIENCE
from tests.worker.processes import resolute, started

FLOW = """
from datetime import timedelta
from resolute import MissedBeat, flow, heartbeat, input_data, node, path_token, secret

@node(effect="pure")
async def keep(path: str) -> str:
    return path

backup = (
    flow("backup")
    .triggered_by(
        heartbeat(
            "/beat/backup",
            every=timedelta(seconds=5),
            grace=timedelta(seconds=1),
            verify=path_token(secret("BEAT_TOKEN")),
        )
    )
    .then(keep(input_data(MissedBeat).path).as_("kept"))
    .build()
)
"""

TOKEN = "token-of-the-backup"


async def test_the_last_beat_survives_kill_9_of_worker_and_server(tmp_path: Path) -> None:
    """Both are killed between two beats: the next worker knows the last one, and starts one run for the next."""
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "backup.py").write_text(FLOW)
    variables = {"RESOLUTE_HTTP_PORT": "0", "RESOLUTE_EMBEDDED_PORT": "0", "BEAT_TOKEN": TOKEN}

    async with started("worker", "--embedded", folder=tmp_path, **variables) as first:
        async with httpx.AsyncClient(timeout=PATIENCE) as http:
            heard = await http.get(f"{await first.url()}/beat/backup/{TOKEN}")
        client = await Client.connect(await first.temporal())
        before = await find_heartbeat(client, "backup", "/beat/backup")
        for pid in (*first.children(), first.process.pid):
            os.kill(pid, signal.SIGKILL)

    async with started("worker", "--embedded", folder=tmp_path, **variables) as second:
        await second.url()
        address = await second.temporal()
        client = await Client.connect(address)
        async with asyncio.timeout(PATIENCE):
            while not [run for run in await list_runs(client, flows=["backup"]) if run.status == "completed"]:
                await asyncio.sleep(0.1)
        code, printed, said = await resolute("beats", "--json", folder=tmp_path, TEMPORAL_ADDRESS=address)
        runs = await list_runs(client, flows=["backup"])

    assert (200, 0) == (heard.status_code, code), said
    assert before is not None
    assert before.last_beat is not None
    (after,) = json.loads(printed)
    assert ("missing", before.last_beat) == (after["state"], datetime.fromisoformat(after["last_beat"]))
    assert 1 == len(runs)
    assert TOKEN not in first.output + second.output
