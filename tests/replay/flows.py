"""The flows whose histories are kept. A change here needs new recordings: `python -m tests.replay.record`."""

import asyncio
from datetime import timedelta

from resolute import (
    Flow,
    State,
    TerminalError,
    branch,
    current_call,
    env,
    every,
    failure,
    flow,
    manual,
    node,
    not_,
    previous,
    secret,
    text,
)
from resolute.plan.errors import NodeError

ENVIRONMENT = {"STAGE": "prod", "TOKEN": "not-for-the-history"}


@node
async def measure(service: str, token: str = "") -> dict[str, float]:
    """A node of the activity lane."""
    return {"load": float(len(service)), "errors": 0.0}


@node(lane="local")
def double(number: float) -> float:
    """A node of the local lane."""
    return 2 * number


@node
def refuse(reason: str) -> None:
    """A node that fails for good."""
    raise TerminalError(reason)


@node
def stumble(reason: str) -> None:
    """A node that fails, and fails again."""
    raise NodeError(reason)


@node(timeout=timedelta(milliseconds=200), lane="local")
async def hang() -> None:
    """A node that never answers; its local timeout looks different live and replayed."""
    await asyncio.Event().wait()


@node
async def tell(message: str) -> str:
    """A node that hands back what it was told."""
    return message


def is_loaded(state: State) -> bool:
    """A decision."""
    return state["measured"]["load"] > 1


measured = measure("checkout", token=secret("TOKEN")).as_("measured")
doubled = double(measured.output["load"]).as_("doubled")

everything = (
    flow("everything")
    .triggered_by(manual("start"))
    .then(measured)
    .then(doubled)
    .when(is_loaded)
    .when(env("STAGE") == "prod")
    .then_parallel(
        tell(text("load {:.1f}", measured.output["load"])).as_("told"),
        [double(1.0), double(2.0).as_("four")],
        branch().when(not_(doubled.output > 1)).then(tell("never")).otherwise().then(tell("always")).end_when(),
    )
    .otherwise()
    .then(tell("not in prod"))
    .end_when()
    .end_when()
    .build()
)

undone = (
    flow("undone")
    .triggered_by(manual("start"))
    .then(measure("a").as_("first").on_failure(tell("undo first")))
    .then_parallel(tell("b").as_("second").on_failure(stumble("undo fails").retry(1)), [double(3.0), refuse("no")])
    .on_failure(tell(text("{} failed: {}", failure().step, failure().message)))
    .build()
)

late = (
    flow("late")
    .triggered_by(manual("start"))
    .then(hang().retry(2, initial=timedelta(milliseconds=10)))
    .on_failure(tell(failure().error_type))
    .build()
)

remembering = (
    flow("remembering")
    .triggered_by(every(timedelta(hours=1)))
    .then(measured)
    .when(previous(measured.output["load"]) == 8)
    .then(tell("as before").as_("said"))
    .end_when()
    .returns(measured.output["load"])
    .build()
)

begun = asyncio.Event()
"""Set when the step that waits for its cancel is at work."""


@node(heartbeat=timedelta(seconds=10))
async def wait() -> None:
    """A node that works until it is cancelled."""
    begun.set()
    while True:
        current_call().heartbeat()
        await asyncio.sleep(0.05)


cancelled = (
    flow("cancelled")
    .triggered_by(manual("start"))
    .then(measure("a").as_("first").on_failure(tell(failure().message).as_("undo_first")))
    .then_parallel(wait().as_("one"), [double(3.0), measure("b").as_("other").on_failure(tell("b").as_("undo_other"))])
    .then(tell("never"))
    .build()
)

FLOWS: tuple[Flow, ...] = (everything, undone, late, remembering, cancelled)
