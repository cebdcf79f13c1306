"""What a worker measures: every metric, with its labels and unit, and the instruments of Temporal's own runtime."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

from temporalio.common import MetricMeter

from resolute.plan.plan import Plan
from resolute.running.ledger import Paging, check_of
from resolute.running.report import RunReport

MetricType: TypeAlias = Literal["counter", "histogram", "gauge"]


@dataclass(frozen=True)
class Metric:
    """A metric, by its name in Prometheus. Labels have few values: none is the id of a run."""

    name: str
    type: MetricType
    labels: tuple[str, ...]
    unit: str
    about: str


METRICS: Final = (
    Metric("resolute_runs", "counter", ("flow", "outcome"), "", "runs that have ended, by their outcome"),
    Metric("resolute_run_seconds", "histogram", ("flow", "outcome"), "s", "from the beginning of a run to its end"),
    Metric("resolute_run_late_seconds", "histogram", ("flow",), "s", "how long after its time a scheduled run began"),
    Metric("resolute_checks", "counter", ("flow", "outcome"), "", "runs that have ended, by what they came to"),
    Metric("resolute_watched", "counter", ("flow", "step", "outcome"), "", "what alarms and budgets came to"),
    Metric("resolute_attempts", "counter", ("flow", "step", "outcome"), "", "attempts of nodes that have ended"),
    Metric("resolute_attempt_seconds", "histogram", ("flow", "step", "outcome"), "s", "how long an attempt took"),
    Metric("resolute_retries", "counter", ("flow", "step"), "", "attempts of nodes after the first"),
    Metric("resolute_pages", "counter", ("flow", "effect"), "", "incidents opened and resolved by steps"),
    Metric("resolute_webhook_answers", "counter", ("path", "status"), "", "answers to webhook deliveries"),
    Metric("resolute_findings", "gauge", ("kind",), "", "what the watcher finds wrong now"),
    Metric("resolute_waiting", "gauge", ("task_queue", "kind"), "", "runs and nodes that wait for a worker"),
    Metric("resolute_budget_left", "gauge", ("budget",), "", "what a budget without a key has left"),
    Metric("resolute_paused", "gauge", (), "", "flows that are paused, and 1 for the pause of everything"),
    Metric("resolute_brake", "gauge", (), "", "1 while the brake stops every write, else 0"),
)

BUCKETS: Final = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)
"""The bounds of the histograms' buckets, in seconds."""

_PLACES: Final = re.compile(r"\[[^\]]*\]|#\d+")


def step_label(step: str) -> str:
    """The name of a step without the items and turns that it stands in.

    >>> step_label("certs[3].check"), step_label("poll#7.look")
    ('certs.check', 'poll.look')
    """
    return _PLACES.sub("", step)


class Meters:
    """The instruments of one worker. Without a meter nothing is measured, and nothing costs anything.

    `paging` says what a step did to somebody's pager, for the ledger's outcomes.
    """

    def __init__(self, meter: MetricMeter | None = None, paging: Paging = lambda _: "") -> None:
        self._instruments: dict[str, Any] = {}
        self._paging = paging
        if meter is None:
            return
        for metric in METRICS:
            match metric.type:
                case "counter":
                    made: Any = meter.create_counter(metric.name, metric.about)
                case "histogram":
                    made = meter.create_histogram_float(metric.name, metric.about)
                case "gauge":
                    made = meter.create_gauge(metric.name, metric.about)
            self._instruments[metric.name] = made

    def __bool__(self) -> bool:
        """Whether anything is measured."""
        return bool(self._instruments)

    def count(self, name: str, number: int = 1, **labels: str) -> None:
        """Adds to a counter."""
        if self._instruments:
            self._instruments[name].add(number, labels)

    def record(self, name: str, seconds: float, **labels: str) -> None:
        """Records a length of time."""
        if self._instruments:
            self._instruments[name].record(max(0.0, seconds), labels)

    def set(self, name: str, number: int, **labels: str) -> None:
        """Sets a gauge."""
        if self._instruments:
            self._instruments[name].set(number, labels)

    def ended(self, flow: str, outcome: str, seconds: float, late: float | None) -> None:
        """A run has ended."""
        self.count("resolute_runs", flow=flow, outcome=outcome)
        self.record("resolute_run_seconds", seconds, flow=flow, outcome=outcome)
        if late is not None:
            self.record("resolute_run_late_seconds", late, flow=flow)

    def checked(self, plan: Plan, report: RunReport, at: datetime, began_at: datetime) -> None:
        """A run has ended, and the ledger says what it came to: all of it, and each alarm and budget in it."""
        if not self._instruments:
            return
        check = check_of(plan, report, at=at, began_at=began_at, paging=self._paging)
        self.count("resolute_checks", flow=plan.name, outcome=check.outcome)
        for step, outcome in check.watched.items():
            self.count("resolute_watched", flow=plan.name, step=step_label(step), outcome=outcome)

    def attempted(self, flow: str, step: str, outcome: str, seconds: float, *, again: bool) -> None:
        """An attempt of a node has ended."""
        if self._instruments:
            step = step_label(step)
            self.count("resolute_attempts", flow=flow, step=step, outcome=outcome)
            self.record("resolute_attempt_seconds", seconds, flow=flow, step=step, outcome=outcome)
            if again:
                self.count("resolute_retries", flow=flow, step=step)
