"""The flows that the board shows in these tests."""

from __future__ import annotations

from datetime import timedelta

from pydantic import BaseModel, Field

from resolute import each, flow, gate, input_data, manual, node, secret, sleep, text
from resolute.plan.errors import TerminalError

SCRIPT = "<script>alert(1)</script>"
FIXED: list[str] = []


class Change(BaseModel):
    """What is filled in."""

    region: str = Field(min_length=2, title="<b>Region</b>")
    percent: int = 10


class Hosts(BaseModel):
    """Whom to greet."""

    names: list[str] = []


@node
async def greet(name: str) -> dict[str, str]:
    """Says hello."""
    return {"said": f"hello {name}"}


@node
async def whisper(word: str) -> str:
    """Uses a secret."""
    return f"{len(word)} characters"


class NotFixedError(TerminalError):
    """Nobody has mended it."""


@node
async def fragile(name: str) -> str:
    """Fails until somebody has mended it."""
    if name not in FIXED:
        raise NotFixedError(f"{name} is broken {SCRIPT}")
    return f"{name} is well"


GREETING = (
    flow("board-greeting")
    .triggered_by(manual("go", input=Hosts))
    .then(greet(SCRIPT).as_("first"))
    .when(input_data(Hosts).names != [])
    .then(each(input_data(Hosts).names, lambda name: greet(name)).as_("all"))
    .end_when()
    .then(whisper(secret("TOKEN")).as_("last"))
    .build()
)

ASKING = (
    flow("board-asking")
    .triggered_by(manual("go"))
    .then(gate("approve", ask=text("Fail over {}?", SCRIPT), form=Change, approvers=["ada", "grace", "ada@ops.test"]))
    .then(greet("after"))
    .build()
)

HOLDING = flow("board-holding", when_stuck="hold").triggered_by(manual("go")).then(fragile("disk")).build()

SLEEPING = flow("board-sleeping").triggered_by(manual("go")).then(sleep(timedelta(hours=1)).as_("nap")).build()

STAYING = (
    flow("board-staying")
    .triggered_by(manual("go", input=Hosts))
    .then(each(input_data(Hosts).names, lambda name: greet(name)).as_("all"))
    .then(sleep(timedelta(hours=1)).as_("nap"))
    .build()
)

FLOWS = [GREETING, ASKING, HOLDING, SLEEPING, STAYING]
