"""Carries a trace through Temporal: from whoever starts a run to the run, and from the run to its calls.

A trace is named by W3C's `traceparent`, in a header of Temporal's that is neither encrypted nor part of any value. What
is measured of it is the worker's matter (`resolute_worker.tracing`). The ids of a run's trace and span are those that
it was started with, or come from its first run id: so they are the same in every replay, in every history that the run
is continued in, and for every worker, and nothing has to be remembered.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol, cast

from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, OutboundInterceptor, StartWorkflowInput
from temporalio.client import Interceptor as ClientInterceptor
from temporalio.converter import DataConverter
from temporalio.worker import (
    ActivityInboundInterceptor,
    ContinueAsNewInput,
    ExecuteActivityInput,
    StartActivityInput,
    StartChildWorkflowInput,
    StartLocalActivityInput,
    WorkflowInboundInterceptor,
    WorkflowOutboundInterceptor,
)
from temporalio.worker import Interceptor as WorkerInterceptor

HEADER: Final = "traceparent"

CURRENT: Final = ContextVar("resolute_traceparent", default="")
"""The trace of what this task does: what it starts belongs to it."""

_STARTED_IN: Final = ContextVar[str | None]("resolute_started_in", default=None)
"""The trace of the run that a run starts for somebody else; None where it belongs to its own."""

_FORM: Final = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")


@dataclass(frozen=True)
class Parent:
    """What a `traceparent` says: a trace, a span in it, and whether it is recorded."""

    trace_id: str
    span_id: str
    is_sampled: bool = True

    @classmethod
    def of(cls, text: str) -> Parent | None:
        """What a header says; None where it is not one of this form.

        >>> Parent.of("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").span_id
        'b7ad6b7169203331'
        """
        found = _FORM.fullmatch(text)
        return None if found is None else cls(found[1], found[2], bool(int(found[3], 16) & 1))

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.is_sampled else '00'}"


@dataclass(frozen=True)
class RunTrace:
    """The trace of a run: the span of the run itself, and what stands above it, if anything does."""

    own: Parent
    above: Parent | None = None


class Tracer(Protocol):
    """What a worker does with traces; see `resolute_worker.tracing`."""

    def is_sampled(self, trace_id: str) -> bool:
        """Whether a trace that begins here is recorded."""
        ...

    def ended(
        self, trace: RunTrace, about: Mapping[str, str], began: datetime, ended: datetime, *, failed: bool
    ) -> None:
        """A run has ended."""
        ...


def trace_of_run(first_run_id: str, above: Parent | None, tracer: Tracer) -> RunTrace:
    """The trace of a run: that of what started it, or one of its own."""
    span_id = _digest("span", first_run_id)[:16]
    if above is not None:
        return RunTrace(Parent(above.trace_id, span_id, above.is_sampled), above)
    trace_id = _digest("trace", first_run_id)[:32]
    return RunTrace(Parent(trace_id, span_id, tracer.is_sampled(trace_id)))


def call_span_id(run_id: str, step: str, attempt: int) -> str:
    """The id of the span of one attempt of a step: the same where it is made again because nobody has recorded it."""
    return _digest("call", f"{run_id}/{step}/{attempt}")[:16]


def _digest(kind: str, text: str) -> str:
    return hashlib.sha256(f"resolute {kind}\0{text}".encode()).hexdigest()


def parent_in(headers: Mapping[str, Payload]) -> Parent | None:
    """What Temporal's headers say of a trace, in a history too: of a run what stands above it, of a call its run."""
    payload = headers.get(HEADER)
    if payload is None or payload.metadata.get("encoding") != b"json/plain" or len(payload.data) > 100:
        return None
    return Parent.of(payload.data.decode(errors="replace").strip('"'))


def _with(headers: Mapping[str, Payload], parent: Parent | str) -> dict[str, Payload]:
    return {**headers, HEADER: DataConverter.default.payload_converter.to_payload(str(parent))}


def traced_client(client: Client) -> Client:
    """A client on the same connection whose runs belong to the trace that they are started in."""
    config = client.config()
    config["interceptors"] = [*config.get("interceptors", ()), _TracedClient()]
    return Client(**config)


class _TracedClient(ClientInterceptor):
    """Has the runs that are started in a trace belong to it."""

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002  # the SDK's name
        """Wraps what starts runs."""
        return _Starts(next)


class _Starts(OutboundInterceptor):
    async def start_workflow(self, input: StartWorkflowInput) -> Any:  # noqa: A002  # the SDK's name
        if current := CURRENT.get():
            input.headers = _with(input.headers, current)
        return await super().start_workflow(input)


TRACER: Final = "resolute.tracer"
"""The name under which a worker hands its tracer to its runs."""


def trace_at_hand() -> tuple[Tracer, RunTrace] | None:
    """The worker's tracer and the trace of the run; None where nothing is traced."""
    functions = cast("Mapping[str, Any]", workflow.extern_functions())  # pyright: ignore[reportUnknownMemberType]  # the SDK's own types
    if TRACER not in functions:
        return None
    tracer, info = cast("Tracer", functions[TRACER]()), workflow.info()
    return tracer, trace_of_run(info.first_execution_run_id, parent_in(info.headers), tracer)


@contextmanager
def started_in(trace: str) -> Generator[None]:
    """Has the runs that the current run starts inside go on in a trace that is not its own; empty for none."""
    token = _STARTED_IN.set(trace)
    try:
        yield
    finally:
        _STARTED_IN.reset(token)


def trace_above() -> str:
    """The trace that the current run was started in; empty where it began one."""
    return str(parent_in(workflow.info().headers) or "")


class TracedRun(WorkflowInboundInterceptor):
    """Has what a run calls, and the runs that it starts, belong to its trace."""

    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        """Wraps what the run begins."""
        super().init(_Begins(outbound))


class _Begins(WorkflowOutboundInterceptor):
    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:  # noqa: A002  # the SDK's name
        input.headers = self._below(input.headers)
        return super().start_activity(input)

    def start_local_activity(self, input: StartLocalActivityInput) -> workflow.ActivityHandle[Any]:  # noqa: A002  # the SDK's name
        input.headers = self._below(input.headers)
        return super().start_local_activity(input)

    async def start_child_workflow(
        self,
        input: StartChildWorkflowInput,  # noqa: A002  # the SDK's name
    ) -> workflow.ChildWorkflowHandle[Any, Any]:
        above = _STARTED_IN.get()
        if above is None:
            input.headers = self._below(input.headers)
        elif found := Parent.of(above):
            input.headers = _with(input.headers, found)
        return await super().start_child_workflow(input)

    def continue_as_new(self, input: ContinueAsNewInput) -> Any:  # noqa: A002  # the SDK's name
        above = workflow.info().headers.get(HEADER)
        if above is not None:
            input.headers = {**input.headers, HEADER: above}
        return super().continue_as_new(input)

    def _below(self, headers: Mapping[str, Payload]) -> Mapping[str, Payload]:
        found = trace_at_hand()
        return headers if found is None else _with(headers, found[1].own)


class TracedCalls(WorkerInterceptor):
    """Has attempts of nodes know the trace of their run."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002  # the SDK's name
        """Wraps each attempt."""
        return _Attempt(next)


class _Attempt(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002  # the SDK's name
        """Enters the trace for the length of the attempt."""
        parent = parent_in(input.headers)
        token = CURRENT.set("" if parent is None else str(parent))
        try:
            return await super().execute_activity(input)
        finally:
            CURRENT.reset(token)
