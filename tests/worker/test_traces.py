"""Traces as a collector gets them: one for each run, from its webhook to its requests, and each span once."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from resolute import TerminalError, child, current_call, flow, manual, node, sleep
from resolute.execution.executor import NodeExecutor
from resolute.execution.secrets import Environment
from resolute.plan.errors import FlowError
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import start_run
from resolute.temporal.wire.tracing import CURRENT, Parent, traced_client
from resolute.temporal.worker import temporal_worker
from resolute_pagerduty.simulator import Limits, Simulator
from resolute_pagerduty.simulator.auth import ApiKey
from resolute_worker.serving.server import HttpServer
from resolute_worker.spans import is_traced
from resolute_worker.tracing import Tracing
from tests.keys import KEYS
from tests.patience import PATIENCE
from tests.worker.processes import resolute, started

ABOVE = Parent("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
PRIVATE = "zz-private-zz"

FLOWS = """
from resolute import flow, input_data, node, signal, unverified, wait_for, webhook
import resolute_pagerduty as pagerduty
from pydantic import BaseModel

class Said(BaseModel):
    word: str

@node
async def look(word: str) -> str:
    return word

class Turn(BaseModel):
    key: str
    waits: bool

turns = (
    flow("traced-turns")
    .triggered_by(webhook("/turns", input=Turn, key=input_data(Turn).key, verify=unverified()))
    .when(input_data(Turn).waits)
    .then(wait_for(signal("go", Said)).as_("told"))
    .end_when()
    .then(look(input_data(Turn).key).as_("first"))
    .build()
)

seen = (
    flow("traced-seen")
    .triggered_by(webhook("/traced", verify=unverified()))
    .then(look("zz-private-zz").as_("first"))
    .then(wait_for(signal("go", Said)).as_("told"))
    .then(pagerduty.get_incident(id="INCIDENT").as_("incident"))
    .build()
)
"""


@dataclass
class Collector:
    """What came to an OTLP collector."""

    spans: list[Span] = field(default_factory=list[Span])
    raw: bytes = b""
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: Request) -> Response:
        body = await request.body()
        self.raw += body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.spans += [span for scope in resource.scope_spans for span in scope.spans]
        self.news.set()
        return Response(status_code=200, media_type="application/x-protobuf")

    async def holds(self, name: str, count: int = 1) -> list[Span]:
        """The spans of a name, as soon as there are so many."""
        async with asyncio.timeout(PATIENCE):
            while len(found := [span for span in self.spans if span.name == name]) < count:
                self.news.clear()
                await self.news.wait()
        return found


@asynccontextmanager
async def collecting() -> AsyncGenerator[tuple[Collector, str]]:
    """A collector, and its address."""
    collector = Collector()
    app = Starlette(routes=[Route("/v1/traces", collector.take, methods=["POST"])])
    async with HttpServer(app, "127.0.0.1", 0) as server:
        yield collector, server.url


async def test_one_trace_from_the_webhook_to_pagerduty(client: Client, tmp_path: Path) -> None:
    """A sender's trace goes on through run, steps and requests, each span once, also when a worker is killed in it."""
    async with Simulator.serve(limits=Limits.none()) as sim, collecting() as (collector, endpoint):
        sim.credentials.add_key("key-of-the-tests", ApiKey(kind="account", name="tests"))
        incident = sim.add_incident("Checkout is down", sim.world.service)
        (tmp_path / "flows").mkdir()
        (tmp_path / "flows" / "seen.py").write_text(FLOWS.replace("INCIDENT", incident.id))
        variables = {
            "TEMPORAL_ADDRESS": client.service_client.config.target_host,
            "RESOLUTE_TASK_QUEUE": uuid4().hex,
            "RESOLUTE_HTTP_PORT": "0",
            "PAGERDUTY_API_URL": sim.url,
            "PAGERDUTY_API_KEY": "key-of-the-tests",
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }
        async with started("worker", folder=tmp_path, **variables) as worker:
            url = await worker.url()
            async with httpx.AsyncClient(timeout=PATIENCE) as http:
                answer = await http.post(f"{url}/traced", json={}, headers={"traceparent": str(ABOVE)})
            run = str(answer.json()["flows"][0]["run"])
            await collector.holds("POST /traced")
            await collector.holds("step first")
            await _recorded(client, run)
            worker.process.kill()
        async with started("worker", folder=tmp_path, **variables) as worker:
            await worker.url()
            told = await resolute("tell", run, "go", '{"word": "zz-private-zz"}', folder=tmp_path, **variables)
            (ended,) = await collector.holds("run traced-seen")
            line = await worker.line("run completed")
            await worker.stopped()

    spans = {span.name: span for span in collector.spans}
    parents = {
        name: next((other.name for other in collector.spans if other.span_id == span.parent_span_id), "")
        for name, span in spans.items()
    }
    assert (202, 0) == (answer.status_code, told[0]), told
    assert {bytes.fromhex(ABOVE.trace_id)} == {span.trace_id for span in collector.spans}
    assert sorted(["POST /traced", "run traced-seen", "step first", "step incident", "GET"]) == sorted(
        span.name for span in collector.spans
    )
    assert {
        "POST /traced": "",
        "run traced-seen": "POST /traced",
        "step first": "run traced-seen",
        "step incident": "run traced-seen",
        "GET": "step incident",
    } == parents
    assert bytes.fromhex(ABOVE.span_id) == spans["POST /traced"].parent_span_id
    assert ABOVE.trace_id in line
    assert ended.end_time_unix_nano > ended.start_time_unix_nano
    assert 0 == collector.raw.count(PRIVATE.encode()) + collector.raw.count(b"key-of-the-tests")


async def _recorded(client: Client, run: str) -> None:
    """Waits until the first step of a run has ended for Temporal as well; else it would be made once more."""
    async with asyncio.timeout(PATIENCE):
        async for event in client.get_workflow_handle(run).fetch_history_events(wait_new_event=True):
            if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
                return


async def test_a_start_that_waits_keeps_its_trace(client: Client, tmp_path: Path) -> None:
    """Each run of a key is below its own webhook, also where it has waited for the end of the one before."""
    others = Parent("1" * 32, "2" * 16), Parent("3" * 32, "4" * 16)
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "turns.py").write_text(FLOWS)
    async with collecting() as (collector, endpoint):
        variables = {
            "TEMPORAL_ADDRESS": client.service_client.config.target_host,
            "RESOLUTE_TASK_QUEUE": uuid4().hex,
            "RESOLUTE_HTTP_PORT": "0",
            "PAGERDUTY_API_KEY": "key-of-the-tests",
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }
        key = uuid4().hex
        async with started("worker", folder=tmp_path, **variables) as worker:
            url = await worker.url()
            async with httpx.AsyncClient(timeout=PATIENCE) as http:
                answers = [
                    await http.post(
                        f"{url}/turns", json={"key": key, "waits": waits}, headers={"traceparent": str(above)}
                    )
                    for waits, above in zip((True, False), others, strict=True)
                ]
            became = [answer.json()["flows"][0] for answer in answers]
            told = await resolute("tell", became[0]["run"], "go", '{"word": "now"}', folder=tmp_path, **variables)
            runs = await collector.holds("run traced-turns", 2)
            await worker.stopped()

    posted = {span.trace_id.hex(): span.span_id for span in collector.spans if span.name == "POST /turns"}
    assert (["started", "queued"], 0) == ([each["status"] for each in became], told[0]), told
    assert [each.trace_id for each in others] == [span.trace_id.hex() for span in runs]
    assert [posted[each.trace_id] for each in others] == [span.parent_span_id for span in runs]


FAILS = {"left": 0}
MADE: list[tuple[str, str]] = []
"""The attempts of calls, each with its run's: where nothing is cached, a call of the local lane can come again."""


def note_attempt() -> None:
    call = current_call()
    MADE.append((f"step {call.step}", f"run {call.flow}"))


@node
async def flaky(word: str) -> str:
    note_attempt()
    if FAILS["left"]:
        FAILS["left"] -= 1
        raise OSError(word)
    return word


@node
async def broken(word: str) -> str:
    note_attempt()
    raise TerminalError(word)


below = flow("traced-below").triggered_by(manual("go")).then(flaky(PRIVATE).lane("local").as_("deep")).build()
quick = timedelta(milliseconds=10)
traced = (
    flow("traced")
    .triggered_by(manual("go"))
    .then(flaky(PRIVATE).retry(2, initial=quick).as_("one"))
    .then(sleep(quick))
    .then(flaky(PRIVATE).lane("local").as_("two"))
    .then(flaky(PRIVATE).lane("local").as_("three"))
    .then(child(below).as_("below"))
    .then(broken(PRIVATE).as_("last"))
    .build()
)


@pytest.mark.parametrize("place", ["cached", "replaying", "continued"])
async def test_spans_are_made_once(client: Client, place: str) -> None:
    """Runs, attempts and children: also where each task reads the history again, and where the run is continued."""
    exporter, queue = InMemorySpanExporter(), uuid4().hex
    tracing = Tracing(exporter)
    flows = [traced, below]
    executor = NodeExecutor.for_flows(flows, environment=Environment({}))
    executor.traces = tracing
    worker = temporal_worker(
        client,
        Activities(flows, executor, KEYS, tracer=tracing),
        task_queue=queue,
        graceful_shutdown=timedelta(0),
        max_cached_workflows=1000 if place == "cached" else 0,
        full=(lambda ended: ended >= 1) if place == "continued" else None,
    )
    FAILS["left"] = 1
    MADE.clear()
    token = CURRENT.set(str(ABOVE))
    async with worker:
        run = await start_run(traced_client(client), traced.plan, task_queue=queue, keys=KEYS)
        CURRENT.reset(token)
        with pytest.raises(FlowError):
            await run.result()
        made = tuple(MADE)
        alone = await start_run(traced_client(client), below.plan, task_queue=queue, keys=KEYS)
        await alone.result()
    tracing.close()
    spans = exporter.get_finished_spans()
    ours = [span for span in spans if span.context and f"{span.context.trace_id:032x}" == ABOVE.trace_id]
    names = {span.context.span_id: span.name for span in ours if span.context}

    assert {"one", "two", "three", "last", "deep"} == {step.removeprefix("step ") for step, _ in made}
    assert sorted([("run traced", ""), ("run traced-below", "run traced"), *made]) == sorted(
        (span.name, names.get(span.parent.span_id, "") if span.parent else "none") for span in ours
    )
    bad = {span.name for span in ours if span.status.status_code is StatusCode.ERROR}
    assert {"step one", "step last", "run traced"} == bad
    others = [span for span in spans if span not in ours]
    assert sorted(["run traced-below", *(step for step, _ in MADE[len(made) :])]) == sorted(
        span.name for span in others
    )
    assert 1 == len({span.context.trace_id for span in others if span.context})
    assert not [span for span in spans if PRIVATE in span.to_json()]


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_opentelemetrys_variables_turn_it_on(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], wanted: bool
) -> None:
    """A collector that is named, and nothing else."""
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert wanted is is_traced()


async def test_where_nothing_is_traced_nothing_is_loaded() -> None:
    """A worker's modules bring nothing of OpenTelemetry's SDK, and no exporter."""
    look = "import sys, resolute_worker.process; print([m for m in sys.modules if m.startswith('opentelemetry.sdk')])"
    done = await asyncio.create_subprocess_exec(sys.executable, "-c", look, stdout=asyncio.subprocess.PIPE)
    printed, _ = await done.communicate()

    assert "[]" == printed.decode().strip()
