"""Every error of Resolute, in one tree.

ResoluteError
├── FlowBuildError              the flow as written cannot run; lists every mistake
├── ExpressionError             a deferred value was used as if it were there already
│   └── DecisionError               a function given to when(...) cannot be a decision (in resolute.writing.decision)
├── NotJsonError                a value that JSON cannot hold as it is
├── ConfigurationError          the process is not set up for what it was asked
│   ├── TemporalUnreachableError    no Temporal server answers
│   ├── UnknownFlowError            no flow of that name
│   └── InvalidInputError           the input of a run is not what its flow wants
├── FlowError                   a run cannot go on; ends the run
│   ├── NodeFailedError             a node failed for good
│   ├── RunCancelledError           somebody cancelled the run, or its successor did
│   ├── UnsupportedPlanError        the plan needs an interpreter that this worker does not have
│   ├── UnsealedPlanError           the run came with a plan that this worker does not believe
│   ├── UnknownStepError            a plan holds a kind of step that this worker does not know
│   ├── EvaluationError             an expression has no value
│   │   └── TextError                   a text(...) cannot hold the values it was given
│   ├── UnusableValueError          a value cannot be recorded: nested too deep, no JSON
│   ├── PayloadTooLargeError        a value is larger than Temporal takes
│   └── InternalError               Resolute itself failed: a bug
└── NodeError                   raised inside a node: the world said no; tried again
    ├── EscapeError                 a node raised what would have ended more than itself (in resolute.execution.guard)
    ├── UnknownNodeError            this worker does not have the node; another one may
    └── TerminalError               ... and will always say no; never tried again
        ├── InvalidArgumentsError       the resolved arguments do not fit the node's parameters
        ├── InvalidResultError          the node returned what its model refuses
        ├── SecretInResultError         the node returned a secret, which would be recorded
        ├── ResultTooLargeError         the node returned more than Temporal takes
        ├── MissingEnvironmentError     an environment variable or secret is not set on the worker
        ├── NotGrantedError             the provider was not granted what the node does
        ├── UnsealedCallError           no plan that this worker believes asked for the call
        └── LastAttemptError            a function failed as often as its kind of node may; holds its error

Whether a failure is tried again is said by the type alone: `NodeError.retryable`. `retry_after`, in seconds,
overrides the policy's pause before the next attempt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

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
    """The flow as written cannot run.

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
    """A deferred value was used as if it were there already."""


class NotJsonError(ResoluteError, ValueError):
    """A value that JSON cannot hold as it is. `place` is the way to it: `items[0].load`, empty for the value itself."""

    def __init__(self, place: str, reason: str, hint: str = "") -> None:
        self.place = place
        self.reason = reason
        self.hint = hint
        super().__init__(f"{place}: {reason}" if place else reason)


class ConfigurationError(ResoluteError):
    """The process is not set up for what it was asked to do."""


class TemporalUnreachableError(ConfigurationError):
    """No Temporal server answers at the configured address."""


class UnknownFlowError(ConfigurationError):
    """There is no flow of that name."""


class InvalidInputError(ConfigurationError):
    """The input given to a run is not what its flow wants."""


class FlowError(ResoluteError):
    """A run cannot go on."""


class NodeFailedError(FlowError):
    """A node failed for good: its attempts are used up, or its error is one that is never tried again.

    `error_type` is the class name of the error that the node raised, `reason` its text. `trace` are the
    lines of the author's code that it came from, or of Resolute's where that failed itself.
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
    ) -> None:
        self.step = step
        self.node = node
        self.error_type = shortened(error_type, NAME_LIMIT)
        self.reason = shortened(reason)
        self.retryable = retryable
        self.attempts = attempts
        self.trace = trace
        super().__init__(f"step {step!r} ({node}) failed: {self.error_type}: {self.reason}")


class RunCancelledError(FlowError):
    """The run was cancelled."""

    def __init__(self, message: str = "the run was cancelled") -> None:
        super().__init__(message)


class UnsupportedPlanError(FlowError):
    """The plan needs an interpreter that this worker does not have."""


class UnsealedPlanError(FlowError):
    """The run came with a plan that this worker does not believe: its seal is missing or wrong."""


class UnknownStepError(FlowError):
    """The plan holds a kind of step that this worker does not know."""


class EvaluationError(FlowError):
    """An expression has no value."""


class TextError(EvaluationError):
    """A text(...) cannot hold the values it was given."""


class UnusableValueError(FlowError):
    """A value cannot be recorded: JSON cannot hold it as it is, or it is nested too deep."""


class PayloadTooLargeError(FlowError):
    """A value is larger than Temporal takes."""

    def __init__(self, *, what: str, size: int, limit: int) -> None:
        self.size = size
        self.limit = limit
        super().__init__(
            f"{what} is {size:,} bytes, Temporal takes {limit:,}: "
            "pass a reference to the data (an id, a URL) instead of the data"
        )


class InternalError(FlowError):
    """Resolute itself failed: a bug. `trace` says where, from the outside in."""

    def __init__(self, message: str, *, trace: str) -> None:
        self.trace = trace
        super().__init__(message)


class NodeError(ResoluteError):
    """A node failed and may be tried again.

    Raise it (or a subclass) inside a node. `retry_after` asks for that pause before the next attempt.
    """

    retryable: bool = True

    def __init__(self, message: str = "", *, retry_after: timedelta | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class UnknownNodeError(NodeError):
    """This worker does not have the node; another worker on the task queue may."""


class TerminalError(NodeError):
    """A node failed and must not be tried again: the same call would fail the same way."""

    retryable = False


class InvalidArgumentsError(TerminalError):
    """The resolved arguments do not fit the node's parameters."""


class InvalidResultError(TerminalError):
    """The node returned what its model refuses."""


class SecretInResultError(TerminalError):
    """The node returned a secret, which would be recorded in the history of the run."""


class ResultTooLargeError(TerminalError):
    """The node returned more than Temporal takes."""


class MissingEnvironmentError(TerminalError):
    """An environment variable or secret that the node reads is not set on the worker."""


class NotGrantedError(TerminalError):
    """The provider was not granted what the node does."""


class UnsealedCallError(TerminalError):
    """No plan that this worker believes asked for the call."""


class LastAttemptError(TerminalError):
    """A function failed as often as its kind of node may. Recorded is `error`, which is what it raised."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        super().__init__(str(error))
