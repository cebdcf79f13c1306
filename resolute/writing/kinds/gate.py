"""A question to people, in a flow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import NoneType
from typing import Any, ClassVar, Generic, Literal, TypeAlias, TypeVar, cast, overload

from resolute.plan.decided import Decided
from resolute.plan.kinds.gate import Gate, OnReject, OnTimeout
from resolute.plan.shapes import Described
from resolute.plan.values import Json
from resolute.writing.kinds.call import Node, lift_node
from resolute.writing.lifting import Lifter, decoded
from resolute.writing.places import place_of_caller
from resolute.writing.step import Draft, FlowStep

F = TypeVar("F")
F_co = TypeVar("F_co", covariant=True)

Told: TypeAlias = "Node[Any] | Sequence[Node[Any]]"
Notify: TypeAlias = "Callable[[str], Told] | Callable[[str, str], Told]"


@dataclass(frozen=True, eq=False)
class GateStep(FlowStep["Decided[F_co]"], Generic[F_co]):  # in quotes: its model is built where a gate is written
    """A question to people. See `gate`."""

    ask: object
    form: object
    approvers: object
    quorum: object
    requester: object
    allow_self: object
    timeout: object
    on_timeout: object
    on_reject: object
    remind: object
    notify: object

    @property
    def default_name(self) -> str:
        """The step's name where it was given none."""
        return "gate"

    @property
    def result_type(self) -> Any:
        """The decision, with the form that was filled in; null where the flow may go on without one."""
        if isinstance(self.form, Described):
            return Decided[Any]
        if not isinstance(self.form, type):
            return Decided[NoneType]
        without = self.on_reject == "continue" or self.on_timeout == "approve"
        return Decided[self.form | None] if without else Decided[self.form]

    def draft(self) -> Draft:
        """The step in its place."""
        return DraftGate(self)


@overload
def gate(
    name: str,
    *,
    ask: str = "",
    form: None = None,
    approvers: Sequence[str] | None = None,
    quorum: int = 1,
    requester: str | None = None,
    allow_self: bool = False,
    timeout: timedelta | None = None,
    on_timeout: OnTimeout = "reject",
    on_reject: OnReject = "fail",
    remind: timedelta | None = None,
    notify: Notify | None = None,
) -> GateStep[None]: ...
@overload
def gate(
    name: str,
    *,
    ask: str = "",
    form: type[F],
    approvers: Sequence[str] | None = None,
    quorum: int = 1,
    requester: str | None = None,
    allow_self: bool = False,
    timeout: timedelta | None = None,
    on_timeout: Literal["reject", "fail"] = "reject",
    on_reject: Literal["fail"] = "fail",
    remind: timedelta | None = None,
    notify: Notify | None = None,
) -> GateStep[F]: ...
@overload
def gate(
    name: str,
    *,
    ask: str = "",
    form: type[F],
    approvers: Sequence[str] | None = None,
    quorum: int = 1,
    requester: str | None = None,
    allow_self: bool = False,
    timeout: timedelta | None = None,
    on_timeout: OnTimeout = "reject",
    on_reject: OnReject = "fail",
    remind: timedelta | None = None,
    notify: Notify | None = None,
) -> GateStep[F | None]: ...
def gate(
    name: str,
    *,
    ask: str = "",
    form: type[Any] | None = None,
    approvers: Sequence[str] | None = None,
    quorum: int = 1,
    requester: str | None = None,
    allow_self: bool = False,
    timeout: timedelta | None = None,
    on_timeout: OnTimeout = "reject",
    on_reject: OnReject = "fail",
    remind: timedelta | None = None,
    notify: Notify | None = None,
) -> GateStep[Any]:
    """Asks people, and waits until they have decided: `resolute approve`, `resolute reject`, or a link of `notify`.

    One person who rejects is enough, and each decides once. A rejection fails the run, whose completed steps are
    undone. The output is a `Decided`. Waiting costs nothing and survives restarts.

    Args:
        name: what the gate is called.
        ask: what people are asked, as in `text("Fail over {}?", check.output.host)`.
        form: a model of what who approves fills in. What JSON Schema says of it is checked, validators are not run.
        approvers: who may decide, by name; without it, everybody who can send the run a decision.
        quorum: how many people have to approve.
        requester: who asks for it, where that is not the person who started the run.
        allow_self: lets the requester, or the person who started the run, decide as well.
        timeout: how long the gate is open; without it, until somebody decides.
        on_timeout: what it counts as when the time is up: a rejection, an approval, or a failure.
        on_reject: `continue` goes on, with `approved` false.
        remind: after which time `notify` runs again, and again.
        notify: a function of a link, or of a link and a person, that gives the node or nodes that send it; it runs for
            each of the approvers, whose own link it is. Without either in it, it runs once. If it fails, the gate is
            open all the same.

    >>> from datetime import timedelta
    >>> gate("approve", approvers=["ada", "grace"], timeout=timedelta(hours=2)).output.approved
    approve.approved
    """
    return GateStep(
        ask,
        form,
        approvers,
        quorum,
        requester,
        allow_self,
        timeout,
        on_timeout,
        on_reject,
        remind,
        notify,
        name=name,
        written_at=place_of_caller(),
    )


@dataclass(frozen=True, eq=False)
class DraftGate(Draft):
    """A gate in its place."""

    step: GateStep[Any]  # pyright: ignore[reportIncompatibleVariableOverride]  # narrower, and frozen

    kind: ClassVar[str] = "gate"

    def fresh(self) -> Draft:
        """The same gate in another place."""
        return DraftGate(self.step)


def lift_gate(gate: Gate, lifter: Lifter) -> Draft:
    """The gate; the schema of its form stands for a model, and what tells people is given as it is."""
    told = [node for call in gate.notify if (node := lift_node(call, lifter))]
    step: GateStep[Any] = GateStep(
        decoded(cast("Json", gate.ask)),
        None if gate.form is None else Described(cast("Any", gate.form)),
        decoded(cast("Json", gate.approvers)),
        gate.quorum,
        decoded(cast("Json", gate.requester)),
        gate.allow_self,
        None if gate.timeout is None else timedelta(seconds=gate.timeout),
        gate.on_timeout,
        gate.on_reject,
        None if gate.remind is None else timedelta(seconds=gate.remind),
        _giving(told) if gate.notify else None,
        name=lifter.name_of(gate),
        written_at=lifter.place(gate),
    )
    return DraftGate(step)


def _giving(told: list[Node[Any]]) -> Callable[[str], list[Node[Any]]]:
    return lambda link: told
