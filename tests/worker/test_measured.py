"""What a worker measures, as Prometheus reads it: right after runs, and the same where histories are read again."""

import asyncio
import contextlib
import random
import socket
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from temporalio.client import Client
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig

from resolute import alarm, budget, flow, manual, node, output, sleep
from resolute.execution.executor import NodeExecutor
from resolute.execution.secrets import Environment
from resolute.plan.errors import FlowError
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import start_run
from resolute.temporal.worker import temporal_worker
from resolute.temporal.workflows.meters import METRICS, Meters
from resolute_worker.measuring import Gauges, observer
from tests.keys import KEYS
from tests.patience import PATIENCE
from tests.worker.processes import started

FAILS = {"left": 1}

FLOWS = """
from datetime import timedelta
from resolute import every, flow, node, unverified, webhook

@node
async def look() -> str:
    return "well"

seen = (
    flow("seen").triggered_by(every(timedelta(seconds=1)), webhook("/seen", verify=unverified())).then(look()).build()
)
"""


@node(effect="pure")
async def flaky() -> str:
    if FAILS["left"]:
        FAILS["left"] -= 1
        raise OSError("not yet")
    return "well"


@node(effect="pure")
async def broken() -> str:
    raise OSError("never")


def free_port() -> int:
    """A port that is free, and below those that systems give to whoever asks for any."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as made, contextlib.suppress(OSError):
            made.bind(("127.0.0.1", port))
            return port


async def read(port: int) -> dict[str, float]:
    """Every measurement of ours, by its name and labels in their order."""
    async with httpx.AsyncClient(timeout=PATIENCE) as http:
        text = (await http.get(f"http://127.0.0.1:{port}/metrics")).text
    found: dict[str, float] = {}
    for line in text.splitlines():
        if line.startswith("resolute_"):
            name, _, number = line.rpartition(" ")
            found[name] = float(number)
    return found


@pytest.mark.parametrize("cached", [1000, 0])
async def test_runs_are_counted_once(client: Client, cached: int) -> None:
    """Runs, checks, alarms and budgets by outcome, attempts by step: also where each task reads the history again."""
    FAILS["left"] = 1
    port, end = free_port(), uuid4().hex[:6]
    runtime = Runtime(
        telemetry=TelemetryConfig(
            metrics=PrometheusConfig(f"127.0.0.1:{port}", counters_total_suffix=True), attach_service_name=False
        )
    )
    meters = Meters(runtime.metric_meter)
    pause = sleep(timedelta(milliseconds=10))
    good = (
        flow(f"good-{end}")
        .triggered_by(manual("go"))
        .then(flaky().as_("flaky").retry(2, initial=timedelta(milliseconds=10)))
        .then(pause)
        .build()
    )
    bad = (
        flow(f"bad-{end}")
        .triggered_by(manual("go"))
        .then(pause)
        .then(broken().as_("broken").retry(2, initial=timedelta(milliseconds=10)))
        .build()
    )
    granted = budget(f"pages-{end}", at_most=1, per=timedelta(days=1)).as_("granted")
    watched = (
        flow(f"watched-{end}")
        .triggered_by(manual("go"))
        .then(flaky().as_("flaky"))
        .then(alarm("down", bad=output("flaky") == "well", raise_after=3))
        .then(granted)
        .then(pause)
        .build()
    )
    executor = NodeExecutor.for_flows([good, bad, watched], environment=Environment({}))
    executor.observe = observer(meters)
    activities, queue = Activities([good, bad, watched], executor, KEYS, meters=meters), uuid4().hex
    async with temporal_worker(
        client, activities, task_queue=queue, graceful_shutdown=timedelta(0), max_cached_workflows=cached
    ):
        for each in (good, good, bad, watched, watched):
            run = await start_run(client, each.plan, task_queue=queue, keys=KEYS)
            try:
                await run.result()
            except FlowError:
                assert each is bad
        Gauges(meters, lambda: None, tuple).measure()
        found = await read(port)

    def of(name: str) -> dict[str, float]:
        return {key.removeprefix(name): number for key, number in found.items() if key.startswith(name + "{")}

    assert {
        f'{{flow="good-{end}",outcome="completed"}}': 2,
        f'{{flow="bad-{end}",outcome="failed"}}': 1,
        f'{{flow="watched-{end}",outcome="completed"}}': 2,
    } == of("resolute_runs_total")
    assert {
        f'{{flow="good-{end}",outcome="quiet"}}': 2,
        f'{{flow="bad-{end}",outcome="broken"}}': 1,
        f'{{flow="watched-{end}",outcome="pending"}}': 1,
        f'{{flow="watched-{end}",outcome="over budget"}}': 1,
    } == of("resolute_checks_total")
    assert {
        f'{{flow="watched-{end}",outcome="pending",step="down"}}': 2,
        f'{{flow="watched-{end}",outcome="over budget",step="granted"}}': 1,
    } == of("resolute_watched_total")
    assert {f'{{budget="pages-{end}"}}': 0} == of("resolute_budget_left")
    assert {
        f'{{flow="good-{end}",outcome="failed",step="flaky"}}': 1,
        f'{{flow="good-{end}",outcome="completed",step="flaky"}}': 2,
        f'{{flow="bad-{end}",outcome="failed",step="broken"}}': 2,
        f'{{flow="watched-{end}",outcome="completed",step="flaky"}}': 2,
    } == of("resolute_attempts_total")
    assert {
        f'{{flow="good-{end}",step="flaky"}}': 1,
        f'{{flow="bad-{end}",step="broken"}}': 1,
    } == of("resolute_retries_total")
    assert (0.0, {2.0, 1.0}) == (found["resolute_paused"], set(of("resolute_run_seconds_count").values()))
    assert 0.0 == found["resolute_brake"]


async def test_a_worker_is_measured_where_it_is_asked_to(client: Client, tmp_path: Path) -> None:
    """RESOLUTE_METRICS_ADDRESS with a port alone serves this machine: runs, their delay, and webhook answers."""
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "seen.py").write_text(FLOWS)
    port = free_port()
    variables = {
        "TEMPORAL_ADDRESS": client.service_client.config.target_host,
        "RESOLUTE_TASK_QUEUE": uuid4().hex,
        "RESOLUTE_HTTP_PORT": "0",
        "RESOLUTE_METRICS_ADDRESS": str(port),
    }
    wanted = ("resolute_run_late_seconds_count", "resolute_webhook_answers_total", "resolute_findings")
    async with started("worker", folder=tmp_path, **variables) as worker:
        url = await worker.url()
        async with httpx.AsyncClient(timeout=PATIENCE) as http:
            assert 202 == (await http.post(f"{url}/seen", json={})).status_code
        async with asyncio.timeout(PATIENCE):
            found = await read(port)
            while not all(any(key.startswith(name) for key in found) for name in wanted):
                await asyncio.sleep(0.2)
                found = await read(port)

    known = {metric.name for metric in METRICS}
    ours = {key.partition("{")[0] for key in found}
    assert set() == {name for name in ours if not any(name.startswith(each) for each in known)}
    assert 1.0 == found['resolute_webhook_answers_total{path="/seen",status="202"}']
