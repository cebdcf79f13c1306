"""What a run has recorded: what it asked for, in its order, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from resolute.plan.values import Json, JsonObject
from resolute.running.messages import Message
from resolute.running.report import RunReport


@dataclass(frozen=True)
class Done:
    """A call or a question came to its end: `failure` are the facts of its failure, `gone` says it was given up.

    `left` is what a call that failed has left for another one, and `stopped` what a switch has made of it, which is no
    end.
    """

    command: int
    output: Json = None
    failure: JsonObject | None = None
    left: Mapping[str, Any] | None = None
    gone: bool = False
    stopped: JsonObject | None = None


@dataclass(frozen=True)
class Carried:
    """A trip of several calls came back with its record, in which each of them is by itself."""

    command: int
    record: Json


@dataclass(frozen=True)
class ChildDone:
    """A run that a step has started came to its end; `end` says how, as the runtime in memory does."""

    command: int
    end: Any
    given_up: bool
    report: RunReport


@dataclass(frozen=True)
class Fired:
    """The time of a timer came."""

    command: int


@dataclass(frozen=True)
class Said:
    """Somebody said something; with `again` it is said again where it is refused."""

    message: Message
    again: bool = False


@dataclass(frozen=True)
class Cancel:
    """Somebody wants the run to end."""


Event: TypeAlias = Done | Carried | ChildDone | Fired | Said | Cancel


@dataclass(frozen=True)
class Turn:
    """One turn of a run: when it was, and what was brought to it; a `local` one by the worker itself."""

    at: datetime
    events: tuple[Event, ...]
    local: bool = False


@dataclass
class History:
    """What one part of a run has recorded.

    `commands` are what the run asked for and `turns` what it was brought; `kept` says how many of both outlive the
    worker.
    """

    commands: list[str] = field(default_factory=list[str])
    turns: list[Turn] = field(default_factory=list[Turn])
    kept: tuple[int, int] = (0, 0)

    def keep(self) -> list[Turn]:
        """All that was recorded outlives the worker from now on; gives the turns that did not before."""
        fresh = self.turns[self.kept[1] :]
        self.kept = (len(self.commands), len(self.turns))
        return fresh

    def lose(self) -> list[Event]:
        """The worker has died: what it had not handed in is lost; gives what is to be brought to the run again."""
        lost = self.turns[self.kept[1] :]
        del self.commands[self.kept[0] :], self.turns[self.kept[1] :]
        return [event for turn in lost if not turn.local for event in turn.events]
