"""The switches of one world: how they stand, how its worker knows them, and what they stop."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from resolute.running.switches import OFF, Switches, Thrown
from tests.simulation.orders import Halted, What

if TYPE_CHECKING:
    from tests.simulation.server import Server

_LOOKS_EVERY: Final = 1.0
"""Seconds between two looks of a worker at the switches."""

_UNREAD: Final = 0.3
"""How often a worker that comes up cannot read the switches at first."""


class Switchboard:
    """The switches of one world. `known` is how its worker knows them, None where it could not read them yet."""

    def __init__(self, server: Server, draw: random.Random) -> None:
        self._server = server
        self._draw = draw
        self._stand = OFF
        self._on: dict[tuple[What, str], int] = {}
        self.known: Switches | None = OFF
        self._halted: list[Halted] = []

    def now(self) -> Switches | None:
        """How the switches stand, as far as the worker knows."""
        return self.known

    def pause(self, flow: str, thrown: Thrown | None) -> None:
        """Pauses a flow, or everything where none is named; or resumes it."""
        self._change(self._stand.with_pause(flow, thrown))

    def brake(self, thrown: Thrown | None) -> None:
        """Puts the brake on, or releases it."""
        self._change(self._stand.with_brake(thrown))

    def _change(self, stand: Switches) -> None:
        self._stand = stand
        self._server.loop.call_later(self._draw.random() * _LOOKS_EVERY, self.look)

    def come_up(self) -> None:
        """A worker has come up, and reads the switches; it may fail to."""
        if self._draw.random() < _UNREAD:
            self.known = None
            self._note()
            self._server.loop.call_later(self._draw.random() * _LOOKS_EVERY, self.look)
        else:
            self.look()

    def release(self) -> None:
        """All switches are off, and the worker knows."""
        self._stand = OFF
        self.look()

    def look(self) -> None:
        """The worker looks at the switches."""
        if self._server.is_up:
            self.known = self._stand
            self._note()

    def _note(self) -> None:
        """Since when what is stopped. Without knowing how the brake stands, the worker writes nothing."""
        known, on = self.known, dict[tuple[What, str], None]()
        if known is None or known.brake is not None:
            on["brake", ""] = None
        if known is not None and known.everything is not None:
            on["everything paused", ""] = None
        for flow in known.flows if known is not None else ():
            on["flow paused", flow] = None
        for name in [each for each in self._on if each not in on]:
            self._halted.append(Halted(what=name[0], of=name[1], since=self._on.pop(name), until=self._server.tick()))
        for name in [each for each in on if each not in self._on]:
            self._on[name] = self._server.tick()
        self._server.say(f"the worker knows: {', '.join(' '.join(each).strip() for each in on) or 'all are off'}")

    def halted(self) -> list[Halted]:
        """Everything that was stopped, and when."""
        still = [Halted(what=what, of=of, since=since, until=float("inf")) for (what, of), since in self._on.items()]
        return [*self._halted, *still]
