"""Switches that people throw for many runs at once: pauses of a flow or of everything, and the brake on all writes.

They are looked at by whoever runs a node, whatever flow or plan it is called by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias, cast

from resolute.plan.errors import UnusableValueError
from resolute.plan.policies import Effect
from resolute.plan.values import Json, JsonObject

MOST_FLOWS: Final = 500
"""Flows that are paused one by one, at most. Beyond them everything is paused."""

Why: TypeAlias = Literal["brake", "pause", "unread"]


@dataclass(frozen=True, kw_only=True)
class Thrown:
    """A switch that is on: who has thrown it, when (ISO 8601) and why."""

    by: str
    since: str
    reason: str = ""

    def as_json(self) -> JsonObject:
        """As plain data."""
        return {"by": self.by, "since": self.since, "reason": self.reason}

    @classmethod
    def of(cls, data: Json) -> Thrown:
        """What `as_json` wrote."""
        held = cast("JsonObject", data)
        return cls(by=str(held["by"]), since=str(held["since"]), reason=str(held.get("reason", "")))


@dataclass(frozen=True, kw_only=True)
class Stop:
    """Why a call is not made now: the brake, a pause, or that its worker does not know yet whether the brake is on.

    `flow` is the one that is paused; empty where everything is.
    """

    why: Why
    flow: str = ""
    thrown: Thrown | None = None

    @property
    def source(self) -> str:
        """What tells this pause of a run from others."""
        return f"flow:{self.flow}" if self.flow else "all"

    def facts(self) -> JsonObject:
        """Who has thrown the switch, since when and why."""
        if self.thrown is None:
            return {"by": "", "since": "", "reason": "the worker has not been able to read whether the brake is on"}
        return self.thrown.as_json()

    def as_json(self) -> JsonObject:
        """As plain data, which `stop_from` reads."""
        return {"why": self.why, "flow": self.flow, "thrown": self.thrown.as_json() if self.thrown else None}


def stop_from(data: Json) -> Stop:
    """What `Stop.as_json` wrote."""
    held = cast("JsonObject", data)
    thrown = held["thrown"]
    return Stop(
        why=cast("Why", held["why"]), flow=str(held["flow"]), thrown=None if thrown is None else Thrown.of(thrown)
    )


@dataclass(frozen=True, kw_only=True)
class Switches:
    """How all switches stand; `number` grows with every change."""

    brake: Thrown | None = None
    everything: Thrown | None = None
    flows: Mapping[str, Thrown] = field(default_factory=dict[str, Thrown])
    number: int = 0

    @property
    def are_off(self) -> bool:
        """Whether none is on."""
        return self.brake is None and self.everything is None and not self.flows

    def paused(self, flow: str) -> Thrown | None:
        """What pauses the runs of a flow."""
        return self.everything or self.flows.get(flow)

    def with_brake(self, thrown: Thrown | None) -> Switches:
        """The same with the brake on or off."""
        return replace(self, brake=thrown)

    def with_pause(self, flow: str, thrown: Thrown | None) -> Switches:
        """The same with a flow paused or not; everything, where no flow is named."""
        if not flow:
            return replace(self, everything=thrown)
        others = {name: each for name, each in self.flows.items() if name != flow}
        flows = others if thrown is None else {**others, flow: thrown}
        return replace(self, flows=flows)

    def stop(self, flows: Sequence[str]) -> Stop | None:
        """What stops a call of one of these flows, whatever it does."""
        if self.everything is not None:
            return Stop(why="pause", thrown=self.everything)
        return next(
            (Stop(why="pause", flow=name, thrown=self.flows[name]) for name in flows if name in self.flows), None
        )

    def as_json(self) -> JsonObject:
        """As plain data, which `switches_from` reads."""
        flows: JsonObject = {name: thrown.as_json() for name, thrown in self.flows.items()}
        return {
            "brake": self.brake.as_json() if self.brake else None,
            "everything": self.everything.as_json() if self.everything else None,
            "flows": flows,
            "number": self.number,
        }


def switches_from(data: Json) -> Switches:
    """What `Switches.as_json` wrote.

    Raises:
        UnusableValueError: it is nothing that any release writes.
    """
    try:
        held = cast("JsonObject", data)
        brake, everything = held["brake"], held["everything"]
        return Switches(
            brake=None if brake is None else Thrown.of(brake),
            everything=None if everything is None else Thrown.of(everything),
            flows={name: Thrown.of(each) for name, each in cast("JsonObject", held["flows"]).items()},
            number=int(cast("int", held["number"])),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnusableValueError(f"the state of the switches is damaged: {error!r}") from None


OFF: Final = Switches()


def stop_of(
    switches: Switches | None, flows: Sequence[str], effect: Effect, *, begun: bool = False, lifted: bool = False
) -> Stop | None:
    """What stops a call; None where it may be made. `switches` is None where they could not be read yet.

    The brake stops every write. A pause stops what has not `begun`, and nothing of a run that undoes its work because
    it was cancelled: for that one the pause is `lifted`.
    """
    if effect == "write" and (braked := braking(switches)) is not None:
        return braked
    return None if switches is None or begun or lifted else switches.stop(flows)


def braking(switches: Switches | None) -> Stop | None:
    """What stops a write, whatever flow it is of."""
    if switches is None:
        return Stop(why="unread")
    return None if switches.brake is None else Stop(why="brake", thrown=switches.brake)


def still(stop: Stop, switches: Switches | None, flows: Sequence[str]) -> Stop | None:
    """What stops now what was stopped; None where it may be tried again."""
    if stop.why != "pause":
        return braking(switches)
    return None if switches is None else switches.stop(flows)
