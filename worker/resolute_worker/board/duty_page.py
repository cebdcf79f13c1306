"""PagerDuty: who is on call, which incidents are open, and what the simulator does wrong on request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import Response

from resolute.plan.errors import ConfigurationError
from resolute_worker.board.board import Board, Done
from resolute_worker.board.people import Person

if TYPE_CHECKING:
    from resolute.testing.simulating import Fault

FAULTS: Final[Mapping[str, tuple[str, Mapping[str, object]]]] = {
    "busy": ("Answer the next 5 requests with 429", {"action": "rate_limit", "times": 5}),
    "down": ("Answer the next 5 requests with 503", {"action": "status", "status": 503, "times": 5}),
    "lost": ("Carry out the next write, and lose its answer", {"action": "reset", "method": "POST", "after": True}),
    "slow": ("Take 5 seconds for the next 5 requests", {"action": "slow", "seconds": 5.0, "times": 5}),
    "gone": ("Answer everything with 503, until it is well again", {"action": "status", "status": 503, "times": None}),
}
"""What the simulator can be asked to do wrong, by a word."""


RUNS_SHOWN: Final = 5
"""Runs that are named beside an incident; of more, the latest, and the way to the others."""


async def duty_page(board: Board, request: Request) -> Response:
    """What PagerDuty says now."""
    duty = await board.pager.duty()
    sight = await board.poll.latest()
    simulator = board.simulator
    named = await board.touched.among(sight) if duty.incidents else ()
    values = {
        "duty": duty,
        "touched": [
            (each, [one.run for one in named if one.texts & {each.id, each.incident_key}]) for each in duty.incidents
        ],
        "runs_shown": RUNS_SHOWN,
        "simulator": simulator,
        "pending": [_said(fault) for fault in simulator.faults.pending()] if simulator else (),
        "faults": [(word, label) for word, (label, _) in FAULTS.items()],
        "requests": list(simulator.requests)[-10:][::-1] if simulator else (),
    }
    return await board.page(request, "pagerduty", values, title="PagerDuty", sight=sight)


async def fault(board: Board, person: Person, form: Mapping[str, str]) -> Done:
    """Has the simulator do something wrong, or be well again.

    Raises:
        ConfigurationError: there is no simulator, or no such fault.
    """
    from resolute.testing.simulating import Fault

    word = form.get("fault", "")
    if board.simulator is None:
        raise ConfigurationError("there is no simulator here: `resolute dev --simulator` has one")
    if word == "none":
        board.simulator.faults.clear()
    elif word in FAULTS:
        board.simulator.faults.add(Fault.model_validate(FAULTS[word][1]))
    else:
        raise ConfigurationError("there is no such fault")
    board.pager.forget()
    return Done("fault")


def _said(fault: Fault) -> str:
    times = "always" if fault.times is None else f"{fault.times} times"
    what = f"{fault.action} {fault.status}" if fault.action == "status" else fault.action
    return f"{what} for {fault.method} {fault.path}, {times}"
