"""What the author's code can see while it runs: the current call, and the state that a decision decides on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar, overload

from pydantic import TypeAdapter

from resolute.plan.errors import DryRunError, ResoluteError
from resolute.plan.values import Json, JsonObject

T = TypeVar("T")


def _ignore(*_: Json) -> None:
    return None


Answered: TypeAlias = Callable[[int], None]
"""Who is told the status of an answer."""

TraceRequest: TypeAlias = Callable[[str, str], AbstractContextManager[Answered]]
"""Traces a request, given its method and address, for the length of a `with`."""


@dataclass(frozen=True, kw_only=True)
class CallContext:
    """The call of a node: which flow, run and step it belongs to, and which attempt it is (from 1).

    Attempts are counted on where the step has failed for good and a person has it tried again; see `earlier`.
    `run_id` is Temporal's run id, `workflow_id` is the name of the run in lists and logs (Temporal's workflow id).
    """

    flow: str
    run_id: str
    step: str
    node: str
    attempt: int = 1
    workflow_id: str = ""
    heartbeat: Callable[..., None] = _ignore
    """Tells the server that a long node is alive; its arguments become `last_heartbeat` of the next attempt.

    It also works in plain nodes, which run in a thread. There it also ends a node that nobody waits for any longer,
    because its run was cancelled or its time is over: it raises `asyncio.CancelledError`.
    """
    last_heartbeat: tuple[Json, ...] = ()
    keep_secret: Callable[[str], None] = _ignore
    """Registers a secret that the node has fetched, such as a token: from then on it is masked like any other."""
    deadline: float = math.inf
    """When this attempt is given up, on the clock of `time.monotonic()`. A client should not wait longer."""
    last_deadline: float = math.inf
    """When the step is given up, however many attempts are left, on the same clock."""
    clock_offset: float = 0.0
    """What to add to `time.monotonic()` for the clock of whatever runs the flow, in seconds.

    That clock is the same in all attempts of a step, whichever machines they are on.
    """
    unheard: bool = False
    """Whether nothing was heard of the end of the attempt before this one: its worker died, or it hung.

    Then what it left in `last_heartbeat` may be older than what it did.
    """
    check_brake: Callable[[], None] = _ignore
    """Raises `BrakedError` while the brake is on; see `check_may_write`."""
    flows: tuple[str, ...] = ()
    """The flows of the runs that have started this run, the first one first."""
    earlier: int = 0
    """How many of the attempts before this one had failed for good when a person had the step tried again."""
    lifted: bool = False
    """Whether no pause stops the call: it undoes the work of a run that somebody has cancelled."""

    dry: bool = False
    """Whether the run is dry. A node that reads is called all the same, and must not write."""
    traced: TraceRequest | None = None
    """Traces a request that a client sends for the call; see `traced_request`."""

    @property
    def run(self) -> str:
        """The name of the run in lists, logs and the audit log, and for every command that takes a run."""
        return self.workflow_id or self.run_id

    @property
    def is_first(self) -> bool:
        """Whether this is the first attempt, or the first one since a person has had the step tried again."""
        return self.attempt == self.earlier + 1

    @property
    def idempotency_key(self) -> str:
        """The same text in every attempt of this step of this run, and different everywhere else."""
        return f"{self.flow}/{self.run_id}/{self.step}"


_current: ContextVar[CallContext] = ContextVar("resolute_call")


def current_call() -> CallContext:
    """The call that this code runs in.

    Raises:
        ResoluteError: called outside a node.
    """
    try:
        return _current.get()
    except LookupError:
        raise ResoluteError("current_call() only works inside a node, while a worker or a tester runs it") from None


def check_may_write(what: str) -> None:
    """Refuses a write of the current call if its run is dry or the brake is on: for clients, whatever nodes say.

    Outside a call nothing is refused. Where the brake refuses, the step waits for its release, and is called again.

    Raises:
        DryRunError: the run is dry.
        BrakedError: the brake is on.
    """
    call = _current.get(None)
    if call is not None and call.dry:
        raise DryRunError(what)
    if call is not None:
        call.check_brake()


def traced_request(method: str, url: str) -> AbstractContextManager[Answered]:
    """Traces a request of the current call for the length of a `with`: for clients of services.

    What it gives is to be called with the status of the answer. The service is told nothing of the trace.

    >>> with traced_request("GET", "https://api.example.com") as answered:
    ...     answered(200)
    """
    call = _current.get(None)
    return nullcontext(_untold) if call is None or call.traced is None else call.traced(method, url)


def _untold(_: int) -> None:
    return None


def enter_call(call: CallContext) -> None:
    """Makes the call the current one of this task (for engines that run nodes)."""
    _current.set(call)


@dataclass(frozen=True)
class State:
    """What a decision decides on: outputs by step name, the run's input, and the last completed run's outputs.

    >>> state = State(outputs={"health": {"status": "critical"}})
    >>> state["health"]["status"]
    'critical'
    """

    outputs: JsonObject
    input: Json = None
    previous: JsonObject | None = None

    def __getitem__(self, step: str) -> Any:
        return self.outputs[step]

    def __contains__(self, step: object) -> bool:
        return step in self.outputs

    @overload
    def get(self, step: str, as_type: type[T]) -> T: ...
    @overload
    def get(self, step: str) -> Any: ...
    def get(self, step: str, as_type: type[Any] | None = None) -> Any:
        """A step's output, as a model if one is given: `state.get("health", Health).status`."""
        value = self.outputs.get(step)
        return value if as_type is None else TypeAdapter(as_type).validate_python(value, by_name=True, by_alias=True)


def state_from(value: Mapping[str, Any]) -> State:
    """The state as the interpreter passes it on."""
    return State(outputs=value["outputs"], input=value.get("input"), previous=value.get("previous"))
