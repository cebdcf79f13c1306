"""Steps by which somebody outside tells the run of an event, or decides its gate."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeAlias

from resolute import CallContext, node
from resolute.plan.values import Json
from resolute.running.messages import EVENT, Message, MessageRefusedError
from tests.contract.nodes import note

Teller: TypeAlias = Callable[[CallContext, Message], Awaitable[None]]

_TELLERS: dict[str, Teller] = {}
_TRIES = 5000
_DECIDING: set[asyncio.Future[None]] = set()


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


@node
async def ask_for(gate: str) -> None:
    """Has the gate behind this step approved, as soon as it is open."""
    call = note()
    path = call.step.rpartition(".")[0]
    address = f"gate:{path}.{gate}" if path else f"gate:{gate}"
    decide_soon(call, Message(to=address, word="approve", id="", data={"reason": "why not"}, by="ada"))


def decide_soon(call: CallContext, message: Message) -> None:
    """Sends a message to the run of a call as soon as the run takes it."""
    deciding = asyncio.ensure_future(_decide(call, message))
    _DECIDING.add(deciding)
    deciding.add_done_callback(_DECIDING.discard)


async def _decide(call: CallContext, message: Message) -> None:
    for number in range(_TRIES):
        try:
            # Under another id each time: Temporal keeps the answer to each.
            again = replace(message, id=f"{call.run}/{call.step}/{number}")
            await _TELLERS[call.run.partition("/")[0]](call, again)
        except MessageRefusedError:  # the run has not come to it, or moves to another history
            await asyncio.sleep(0)
        else:
            return
