"""A step that tells its own run of an event, as somebody outside would."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from resolute import CallContext, node
from resolute.plan.values import Json
from resolute.running.messages import EVENT, Message
from tests.contract.nodes import note

Teller: TypeAlias = Callable[[CallContext, Message], Awaitable[None]]

_TELLERS: dict[str, Teller] = {}


def tells(run: str, teller: Teller) -> None:
    """Says how a run is told, by the beginning of its id."""
    _TELLERS[run] = teller


@node
async def tell(event: str, number: int) -> None:
    """Tells the run that this step is in."""
    call = note()
    data: Json = {"number": number}
    message = Message(to=EVENT + event, word="tell", id=f"{call.run}/{call.step}", data=data)
    await _TELLERS[call.run.partition("/")[0]](call, message)
