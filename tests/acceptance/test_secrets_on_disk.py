"""After deliveries, failures and restarts, no secret is on disk, in a log, or in a plan."""

import asyncio
import json
from pathlib import Path

import httpx
from temporalio.client import Client

from resolute_pagerduty.simulator import Limits, Simulator
from resolute_pagerduty.simulator.auth import ApiKey
from resolute_pagerduty.webhooks import sign
from tests.patience import PATIENCE
from tests.worker.processes import resolute, started

SECRETS = {
    "PAGERDUTY_WEBHOOK_SECRET": "webhook-secret-in-nobodys-log",
    "PAGERDUTY_API_KEY": "api-key-in-nobodys-log",
    "ALERT_KEY": "alert-key-in-nobodys-log",
}

FLOW = """
from resolute import flow, manual, node, secret, TerminalError
import resolute_pagerduty as pagerduty
from resolute_pagerduty import IncidentEvent

@node
async def leak(key: str) -> str:
    print("sent with a key")
    return f"sent with a key of {len(key)}"

@node
async def fail(key: str) -> str:
    raise TerminalError(f"refused: {key}")

on_incident = (
    flow("on-incident")
    .triggered_by(pagerduty.webhook("/pagerduty", events=["incident.triggered"]))
    .then(leak(secret("ALERT_KEY")).as_("sent"))
    .then(pagerduty.get_incident(id=pagerduty.event(IncidentEvent).data.id).as_("incident"))
    .build()
)
failing = flow("failing").triggered_by(manual("fail")).then(fail(secret("ALERT_KEY"))).build()
"""


async def delivered(url: str, secret: str, name: str, payload: object) -> httpx.Response:
    """Delivers a webhook as PagerDuty does; gives the answer."""
    body = json.dumps(payload).encode()
    headers = {"X-PagerDuty-Signature": sign(body, secret), "X-Webhook-Id": name}
    async with httpx.AsyncClient(timeout=PATIENCE) as http:
        return await http.post(url + "/pagerduty", content=body, headers=headers)


def event(incident: str) -> object:
    """An incident.triggered as PagerDuty sends it."""
    data = {"id": incident, "type": "incident", "title": "Checkout is down", "status": "triggered"}
    return {"event": {"id": "01EVENT", "event_type": "incident.triggered", "resource_type": "incident", "data": data}}


async def test_webhooks_start_one_run_and_leave_no_secret(tmp_path: Path) -> None:
    """Delivered five times, also after the run has closed: one run. Forged: 403. 2 MB: 413. No secret anywhere."""
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "on_incident.py").write_text(FLOW)
    async with Simulator.serve(limits=Limits.none()) as sim:
        sim.credentials.add_key(SECRETS["PAGERDUTY_API_KEY"], ApiKey(kind="account", name="tests"))
        incident = sim.add_incident("Checkout is down", sim.world.service)
        variables = {
            **SECRETS,
            "PAGERDUTY_API_URL": sim.url,
            "RESOLUTE_HTTP_PORT": "0",
            "RESOLUTE_EMBEDDED_PORT": "0",
            "RESOLUTE_LOG_LEVEL": "debug",
        }
        statuses: list[int] = []
        runs: set[str] = set()
        logs = ""
        for _ in range(2):  # the second time with another worker and another server, on the same state
            async with started("worker", "--embedded", folder=tmp_path, **variables) as worker:
                url, address = await worker.url(), await worker.temporal()
                answers = [
                    await delivered(url, SECRETS["PAGERDUTY_WEBHOOK_SECRET"], "delivery-1", event(incident.id))
                    for _ in range(3)
                ]
                run = str(answers[0].json()["flows"][0]["run"])
                client = await Client.connect(address)
                await client.get_workflow_handle(run).result()
                forged = await delivered(url, "not the secret", "delivery-2", event(incident.id))
                large = await delivered(url, SECRETS["PAGERDUTY_WEBHOOK_SECRET"], "delivery-3", "x" * 2_000_000)
                answers.append(
                    await delivered(url, SECRETS["PAGERDUTY_WEBHOOK_SECRET"], "delivery-1", event(incident.id))
                )
                statuses += [answer.status_code for answer in answers]
                runs |= {run}
                failed, _, said = await resolute(
                    "run", "failing", folder=tmp_path, TEMPORAL_ADDRESS=address, **variables
                )
                async with asyncio.timeout(PATIENCE):
                    while not [each async for each in client.list_workflows("WorkflowType = 'on-incident'")]:
                        await asyncio.sleep(0.05)  # the list is told of a run a moment after it has begun
                listed = await resolute(
                    "runs", "on-incident", "--json", folder=tmp_path, TEMPORAL_ADDRESS=address, **variables
                )
                plan = await resolute("graph", "on-incident", "--json", folder=tmp_path, **variables)
                await worker.stopped()
            logs += worker.output + said + listed[1] + plan[1]

            assert (403, 413, 1) == (forged.status_code, large.status_code, failed)
            assert [run] == [each["workflow_id"] for each in json.loads(listed[1])]

    assert [202, 200, 200, 200, 200, 200, 200, 200] == statuses
    assert 1 == len(runs)
    assert "sent with a key" in logs
    assert "refused: ***" in logs
    stored = b"".join(file.read_bytes() for file in (tmp_path / ".resolute").rglob("*") if file.is_file())
    assert runs.pop().encode() in stored
    for name, value in SECRETS.items():
        assert value.encode() not in stored, name
        assert value not in logs, name
