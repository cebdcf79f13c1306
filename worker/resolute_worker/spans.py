"""Whether this process traces what it does, and where it sends that: OpenTelemetry's own variables say so."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from resolute.plan.errors import ConfigurationError

if TYPE_CHECKING:
    from resolute_worker.tracing import Tracing

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def is_traced() -> bool:
    """Whether OpenTelemetry's variables name a collector, and do not turn it off."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or os.environ.get("OTEL_TRACES_EXPORTER") == "none":
        return False
    return any(os.environ.get(name) for name in _ENDPOINTS)


@asynccontextmanager
async def traced_process() -> AsyncGenerator[Tracing | None]:
    """The traces of a worker for the length of an `async with`, at whose end the last ones are sent; None without any.

    Nothing of OpenTelemetry is loaded where nothing is traced.

    Raises:
        ConfigurationError: a collector is named, and OpenTelemetry is not installed.
    """
    if not is_traced():
        yield None
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        from resolute_worker.tracing import Tracing
    except ImportError as error:
        raise ConfigurationError(
            f"OpenTelemetry's variables name a collector for traces, and {error.name} is not installed: "
            "`pip install resolute[traces]`, or unset OTEL_EXPORTER_OTLP_ENDPOINT"
        ) from None
    made = Tracing(OTLPSpanExporter())
    try:
        yield made
    finally:
        await asyncio.to_thread(made.close)
