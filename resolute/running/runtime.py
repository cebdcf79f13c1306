"""The seam between the interpreter and whatever runs it: Temporal, or memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from resolute.plan.errors import NodeFailedError, ResoluteError
from resolute.plan.failing import Failure
from resolute.plan.plan import Plan
from resolute.plan.policies import Lane, ParentClose, Policy
from resolute.plan.values import Json, JsonObject
from resolute.running.made import NOTHING_MADE, CallStoppedError, Made
from resolute.running.messages import Message
from resolute.running.shared.asking import Asking
from resolute.running.switches import Stop


@dataclass(frozen=True, kw_only=True)
class CallRequest:
    """One call of a node, with its arguments as far as the workflow knows them (see `evaluate.prepare`).

    `size` is that of the arguments, in bytes as they are recorded. A call of a `dry` run is answered as `DryAnswer`
    says. `made` is what has become of the call before a switch stopped it; `lifted` says that pauses do not stop it.
    `name` is the step's in the plan. A call that may be made ahead `reads` the outputs of calls before it, by name.
    """

    step: str
    node: str
    arguments: JsonObject
    policy: Policy
    lane: Lane
    queue: str | None = None
    dry: bool = False
    made: Made = NOTHING_MADE
    lifted: bool = False
    size: int = 0
    name: str = ""
    reads: tuple[str, ...] = ()

    @property
    def left(self) -> Policy:
        """What is left of the policy for further attempts."""
        return self.made.policy(self.policy)


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What one of several calls came to: an output or a failure, unless it was given up or stopped by a switch.

    One that is `put_off` has not begun: its run is paused, and it is to be made when that goes on.
    """

    output: Json = None
    failure: NodeFailedError | None = None
    given_up: bool = False
    stopped: CallStoppedError | None = None
    put_off: bool = False

    def value(self) -> Json:
        """The output.

        Raises:
            NodeFailedError, CallStoppedError, asyncio.CancelledError: as `Runtime.call` does.
        """
        if self.given_up:
            raise asyncio.CancelledError
        if self.stopped is not None:
            raise self.stopped
        if self.failure is not None:
            raise self.failure
        return self.output


@dataclass(frozen=True, kw_only=True)
class ChildRequest:
    """Another flow, to be run as a run of its own."""

    step: str
    plan: Plan
    input: Json
    parent_close: ParentClose


class ChildFailedError(ResoluteError):
    """A run that was started for a step did not complete.

    `failure` is why, as the run tells it: its own step, node and error. `failed_as_well` are undo steps of it that
    failed. `given_up` says that it was cancelled because its step was.
    """

    def __init__(
        self,
        failure: Failure,
        *,
        trace: str = "",
        failed_as_well: tuple[Failure, ...] = (),
        given_up: bool = False,
    ) -> None:
        self.failure = failure
        self.trace = trace
        self.given_up = given_up
        self.failed_as_well = failed_as_well
        super().__init__(f"{failure.error_type}: {failure.message}")


class Paused(Protocol):
    """Whether a run is paused now, so that nothing of it begins: true while it is."""

    @property
    def ended(self) -> list[Callable[[], None]]:
        """What is called when the run goes on."""
        ...

    def __bool__(self) -> bool: ...


class Runtime(Protocol):
    """What the interpreter needs of the world."""

    def now(self) -> datetime:
        """The run's own clock."""
        ...

    def is_full(self, ended: int) -> bool:
        """Whether the history of the run is so long that the run is to be continued in another one.

        `ended` counts the steps that have ended in this history.
        """
        ...

    async def sleep(self, step: str, until: datetime | None) -> None:
        """Waits until a time for a step, or, without one, until the wait is cancelled."""
        ...

    async def call(
        self, request: CallRequest, behind: Sequence[CallRequest] = (), paused: Paused | None = None
    ) -> Json:
        """Runs a node by its policy and gives its output.

        Of the calls that come `behind` it in the local lane, those that follow may be made with it, as long as the run
        is not `paused`: then what has begun is tried again without them.

        Raises:
            NodeFailedError: the node failed for good.
            CallStoppedError: a switch stops it: it is to be made again later.
            asyncio.CancelledError: the call was given up.
        """
        ...

    @property
    def is_ahead(self) -> bool:
        """Whether calls have been begun to which the run has not come yet. Nothing stops it until it has."""
        ...

    async def still(self, name: str, stop: Stop) -> Stop | None:
        """What now stops a call that was stopped; None where it can be made. `name` is for this question alone."""
        ...

    def stand(self, standing: JsonObject) -> None:
        """Tells people how the run stands (see `Standing`), so that they find it among many."""
        ...

    async def call_together(
        self, requests: Sequence[CallRequest], *, at_once: int, stops: bool, paused: Paused | None = None
    ) -> list[Answered]:
        """Runs nodes of the local lane by their policies, so many at once, where nothing else of the run is at work.

        With `stops` a failure gives up the calls beside it. While the run is `paused` none of them begins: once what
        has begun has ended, the others are put off.
        """
        ...

    def tell_children(self, message: Message) -> None:
        """Passes a message on to every run that a step has started and waits for; nobody waits for an answer."""
        ...

    async def share(self, asking: Asking) -> Json:
        """Asks what runs share, and gives the answer; who asks twice is answered the same, and counts once.

        Raises:
            NodeFailedError: it was refused, or nobody answered.
            asyncio.CancelledError: the question was given up.
        """
        ...

    def child_id(self, step: str) -> str:
        """What the run is called that a step starts: always the same for the same step of the same run."""
        ...

    async def child(self, request: ChildRequest) -> Json:
        """Runs another flow to its end and gives what its run has recorded (see `result`).

        Raises:
            ChildFailedError: it did not complete.
            asyncio.CancelledError: it was let go of, and goes on or is cut off.
        """
        ...

    def cancel(self, part: str = "") -> None:
        """Gives up the calls at work whose steps begin so: each still ends, with its output where it completed.

        Calls that are made later are not touched by it: they undo what the run has done.
        """
        ...
