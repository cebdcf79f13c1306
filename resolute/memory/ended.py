"""A run in memory that has ended, and its calls."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from resolute.plan.errors import (
    FlowError,
)
from resolute.plan.values import Json, JsonObject
from resolute.running.recall import Memory
from resolute.running.report import RunReport


@dataclass(frozen=True, kw_only=True)
class RecordedCall:
    """One attempt of a call: the node's arguments, with secrets masked, and the virtual time."""

    step: str
    node: str
    arguments: JsonObject
    attempt: int
    at: datetime


@dataclass(frozen=True, kw_only=True)
class MemoryRun:
    """A run that has ended. `memory` is what it passes on to the next run, however it ended."""

    report: RunReport
    calls: tuple[RecordedCall, ...]
    memory: Memory | None = None
    error: FlowError | None = None
    recorded: Json = None
