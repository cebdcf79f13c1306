"""Every error of Resolute, in one tree.

ResoluteError
├── FlowBuildError              the flow cannot run as written; lists every mistake
├── ExpressionError             a reference was used as if it already had a value
│   └── DecisionError               a function given to when(...) cannot be a decision (in resolute.writing.decision)
├── NotJsonError                a value that JSON cannot represent
├── ConfigurationError          the process is not configured for the request
│   ├── TemporalUnreachableError    no Temporal server answers
│   ├── UnknownFlowError            no flow of that name
│   └── InvalidInputError           the input of a run does not fit its flow
├── FlowError                   a run cannot continue; ends the run
│   ├── NodeFailedError             a node failed permanently
│   ├── RunCancelledError           the run was cancelled, by a person or by its successor
│   ├── RunTimedOutError            the run was not done within the time that its flow allows
│   ├── UnsupportedPlanError        the plan is none that this worker can run
│   │   └── NewerPlanError          it needs a newer worker, which may take the run over
│   ├── UnsealedPlanError           the run came with a plan that this worker does not trust
│   ├── UnknownStepError            the plan contains a kind of step that this worker does not know
│   ├── EvaluationError             an expression has no value
│   │   └── TextError                   a text(...) cannot contain the given values
│   ├── ExhaustedError              a repeat had all of its turns, and its condition did not end it
│   ├── UnusableValueError          a value cannot be recorded: nested too deeply, or not JSON
│   ├── PayloadTooLargeError        a value is larger than Temporal accepts
│   ├── GateRejectedError           a gate was rejected (in resolute.running.kinds.gate)
│   ├── GateTimedOutError           nobody decided a gate in its time (in resolute.running.kinds.gate)
│   ├── InternalError               a bug in Resolute
│   └── StuckError                  a run in memory waits for what a test does not give it (in resolute.memory.runtime)
├── MessageRefusedError         a message that a run does not take (in resolute.running.messages)
├── CallStoppedError            no failure: a switch stops a call, which is made later (in resolute.running.made)
├── RunSuspendedError           no failure: a step lets go of a run that is to be continued (in resolute.running.run)
├── ChildFailedError            what a runtime says of a run that a step started (in resolute.running.runtime)
├── RunContinuedError           no failure: the run continues in another history (in resolute.running.interpreter)
└── NodeError                   raised inside a node: the attempt failed; retried
    ├── EscapeError                 a node raised what would have stopped the worker (in resolute.execution.guard)
    ├── UnknownNodeError            this worker does not have the node; another one may
    ├── AuditError                  the audit log cannot be written, so nothing was sent
    ├── BrakedError                 a write while the brake is on; the step waits until it is released
    └── TerminalError               every further attempt would fail too; never retried
        ├── InvalidArgumentsError       the resolved arguments do not fit the node's parameters
        ├── InvalidResultError          the result does not fit the node's return type
        ├── SecretInResultError         the node returned a secret, which would be recorded
        ├── ResultTooLargeError         the result is larger than Temporal accepts
        ├── MissingEnvironmentError     an environment variable or secret is not set on the worker
        ├── NotGrantedError             the provider's grants do not allow what the node does
        ├── UnsealedCallError           the call does not come from a plan that this worker trusts
        └── LastAttemptError            a function failed on its last allowed attempt; holds its error

The type alone decides whether a failure is retried: `NodeError.retryable`. `retry_after` overrides the policy's pause
before the next attempt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from resolute.plan.texts import NAME_LIMIT, shortened


class ResoluteError(Exception):
    """Something went wrong in Resolute."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (self.__doc__ or "").strip().splitlines()[0])


@dataclass(frozen=True)
class Problem:
    """One mistake in a flow: where it is, what it is, and what to do about it."""

    place: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.place}  {self.message}" + (f" ({self.hint})" if self.hint else "")


class FlowBuildError(ResoluteError):
    """The flow cannot run as written.

    `problems` holds every mistake, in the order of the flow.
    """

    def __init__(self, flow: str, problems: Sequence[Problem]) -> None:
        self.flow = flow
        self.problems = tuple(problems)
        count = len(self.problems)
        width = max((len(problem.place) for problem in self.problems), default=0)
        lines = [f"{count} problem{'s' if count != 1 else ''} in flow {flow!r}"]
        for problem in self.problems:
            hint = f" ({problem.hint})" if problem.hint else ""
            lines.append(f"  {problem.place:<{width}}  {problem.message}{hint}")
        super().__init__("\n".join(lines))


class ExpressionError(ResoluteError, TypeError):
    """A reference was used as if it already had a value."""


class NotJsonError(ResoluteError, ValueError):
    """A value that JSON cannot represent. `place` is the path to it: `items[0].load`, empty for the value itself."""

    def __init__(self, place: str, reason: str, hint: str = "") -> None:
        self.place = place
        self.reason = reason
        self.hint = hint
        super().__init__(f"{place}: {reason}" if place else reason)


class ConfigurationError(ResoluteError):
    """The process is not configured for what it was asked to do."""


class TemporalUnreachableError(ConfigurationError):
    """No Temporal server answers at the configured address."""


class UnknownFlowError(ConfigurationError):
    """There is no flow of that name."""


class InvalidInputError(ConfigurationError):
    """The input given to a run does not fit its flow."""


class FlowError(ResoluteError):
    """A run cannot continue."""


class NodeFailedError(FlowError):
    """A node failed permanently: its attempts are used up, or its error is one that is never retried.

    `error_type` is the class name of the error that the node raised, `reason` its text. `trace` are the
    lines of the author's code that it came from, or of Resolute's where that failed itself. `made` is what the attempts
    of its call have left for another one, as `resolute.running.made` writes it; it is none of the error's facts.
    """

    def __init__(
        self,
        *,
        step: str,
        node: str,
        error_type: str,
        reason: str,
        retryable: bool = False,
        attempts: int | None = None,
        trace: str = "",
        made: Mapping[str, Any] | None = None,
    ) -> None:
        self.step = step
        self.node = node
        self.error_type = shortened(error_type, NAME_LIMIT)
        self.reason = shortened(reason)
        self.retryable = retryable
        self.attempts = attempts
        self.trace = trace
        self.made = made
        called = f" ({node})" if node else ""
        super().__init__(f"step {step!r}{called} failed: {self.error_type}: {self.reason}")

    def facts(self) -> dict[str, str | bool | int | None]:
        """All that the error says, as plain data."""
        return {
            "step": self.step,
            "node": self.node,
            "error_type": self.error_type,
            "reason": self.reason,
            "retryable": self.retryable,
            "attempts": self.attempts,
            "trace": self.trace,
        }

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> NodeFailedError:
        """The error that `facts` is of.

        Raises:
            TypeError: it is of none.
        """
        return cls(**facts)


class RunCancelledError(FlowError):
    """The run was cancelled."""

    def __init__(self, message: str = "the run was cancelled") -> None:
        super().__init__(message)


class RunTimedOutError(FlowError):
    """The run was not done within the time that its flow allows."""


class UnsupportedPlanError(FlowError):
    """The plan is none that this worker can run."""


class NewerPlanError(UnsupportedPlanError):
    """The plan needs an interpreter that only a newer worker has."""


class UnsealedPlanError(FlowError):
    """The run came with a plan that this worker does not trust: its seal is missing or wrong."""


class UnknownStepError(FlowError):
    """The plan contains a kind of step that this worker does not know."""


class EvaluationError(FlowError):
    """An expression has no value."""


class TextError(EvaluationError):
    """A text(...) cannot contain the given values."""


class ExhaustedError(FlowError):
    """A repeat had all of its turns, and its condition did not end it."""


class UnusableValueError(FlowError):
    """A value cannot be recorded: JSON cannot represent it, or it is nested too deeply."""


class PayloadTooLargeError(FlowError):
    """A value is larger than Temporal accepts."""

    def __init__(self, *, what: str, size: int, limit: int) -> None:
        self.size = size
        self.limit = limit
        super().__init__(
            f"{what} is {size:,} bytes, Temporal accepts {limit:,}: "
            "pass a reference to the data (an id, a URL) instead of the data"
        )


class InternalError(FlowError):
    """A bug in Resolute. `trace` says where, outermost call first."""

    def __init__(self, message: str, *, trace: str) -> None:
        self.trace = trace
        super().__init__(message)


class NodeError(ResoluteError):
    """A node failed and may be retried.

    Raise it (or a subclass) inside a node. `retry_after` sets the pause before the next attempt.
    """

    retryable: bool = True

    def __init__(self, message: str = "", *, retry_after: timedelta | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class BrakedError(NodeError):
    """The brake is on: no write is sent until it is released (see `resolute brake status`)."""


class UnknownNodeError(NodeError):
    """This worker does not have the node; another worker on the task queue may."""


class TerminalError(NodeError):
    """A node failed and must not be retried: the same call would fail the same way."""

    retryable = False


class InvalidArgumentsError(TerminalError):
    """The resolved arguments do not fit the node's parameters."""


class InvalidResultError(TerminalError):
    """The node's result does not fit its return type."""


class SecretInResultError(TerminalError):
    """The node returned a secret, which would be recorded in the history of the run."""


class ResultTooLargeError(TerminalError):
    """The node's result is larger than Temporal accepts."""


class MissingEnvironmentError(TerminalError):
    """An environment variable or secret that the node reads is not set on the worker."""


class AuditError(NodeError):
    """The audit log cannot be written, so nothing was sent."""


class NotGrantedError(TerminalError):
    """The provider's grants do not allow what the node does."""


class DryRunError(TerminalError):
    """A write was refused because the run is dry. `what` is what would have been sent."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"{what} was not sent: the run is dry, and a dry run writes nothing")


class UnsealedCallError(TerminalError):
    """The call does not come from a plan that this worker trusts."""


class LastAttemptError(TerminalError):
    """A function failed on its last allowed attempt. `error` is what it raised, and what is recorded."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        super().__init__(str(error))
