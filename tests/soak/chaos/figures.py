"""What a soak test has cost, and where its runs stood still."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Final

from temporalio.api.enums.v1 import EventType, TimeoutType
from temporalio.api.history.v1 import HistoryEvent

_TICKS: Final = os.sysconf("SC_CLK_TCK")


def processor_seconds(pids: Iterable[int | None] = ()) -> float:
    """Of processes that run, the time on processors so far."""
    used = 0.0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() if pid else []
        used += (int(fields[11]) + int(fields[12])) / _TICKS if fields else 0
    return used


def own_seconds() -> float:
    """Of this process."""
    return time.process_time()


def ended_seconds() -> float:
    """Of its children that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime


def load() -> str:
    """How busy the machine is: how many processes want a processor, on average over the last minute."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def stood_still(events: Iterable[HistoryEvent], seconds: float = 1.0) -> list[str]:
    """Between which events of a history a run stood still for so long or longer."""
    found: list[str] = []
    for before, after in pairwise(events):
        gap = (after.event_time.ToDatetime() - before.event_time.ToDatetime()).total_seconds()
        if gap >= seconds:
            found.append(f"{gap:.1f} s from {_name(before)} to {_name(after)}")
    return found


def _name(event: HistoryEvent) -> str:
    name = EventType.Name(event.event_type).removeprefix("EVENT_TYPE_").lower()
    if event.HasField("workflow_task_timed_out_event_attributes"):
        kind = TimeoutType.Name(event.workflow_task_timed_out_event_attributes.timeout_type)
        name += f" ({kind.removeprefix('TIMEOUT_TYPE_').lower()})"
    return name
