"""Turns the log lines of the Temporal SDK's core into lines of the worker, masked and in its format.

By default the core writes to the terminal directly, in colour, ignoring every log setting.
"""

from __future__ import annotations

import contextlib
import logging
from datetime import timedelta
from typing import Final

from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

from resolute.plan.errors import ConfigurationError
from resolute.temporal.workflows.meters import BUCKETS, METRICS

CORE: Final = "temporalio.core"


_PERIOD: Final = 60.0
_KINDS: Final = 64
_BEGINNING: Final = 80
"""How many characters distinguish two lines: what follows are figures and addresses."""


class WithoutRepeats(logging.Filter):
    """Lets each kind of line through once a minute, and no retries: each poller reports them over and over.

    `Health` reports once that Temporal is unreachable, and once that it is back.
    """

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[tuple[str, int, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is written."""
        message = record.getMessage()
        if "temporalio_client::retry" in message:
            return False
        kind = (record.name, record.levelno, message[:_BEGINNING])
        if record.created - self._last.get(kind, -_PERIOD) < _PERIOD:
            return False
        if len(self._last) >= _KINDS:
            self._last.clear()
        self._last[kind] = record.created
        return True


_KNOWN_WITHIN: Final = timedelta(seconds=3)
"""How soon a server knows a worker by the name by which it is asked to end its polls: one small request so often."""


def forward_core_logs(metrics: str | None = None) -> None:
    """Takes over the core's log lines for all later connections, and serves metrics at an address if one is given.

    Raises:
        ConfigurationError: nothing can be served there.
    """
    logger = logging.getLogger(CORE)
    if not logger.isEnabledFor(logging.DEBUG):
        logger.addFilter(WithoutRepeats())
    logging_config = LoggingConfig(
        filter=TelemetryFilter(core_level="WARN", other_level="ERROR"), forwarding=LogForwardingConfig(logger=logger)
    )
    exposed = None
    if metrics is not None:
        bounds = {metric.name: BUCKETS for metric in METRICS if metric.type == "histogram"}
        exposed = PrometheusConfig(
            bind_address=metrics,
            counters_total_suffix=True,
            durations_as_seconds=True,
            histogram_bucket_overrides=bounds,
        )
    telemetry = TelemetryConfig(logging=logging_config, metrics=exposed, attach_service_name=False)
    try:
        runtime = Runtime(telemetry=telemetry, worker_heartbeat_interval=_KNOWN_WITHIN)
    except (RuntimeError, ValueError) as error:
        raise ConfigurationError(f"RESOLUTE_METRICS_ADDRESS: nothing can be served at {metrics}: {error}") from None
    with contextlib.suppress(RuntimeError):  # a program that already has connections has made its choice
        Runtime.set_default(runtime)
