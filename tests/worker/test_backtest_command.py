"""`resolute backtest`: an edited file over runs that have ended."""

import asyncio
import json
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import Client

from resolute.execution.executor import NodeExecutor
from resolute.execution.secrets import Environment
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import start_run
from resolute.temporal.worker import temporal_worker
from resolute_worker.cli.app import run
from resolute_worker.discovery import discover
from resolute_worker.embedded import EmbeddedServer
from tests.keys import KEYS
from tests.worker.listing import listed

FLOW = """
from pydantic import BaseModel
from resolute import flow, input_data, manual, node

class Asked(BaseModel):
    load: int

@node
async def page(load: int) -> None: ...

watched = (
    flow("backtest-command").triggered_by(manual("go", input=Asked))
    .when(input_data(Asked).load > 5).then(page(input_data(Asked).load)).end_when()
    .build()
)
"""


async def test_an_edit_is_held_against_past_runs(
    client: Client,
    server: EmbeddedServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Unedited, nothing differs, and it ends with 0; edited, it names the pages of each run, and ends with 1."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", server.address)
    file = tmp_path / "watched.py"
    file.write_text(FLOW)
    flow = discover([file]).flows[0].flow
    queue = uuid.uuid4().hex
    activities = Activities([flow], NodeExecutor.for_flows([flow], environment=Environment({})), KEYS)
    async with temporal_worker(client, activities, task_queue=queue, graceful_shutdown=timedelta(0)):
        for load in (1, 4, 7):
            started = await start_run(client, flow.plan, task_queue=queue, input_data={"load": load}, keys=KEYS)
            await started.result()
            await listed(client, started.workflow_id, status="Completed")

    async def backtest(threshold: int, *options: str) -> tuple[int, str]:
        edited = tmp_path / f"edited_{threshold}.py"
        edited.write_text(FLOW.replace("> 5", f"> {threshold}"))
        capsys.readouterr()
        code = await asyncio.to_thread(run, ["backtest", "backtest-command", str(edited), "--since", "1h", *options])
        return code, capsys.readouterr().out

    code, out = await backtest(5)
    assert (0, "backtest-command: 3 runs, no difference\n") == (code, out)
    code, out = await backtest(3)
    assert (1, True) == (code, "+ page  page(load=4)" in out), out
    assert "3 runs, 2 same, 1 different" in out
    code, out = await backtest(9, "--json")
    assert ([{"step": "page", "node": "page", "arguments": {"load": 7}}], 1) == (
        json.loads(out)["by run"][2]["no_longer"],
        code,
    )
