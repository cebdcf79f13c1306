"""What monitoring tools send, as they send it: Alertmanager, Grafana, and whatever sends events to PagerDuty."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pagerduty import EventsApiV2Client
from temporalio.client import Client

import resolute_alertmanager as alertmanager
import resolute_grafana as grafana
import resolute_pagerduty as pagerduty
from flows.event_gateway import event_gateway
from resolute import Flow, flow, node
from resolute.execution.secrets import Environment
from resolute_pagerduty.inlet import verify
from resolute_pagerduty.simulator import Simulator
from resolute_pagerduty.simulator.world import WORLD
from resolute_worker.deploying import Load
from resolute_worker.process import Running, running
from resolute_worker.settings import Settings
from tests.patience import PATIENCE
from tests.providers.pagerduty.harness import config_for

KEY = "inlet-key-0123456789abcdef012345"
SECRETS = {
    "ALERTMANAGER_WEBHOOK_TOKEN": "token-of-alertmanager",
    "GRAFANA_WEBHOOK_SECRET": "secret-of-grafana",
    "PAGERDUTY_INLET_ROUTING_KEY": KEY,
    "PAGERDUTY_ROUTING_KEY": WORLD.routing_key,
}

# As https://prometheus.io/docs/alerting/latest/configuration/#webhook_config has it.
FROM_ALERTMANAGER: dict[str, Any] = {
    "version": "4",
    "groupKey": '{}:{alertname="HighLatency"}',
    "truncatedAlerts": 0,
    "status": "firing",
    "receiver": "resolute",
    "groupLabels": {"alertname": "HighLatency"},
    "commonLabels": {"alertname": "HighLatency", "severity": "critical"},
    "commonAnnotations": {"summary": "p99 above 2 s"},
    "externalURL": "http://alertmanager.example:9093",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "HighLatency", "severity": "critical", "instance": "web-1"},
            "annotations": {"summary": "p99 above 2 s"},
            "startsAt": "2026-03-02T09:52:26.739266876+01:00",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus.example:9090/graph",
            "fingerprint": "1a30ba71cca2921f",
        }
    ],
}

# What Grafana adds, as its page on the webhook notifier has it.
FROM_GRAFANA: dict[str, Any] = {
    **FROM_ALERTMANAGER,
    "version": "1",
    "orgId": 1,
    "state": "alerting",
    "title": "[FIRING:1] HighLatency",
    "message": "p99 above 2 s",
    "alerts": [
        {
            **FROM_ALERTMANAGER["alerts"][0],
            "values": {"B": 44.23943737541908, "C": 1},
            "valueString": "[ var='B' value=44.2 ]",
            "silenceURL": "https://grafana.example/alerting/silence/new",
            "dashboardURL": "",
            "panelURL": "",
        }
    ],
}

EVENT: dict[str, Any] = {
    "routing_key": KEY,
    "event_action": "trigger",
    "payload": {"summary": "p99 above 2 s", "source": "web-1", "severity": "error", "class": "latency"},
}


@node
async def keep(said: list[Any]) -> list[Any]:
    return said


def from_alertmanager() -> Flow:
    said = alertmanager.notification()
    kept = keep([said.status, said.group_key, said.common_labels["severity"], said.alerts[0].ends_at])
    return flow(f"prometheus-{uuid4().hex[:6]}").triggered_by(alertmanager.webhook("/a")).then(kept.as_("kept")).build()


def from_grafana() -> Flow:
    said = grafana.notification()
    kept = keep([said.title, said.alerts[0].values["B"], said.alerts[0].silence_url])
    return flow(f"grafana-{uuid4().hex[:6]}").triggered_by(grafana.webhook("/g")).then(kept.as_("kept")).build()


@asynccontextmanager
async def serving(client: Client, *flows: Flow, sim: Simulator | None = None) -> AsyncGenerator[Running]:
    """A worker that serves the webhooks of flows on a free port, with PagerDuty where there is one."""
    load = Load(flows=flows, released=datetime(2026, 1, 1, tzinfo=UTC))
    settings = Settings(task_queue=uuid4().hex, http_port=0, shutdown_seconds=1)
    providers = [] if sim is None else [pagerduty.PagerDuty(config_for(sim))]
    async with running(
        load, settings=settings, environment=Environment(SECRETS), client=client, providers=providers
    ) as worker:
        yield worker


async def post(worker: Running, path: str, body: bytes, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(timeout=PATIENCE) as http:
        return await http.post(worker.http.url + path, content=body, headers=headers)


async def test_alertmanager_starts_a_run_for_each_change_of_a_group(client: Client) -> None:
    """Its fields are typed and named as in Python. A repeat of the unchanged group starts none."""
    flow_of_it, body = from_alertmanager(), json.dumps(FROM_ALERTMANAGER).encode()
    token = f"Bearer {SECRETS['ALERTMANAGER_WEBHOOK_TOKEN']}"
    async with serving(client, flow_of_it) as worker:
        first = await post(worker, "/a", body, Authorization=token)
        again = await post(worker, "/a", body, Authorization=token)
        resolved = await post(worker, "/a", body.replace(b"firing", b"resolved"), Authorization=token)
        stranger = await post(worker, "/a", body, Authorization="Bearer another")
        result = await client.get_workflow_handle(first.json()["flows"][0]["run"]).result()

    assert [202, 200, 202, 403] == [each.status_code for each in (first, again, resolved, stranger)]
    assert {"kept": ["firing", '{}:{alertname="HighLatency"}', "critical", None]} == result


async def test_grafana_starts_a_run_by_its_signature(client: Client) -> None:
    """What Grafana adds to Alertmanager's format is there; the signature is the HMAC of the body in its own header."""
    flow_of_it, body = from_grafana(), json.dumps(FROM_GRAFANA).encode()
    signature = hmac.new(SECRETS["GRAFANA_WEBHOOK_SECRET"].encode(), body, hashlib.sha256).hexdigest()
    async with serving(client, flow_of_it) as worker:
        signed = await post(worker, "/g", body, **{"X-Grafana-Alerting-Signature": signature})
        changed = await post(worker, "/g", body + b" ", **{"X-Grafana-Alerting-Signature": signature})
        result = await client.get_workflow_handle(signed.json()["flows"][0]["run"]).result()

    assert [202, 403] == [signed.status_code, changed.status_code]
    assert {
        "kept": ["[FIRING:1] HighLatency", 44.23943737541908, "https://grafana.example/alerting/silence/new"]
    } == result


async def test_events_for_pagerduty_go_through_the_ready_flow(client: Client) -> None:
    """PagerDuty's own client sends to the worker and gets its usual answer; a page follows where the alert lasts."""
    tool: Any = EventsApiV2Client(KEY)
    with closing(tool):
        async with Simulator.serve() as sim, serving(client, event_gateway, sim=sim) as worker:
            vars(tool)["_url"] = worker.http.url  # its setter insists on https, which a proxy would speak
            damped = await asyncio.to_thread(tool.trigger, "A note", "web-1", severity="info")
            key = [await asyncio.to_thread(tool.trigger, "p99 above 2 s", "web-1", severity="error") for _ in range(2)]
            opened = await _incidents(sim, "triggered")
            await asyncio.to_thread(tool.resolve, key[0])
            closed = await _incidents(sim, "resolved")

    assert key[0] == key[1] != damped
    assert [["p99 above 2 s"], ["p99 above 2 s"]] == [opened, closed]


async def test_what_alertmanager_says_of_a_group_is_said_as_it_says_it(client: Client) -> None:
    """A title and a key for an incident, made as Alertmanager makes them for pagers; a group with other labels too."""
    said = alertmanager.notification()
    keeps = keep([said.title, said.dedup_key])
    titled = flow(f"titled-{uuid4().hex[:6]}").triggered_by(alertmanager.webhook("/t")).then(keeps.as_("kept")).build()
    changed = {"groupLabels": {"job": "web", "alertname": "HighLatency"}, "commonLabels": {"severity": "critical"}}
    body, token = json.dumps({**FROM_ALERTMANAGER, **changed}).encode(), SECRETS["ALERTMANAGER_WEBHOOK_TOKEN"]
    async with serving(client, titled) as worker:
        sent = await post(worker, "/t", body, Authorization=f"Bearer {token}")
        result = await client.get_workflow_handle(sent.json()["flows"][0]["run"]).result()

    digest = hashlib.sha256(FROM_ALERTMANAGER["groupKey"].encode()).hexdigest()
    assert {"kept": ["[FIRING:1] HighLatency web (critical)", digest]} == result


async def _incidents(sim: Simulator, status: str) -> list[str]:
    """The titles of all incidents, as soon as one has the status."""
    async with asyncio.timeout(PATIENCE):
        while status not in [each.status for each in sim.incidents()]:
            await asyncio.sleep(0.05)
    return [each.title for each in sim.incidents()]


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (EVENT, 202),
        ({**EVENT, "routing_key": "of-somebody-else"}, 403),
        ({name: value for name, value in EVENT.items() if name != "routing_key"}, 400),
        ([], 400),
    ],
)
def test_an_event_proves_its_sender_by_its_routing_key(event: object, status: int) -> None:
    """A wrong key is refused, and what is no event."""
    assert status == verify({}, {}, json.dumps(event).encode(), [KEY]).status


REFUSED: list[dict[str, Any]] = [
    {"event_action": "resolve"},
    {"event_action": "page"},
    {"payload": None},
    {"payload": {**EVENT["payload"], "severity": "bad"}},
    {"dedup_key": "k" * 256},
]


async def test_what_pagerduty_would_refuse_is_refused(client: Client) -> None:
    """The sender gets 400 and reads which field it is."""
    taken = flow(f"taken-{uuid4().hex[:6]}").triggered_by(pagerduty.events_api()).then(keep([1]).as_("kept")).build()
    async with serving(client, taken, sim=Simulator()) as worker:
        answers = [await post(worker, "/v2/enqueue", json.dumps({**EVENT, **changed}).encode()) for changed in REFUSED]

    assert [400] * len(REFUSED) == [answer.status_code for answer in answers]
    for changed, answer in zip(REFUSED, answers, strict=True):
        assert [name for name in (*changed, "dedup_key") if name in answer.json()["error"]], answer.json()


async def test_the_routing_key_is_no_part_of_the_run(client: Client) -> None:
    """Nobody who reads the history can send events in the tool's name; equal events without a key share one."""
    taken = flow(f"taken-{uuid4().hex[:6]}").triggered_by(pagerduty.events_api()).then(keep([1]).as_("kept")).build()
    async with serving(client, taken, sim=Simulator()) as worker:
        answers = [await post(worker, "/v2/enqueue", json.dumps(EVENT).encode()) for _ in range(2)]
        async with asyncio.timeout(PATIENCE):
            while not (runs := [run async for run in client.list_workflows(f"WorkflowType = '{taken.name}'")]):
                await asyncio.sleep(0.05)  # the list lags behind
        histories = [
            (await client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history()).to_json() for run in runs
        ]

    assert [202, 202] == [answer.status_code for answer in answers]
    assert 1 == len({answer.json()["dedup_key"] for answer in answers})
    assert {"status", "message", "dedup_key"} == set(answers[0].json())
    assert not [history for history in histories if KEY in history]
