"""The keys that seal plans are replaced while a run waits and its flow is edited; a run in flight notices nothing."""

import asyncio
import json
from pathlib import Path
from uuid import uuid4

from temporalio.client import Client

from resolute.temporal.client.client import RunHandle
from resolute.temporal.history.runs import describe_run
from resolute.temporal.schedules.control import describe_schedule
from tests.patience import PATIENCE
from tests.worker.processes import resolute, started

OLD, NEW = "the-older-key-of-the-two-in-this-test", "the-newer-key-of-the-two-in-this-test"

BEFORE = """
from pathlib import Path
from datetime import timedelta
from resolute import NodeError, SecretText, env, every, flow, manual, node, secret, Retry

@node(retry=Retry(attempts=0, initial=0.2, maximum=0.2))
async def wait_for(gate: str) -> str:
    if not Path(gate).exists():
        raise NodeError("the gate is shut")
    return "open"

@node
async def use(token: SecretText) -> int:
    return len(token)

journey = (
    flow("journey-NAME")
    .triggered_by(manual("go"))
    .then(wait_for(env("GATE")).as_("gate"))
    .then(use(secret("TOKEN_THAT_GOES")).as_("used"))
    .build()
)
daily = flow("daily-NAME").triggered_by(every(timedelta(days=1), paused=True)).then(use(secret("OTHER_TOKEN"))).build()
"""

# What the run in flight will read is in no flow any more.
AFTER = BEFORE.replace("TOKEN_THAT_GOES", "OTHER_TOKEN").replace('env("GATE")', '"/"')


async def test_a_rotation_breaks_no_run_in_flight(tmp_path: Path, temporal_client: Client) -> None:
    """A run that was sealed with the old key goes on under a worker that seals with the new one and knows the old."""
    file, gate, name = tmp_path / "journey.py", tmp_path / "gate", uuid4().hex[:8]
    place = {
        "TEMPORAL_ADDRESS": temporal_client.service_client.config.target_host,
        "RESOLUTE_TASK_QUEUE": name,
        "RESOLUTE_HTTP_PORT": "0",
        "RESOLUTE_FLOWS": str(file),
        "GATE": str(gate),
        "TOKEN_THAT_GOES": "seven-and-twenty-characters",
        "OTHER_TOKEN": "other",
    }
    file.write_text(BEFORE.replace("NAME", name))
    async with started("worker", folder=tmp_path, **place, RESOLUTE_PLAN_KEYS=OLD) as worker:
        await worker.url()
        _, printed, _ = await resolute(
            "run", f"journey-{name}", "--local", "--no-wait", "--json", folder=tmp_path, **place, RESOLUTE_PLAN_KEYS=OLD
        )
        run = json.loads(printed)["run"]
        await worker.line("the gate is shut")
        await worker.stopped()
    file.write_text(AFTER.replace("NAME", name))
    async with started("worker", folder=tmp_path, **place, RESOLUTE_PLAN_KEYS=f"{NEW},{OLD}") as worker:
        await worker.line("the gate is shut")
        updated = await worker.line("schedule updated")
        gate.touch()
        async with asyncio.timeout(PATIENCE):
            result = await RunHandle(temporal_client.get_workflow_handle(run), "journey").result()
        new = await resolute(
            "run", f"journey-{name}", "--local", "--json", folder=tmp_path, **place, RESOLUTE_PLAN_KEYS=NEW
        )
        forged = await resolute(
            "run", f"journey-{name}", "--local", "--json", folder=tmp_path, **place, RESOLUTE_PLAN_KEYS="x" * 32
        )
        daily = await describe_schedule(temporal_client, f"daily-{name}")
        await worker.stopped()

    assert {"gate": "open", "used": 27} == result
    assert f"daily-{name}" in updated
    assert daily.paused
    assert {"gate": "open", "used": 5} == json.loads(new[1])["result"]
    assert "does not have: compare RESOLUTE_PLAN_KEYS" in json.loads(forged[1])["failure"]["message"]
    report = (await describe_run(temporal_client, run)).report
    assert report is not None
    assert "completed" == report.status
