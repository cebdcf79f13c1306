"""The log lines of the Temporal SDK's core: as lines of the worker, masked and in its format.

Left alone, the core writes to the terminal by itself, in colours, past every setting of the log.
"""

from __future__ import annotations

import contextlib
import logging
from typing import Final

from temporalio.runtime import LogForwardingConfig, LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter

CORE: Final = "temporalio.core"


class _WithoutRetries(logging.Filter):
    """Leaves out that a call is made again: each poller says so over and over, and `Health` says it once."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is written."""
        return record.levelno >= logging.ERROR or "temporalio_client::retry" not in record.getMessage()


def forward_core_logs() -> None:
    """Takes over the core's log lines, for every connection that is made from now on."""
    logger = logging.getLogger(CORE)
    if not logger.isEnabledFor(logging.DEBUG):
        logger.addFilter(_WithoutRetries())
    logging_config = LoggingConfig(
        filter=TelemetryFilter(core_level="WARN", other_level="ERROR"), forwarding=LogForwardingConfig(logger=logger)
    )
    with contextlib.suppress(RuntimeError):  # a program that has connections already has made its choice
        Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=logging_config)))
