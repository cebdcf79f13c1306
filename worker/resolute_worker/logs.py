"""Log lines with flow, run and step: JSON for machines, short lines for people, and no secrets in either."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final, TextIO, cast

from resolute.execution.secrets import Environment
from resolute.plan.context import current_call
from resolute.plan.errors import ResoluteError
from resolute.plan.values import Json
from resolute_worker.harmless import harmless
from resolute_worker.settings import LogFormat, LogLevel

FIELDS: Final = ("flow", "run", "step", "attempt", "outcome", "started_by", "trace_id")
"""What log calls pass as `extra`, and every line shows if it is known."""

_LONGEST_PRINT: Final = 8_000
"""How many characters of an unfinished printed line are logged as one line."""

printed = logging.getLogger("resolute.printed")

_NOISY: Final = ("httpx", "httpcore", "uvicorn", "watchfiles", "asyncio")


class JsonLines(logging.Formatter):
    """One JSON object per line: time, level, logger, message, flow, run, step, attempt, trace, error."""

    def __init__(self, environment: Environment) -> None:
        super().__init__()
        self._environment = environment

    def format(self, record: logging.LogRecord) -> str:
        """The line, with every known secret masked."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **fields_of(record),
        }
        if trace := getattr(record, "trace", ""):
            line["trace"] = trace
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        masked = self._environment.mask_json(cast("Json", line))
        return harmless(json.dumps(masked, ensure_ascii=False, default=str))


class ConsoleLines(logging.Formatter):
    """Short lines: time, level, message, and what they are about."""

    def __init__(self, environment: Environment) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")
        self._environment = environment

    def format(self, record: logging.LogRecord) -> str:
        """The line, with every known secret masked."""
        about = "".join(f"  {name}={value}" for name, value in fields_of(record).items())
        first, newline, rest = self._environment.mask(super().format(record)).partition("\n")
        trace = getattr(record, "trace", "")
        below = f"{newline}{rest}" + (f"\n{self._environment.mask(trace)}" if trace else "")
        return harmless(f"{first}{self._environment.mask(about)}{below}")


class Masked(logging.Formatter):
    """Another formatter's text with every known secret masked: for handlers that others have set up."""

    def __init__(self, environment: Environment, inner: logging.Formatter) -> None:
        super().__init__()
        self._environment = environment
        self.inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """The text of the other formatter, masked."""
        return self._environment.mask(self.inner.format(record))


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """Which flow, run and step a record is about: from its `extra`, or from the node that wrote it."""
    said = {name: value for name in FIELDS if (value := getattr(record, name, None)) is not None}
    if said:
        return said
    try:
        call = current_call()
    except ResoluteError:
        return {}
    return {"flow": call.flow, "run": call.run, "step": call.step, "attempt": call.attempt}


class PrintedLines:
    """Standard output of a worker: what a node prints becomes log lines with its flow, run and step."""

    def __init__(self, inner: TextIO) -> None:
        self._inner = inner
        self._begun: ContextVar[str] = ContextVar("resolute_printed", default="")

    def write(self, text: str) -> int:
        """Writes what is printed outside nodes, and logs what nodes print, line by line."""
        if not _in_node():
            return self._inner.write(text)
        *lines, rest = (self._begun.get() + text).split("\n")
        for line in lines:
            _log_printed(line)
        if len(rest) > _LONGEST_PRINT:
            _log_printed(rest)
            rest = ""
        self._begun.set(rest)
        return len(text)

    def flush(self) -> None:
        """Flushes the underlying stream; in a node, logs an unfinished line."""
        if _in_node() and (rest := self._begun.get()):
            _log_printed(rest)
            self._begun.set("")
        self._inner.flush()

    def __getattr__(self, name: str) -> Any:
        """Everything else is the underlying stream's."""
        return getattr(self._inner, name)


def _in_node() -> bool:
    try:
        current_call()
    except ResoluteError:
        return False
    return True


def _log_printed(line: str) -> None:
    if line.strip():
        printed.info("%s", line if len(line) <= _LONGEST_PRINT else f"{line[:_LONGEST_PRINT]}...")


def set_up_logs(environment: Environment, form: LogFormat, level: LogLevel) -> None:
    """Sends every log line of the process to stderr, masked."""
    formatter: Callable[[Environment], logging.Formatter]
    formatter = JsonLines if form == "json" or (form == "auto" and not sys.stderr.isatty()) else ConsoleLines
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(environment))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    if not isinstance(sys.stdout, PrintedLines):
        sys.stdout = cast("TextIO", PrintedLines(sys.stdout))
    mask_handlers(environment)
    root.setLevel(level.upper())
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING if level != "debug" else logging.DEBUG)
    logging.getLogger("temporalio.worker._worker").setLevel(logging.WARNING)
    # The activity logs what failed with flow, run and step; the SDK would log it again with a traceback.
    logging.getLogger("temporalio.activity").setLevel(logging.ERROR)


def mask_handlers(environment: Environment) -> None:
    """Masks what every existing handler writes, whoever has set it up."""
    named = [each for each in logging.Logger.manager.loggerDict.values() if isinstance(each, logging.Logger)]
    for handler in {id(each): each for logger in (logging.getLogger(), *named) for each in logger.handlers}.values():
        known = handler.formatter
        if isinstance(known, (JsonLines, ConsoleLines)):
            continue
        inner = known.inner if isinstance(known, Masked) else known
        handler.setFormatter(Masked(environment, inner or logging.Formatter()))
