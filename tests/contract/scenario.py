"""A scenario: a flow, what it is given, and what has to come of it on every runtime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from temporalio.api.history.v1 import HistoryEvent

from resolute import Flow, FlowError, every
from resolute.plan.failing import Failure
from resolute.plan.values import Json
from resolute.running.report import RunReport, RunStatus, StepStatus

CANCELLED = Failure(step="", node="", error_type="RunCancelledError", message="the run was cancelled")

BY_HAND = every(timedelta(days=1000))
"""The schedule of runs that a test triggers: none of them is due by itself while the tests run."""

Calls = Sequence["str | frozenset[str]"]
"""Steps in the order of their first calls; those in a set are called in any order."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """How a run ends.

    `attempts` names the steps that are called more than once. `cancelled_at` are the moments when the run is cancelled:
    each time when these steps have been called. The run's status follows from `failure`.
    """

    calls: Calls
    steps: Mapping[str, StepStatus]
    result: Json = None
    failure: Failure | None = None
    taken: Mapping[str, Literal["then", "otherwise"]] = field(default_factory=dict[str, Literal["then", "otherwise"]])
    attempts: Mapping[str, int] = field(default_factory=dict[str, int])
    compensation_failures: tuple[Failure, ...] = ()
    cancelled_at: Sequence[Sequence[str]] = ()

    @property
    def status(self) -> RunStatus:
        """The status of the run."""
        if self.failure == CANCELLED:
            return "cancelled"
        return "failed" if self.failure else "completed"


@dataclass(frozen=True)
class Scenario:
    """A flow with its input. Several expectations are several runs of its schedule, one after the other."""

    promise: str
    flow: Flow
    expected: tuple[Expected, ...]
    input: Json = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one run. `attempts` are the steps as they were called, each attempt by itself.

    `queried` and `events` are of Temporal: the answer to the status query, and the history.
    """

    report: RunReport
    attempts: Sequence[str]
    error: FlowError | None
    queried: Mapping[str, Json] | None = None
    events: Sequence[HistoryEvent] = ()

    @property
    def first_calls(self) -> list[str]:
        """Each step once, in the order of first calls."""
        return list(dict.fromkeys(self.attempts))

    @property
    def repeated(self) -> dict[str, int]:
        """How often the steps were called that were called more than once."""
        return {step: self.attempts.count(step) for step in self.first_calls if self.attempts.count(step) > 1}


def in_order_of(expected: Calls, actual: Sequence[str]) -> list[str | frozenset[str]]:
    """The actual calls, with those in sets where the expected ones leave the order open."""
    grouped: list[str | frozenset[str]] = []
    rest = list(actual)
    for calls in expected:
        if isinstance(calls, str):
            grouped += rest[:1]
            rest = rest[1:]
        else:
            grouped.append(frozenset(rest[: len(calls)]))
            rest = rest[len(calls) :]
    return [*grouped, *rest]
