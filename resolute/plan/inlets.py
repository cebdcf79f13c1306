"""What a service asks a worker by itself: requests that a provider answers, and gates that people decide there.

A worker serves each of `Provider.inlets()` at its path. The inlet judges a request at once, without waiting: it proves
where the request comes from, and answers. What takes longer, such as deciding a gate, it does `afterwards`, on the loop
where the provider is open.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

GateOutcome: TypeAlias = Literal["approved", "rejected", "refused", "form", "over", "unavailable"]


@dataclass(frozen=True, kw_only=True)
class GateAnswer:
    """What came of a decision.

    Attributes:
        outcome: `approved` or `rejected`: it counts. `refused`: this person may not decide, or has decided. `form`: an
            approval fills in a form, for which `link` is this person's. `over`: the gate is not open any more.
            `unavailable`: nobody could be asked, and nothing has been decided.
        said: a sentence for the person who has decided.
        missing: how many more people have to approve.
        flow: the flow whose gate it is, for an audit log; empty where the button does not say.
        run: the id of the run.
        gate: the gate.
        link: where this person, and nobody else, decides in a browser; empty if there is no such place.
    """

    outcome: GateOutcome
    said: str
    missing: int = 0
    link: str = ""
    flow: str = ""
    run: str = ""
    gate: str = ""


class Gates(Protocol):
    """The gates of runs, as a worker lets a provider decide them."""

    def decide(self, button: str, *, approve: bool, by: str) -> Awaitable[GateAnswer]:
        """Decides the gate that a button is for, as `resolute approve` does; never raises.

        Args:
            button: what a node was given by a parameter of type `GateButton`.
            approve: whether the person approves.
            by: the person, as the service has proved them to be, such as their e-mail address.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class InletAnswer:
    """The answer to a request of a service, and what is done after it.

    `reason` goes to the log, never to the sender.
    """

    status: int = 200
    body: str = ""
    reason: str = ""
    afterwards: Callable[[], Coroutine[Any, Any, None]] | None = None


Inlet: TypeAlias = Callable[[Mapping[str, str], bytes, Gates], InletAnswer]
"""Answers a request, given its headers (names in lower case), its raw body, and the gates of the worker."""
