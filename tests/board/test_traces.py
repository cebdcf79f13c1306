"""The page of a run leads to its trace."""

from __future__ import annotations

import uuid
from datetime import timedelta
from urllib.parse import quote

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import ValidationError

from resolute import Flow, flow, manual
from resolute.execution.executor import NodeExecutor
from resolute.execution.secrets import Environment
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import start_run
from resolute.temporal.wire.tracing import CURRENT, Parent, traced_client
from resolute.temporal.worker import temporal_worker
from resolute_worker.board.shelf import Shelf
from resolute_worker.settings import Settings
from resolute_worker.tracing import Tracing
from tests.board.flows import greet
from tests.board.site import Site
from tests.keys import KEYS

LOCAL = flow("board-traced").triggered_by(manual("go")).then(greet("a").lane("local").as_("quick"))


@pytest.mark.parametrize(
    ("made", "is_started_in_one", "is_told"),
    [
        (LOCAL.then(greet("b").as_("far")).build(), False, True),
        (LOCAL.build(), True, True),
        (LOCAL.build(), False, False),
    ],
    ids=["by its steps", "by what started it", "by nothing"],
)
async def test_a_run_names_its_trace(
    site: Site, monkeypatch: pytest.MonkeyPatch, made: Flow, is_started_in_one: bool, is_told: bool
) -> None:
    """A run's page names the trace that the collector has of it, as far as its history does, and leads to it."""
    exporter, queue = InMemorySpanExporter(), uuid.uuid4().hex
    tracing = Tracing(exporter)
    activities = Activities([made], NodeExecutor.for_flows([made], environment=Environment({})), KEYS, tracer=tracing)
    above = Parent("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
    token = CURRENT.set(str(above) if is_started_in_one else "")
    async with temporal_worker(site.client, activities, task_queue=queue, graceful_shutdown=timedelta(0)):
        run = await start_run(traced_client(site.client), made.plan, task_queue=queue, keys=KEYS)
        CURRENT.reset(token)
        await run.result()
    tracing.close()
    (span,) = exporter.get_finished_spans()
    assert span.context is not None  # it was made
    trace_id = f"{span.context.trace_id:032x}"
    link = f"run?id={quote(run.workflow_id)}"

    async with site.browser("bob") as bob:
        data = (await bob.get(link.replace("run?", "run.json?"))).json()
        without = await bob.text(link)
        monkeypatch.setattr(
            site.board,
            "settings",
            site.board.settings.model_copy(update={"trace_url": "https://traces.test/t/{trace_id}"}),
        )
        site.board.shelf = Shelf()
        page = await bob.text(link)

    assert (trace_id if is_told else "") == data["trace_id"]
    assert is_told == (f'<span class="mono">{trace_id}</span>' in without)
    assert is_told == (f'href="https://traces.test/t/{trace_id}"' in page)


def test_an_address_without_a_place_for_the_id_is_refused() -> None:
    """A setting that could lead to no trace is a mistake that is told when the board starts."""
    for wrong in ("https://traces.test/", "traces.test/{trace_id}", "https://traces.test/{id}"):
        with pytest.raises(ValidationError):
            Settings(trace_url=wrong)
