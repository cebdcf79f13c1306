"""Traces in OpenTelemetry's form: from a webhook to the run that it starts, its steps, and the requests that they send.

They are exported by OTLP over HTTP where one of OpenTelemetry's own variables says so (OTEL_EXPORTER_OTLP_ENDPOINT or
OTEL_EXPORTER_OTLP_TRACES_ENDPOINT). Without it nothing of OpenTelemetry is loaded. Spans hold names of flows, steps and
nodes, ids of runs, hosts, methods and statuses; no value, no path of a request, no text of an error.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import partial
from importlib.metadata import version
from typing import Final
from urllib.parse import urlsplit

from opentelemetry import trace as otel
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, StatusCode, TraceFlags
from starlette.requests import Request
from starlette.responses import Response

from resolute.plan.context import Answered, CallContext
from resolute.temporal.wire.tracing import CURRENT, HEADER, Parent, RunTrace, call_span_id
from resolute.temporal.workflows.meters import step_label

_FLUSH_SECONDS: Final = 3

_GIVEN: Final = ContextVar[tuple[str, str]]("resolute_span_ids", default=("", ""))
"""The ids of the trace and the span that begins next, where they are not random."""


class _Ids(RandomIdGenerator):
    def generate_trace_id(self) -> int:
        return int(_GIVEN.get()[0] or "0", 16) or super().generate_trace_id()

    def generate_span_id(self) -> int:
        return int(_GIVEN.get()[1] or "0", 16) or super().generate_span_id()


class Tracing:
    """The traces of one worker. All of it may be called from any thread."""

    def __init__(self, exporter: SpanExporter) -> None:
        service = os.environ.get("OTEL_SERVICE_NAME") or "resolute"
        named = {"service.name": service, "service.version": version("resolute")}
        self._provider = TracerProvider(resource=Resource.create(named), id_generator=_Ids(), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("resolute", version("resolute"))

    def close(self) -> None:
        """Exports what is left, for a few seconds at most."""
        self._provider.force_flush(_FLUSH_SECONDS * 1000)
        self._provider.shutdown()

    def is_sampled(self, trace_id: str) -> bool:
        """Whether a trace that begins here is recorded, as OTEL_TRACES_SAMPLER says."""
        said = self._provider.sampler.should_sample(None, int(trace_id, 16), "run")
        return said.decision is Decision.RECORD_AND_SAMPLE

    def ended(
        self, trace: RunTrace, about: Mapping[str, str], began: datetime, ended: datetime, *, failed: bool
    ) -> None:
        """Makes the span of a run, at once, when it has ended."""
        if not trace.own.is_sampled:
            return
        with _ids(trace.own.trace_id, trace.own.span_id):
            span = self._tracer.start_span(
                f"run {about['flow']}",
                _below(trace.above),
                kind=SpanKind.INTERNAL,
                attributes={
                    "resolute.flow": about["flow"],
                    "resolute.run": about["run"],
                    "resolute.outcome": about["outcome"],
                },
                start_time=_nanoseconds(began),
            )
        if failed:
            span.set_status(StatusCode.ERROR)
        span.end(_nanoseconds(ended))

    @contextmanager
    def attempt(self, call: CallContext) -> Generator[Callable[[str], None]]:
        """The span of one attempt of a node, the current one meanwhile; what it gives is told how the attempt ended."""
        with _ids("", call_span_id(call.run_id, call.step, call.attempt)):
            span = self._tracer.start_span(
                f"step {step_label(call.step)}",
                _below(Parent.of(CURRENT.get())),
                attributes={
                    "resolute.flow": call.flow,
                    "resolute.run": call.run,
                    "resolute.step": call.step,
                    "resolute.node": call.node,
                    "resolute.attempt": call.attempt,
                },
            )

        def ended(outcome: str) -> None:
            span.set_attribute("resolute.outcome", outcome)
            if outcome == "failed":
                span.set_status(StatusCode.ERROR)

        with _current(span):
            yield ended

    @contextmanager
    def request(self, method: str, url: str) -> Generator[Answered]:
        """The span of one request that a node sends; what it gives is told the status of the answer."""
        to = urlsplit(url)
        span = self._tracer.start_span(
            method,
            kind=SpanKind.CLIENT,
            attributes={
                "http.request.method": method,
                "server.address": to.hostname or "",
                "server.port": to.port or (443 if to.scheme == "https" else 80),
            },
        )
        with _current(span):
            yield partial(_answered, span, 400)

    async def delivery(self, request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        """Answers a webhook; what it starts belongs to the trace that the sender names, or to a new one."""
        method, path = request.method, request.url.path
        span = self._tracer.start_span(
            f"{method} {path}",
            _below(Parent.of(request.headers.get(HEADER, ""))),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method, "http.route": path, "url.scheme": request.url.scheme},
        )
        with _current(span):
            response = await answer(request)
            _answered(span, 500, response.status_code)
            return response


@contextmanager
def _ids(trace_id: str, span_id: str) -> Generator[None]:
    token = _GIVEN.set((trace_id, span_id))
    try:
        yield
    finally:
        _GIVEN.reset(token)


@contextmanager
def _current(span: otel.Span) -> Generator[None]:
    """Makes a span the current one, also for what Temporal is asked meanwhile, and ends it."""
    context = span.get_span_context()
    own = Parent(f"{context.trace_id:032x}", f"{context.span_id:016x}", context.trace_flags.sampled)
    token = CURRENT.set(str(own))
    try:
        with otel.use_span(span, record_exception=False, set_status_on_exception=False):
            yield
    except BaseException as error:
        # Its type alone: a text may hold what nobody else is to read.
        span.set_attribute("error.type", type(error).__name__)
        span.set_status(StatusCode.ERROR)
        raise
    finally:
        CURRENT.reset(token)
        span.end()


def _answered(span: otel.Span, bad: int, status: int) -> None:
    span.set_attribute("http.response.status_code", status)
    if status >= bad:
        span.set_attribute("error.type", str(status))
        span.set_status(StatusCode.ERROR)


def _below(parent: Parent | None) -> Context:
    """The context of what is below a span that was made elsewhere; empty without one, so that a new trace begins."""
    if parent is None:
        return Context()
    above = SpanContext(
        int(parent.trace_id, 16),
        int(parent.span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED if parent.is_sampled else TraceFlags.DEFAULT),
    )
    return otel.set_span_in_context(NonRecordingSpan(above), Context())


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1000
