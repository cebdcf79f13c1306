"""The flows whose histories are kept for each kind of step, and what is said to their runs while they are recorded.

A change here needs new recordings: `python -m tests.replay.record`.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final, Literal, TypeAlias

from pydantic import BaseModel
from temporalio.client import Client

from resolute import (
    Flow,
    MissedBeat,
    NodeError,
    TerminalError,
    branch,
    child,
    current_call,
    each,
    flow,
    gate,
    heartbeat,
    input_data,
    last_turn,
    manual,
    node,
    output,
    repeat,
    signal,
    sleep,
    unverified,
    wait_for,
)
from resolute.running.messages import Message, MessageRefusedError
from resolute.temporal.client.client import RunHandle
from resolute.temporal.wire.finding import RunKey
from resolute.temporal.wire.messages import ask_run, tell_run
from tests.keys import KEYS

A_MOMENT: Final = timedelta(milliseconds=20)

Lane: TypeAlias = Literal["activity", "local"]


class Deployed(BaseModel):
    """An event, and an input."""

    version: int


DONE: Final[dict[str, asyncio.Event]] = {}
"""Set when a step has been called, by its id."""

FAILED: Final[list[str]] = []


@node
async def add(first: int, second: int) -> int:
    """A node of the activity lane."""
    return first + second


@node(lane="local")
async def add_quickly(first: int, second: int) -> int:
    """A node of the local lane."""
    return first + second


@node(heartbeat=timedelta(seconds=10))
async def work(number: int) -> int:
    """Works until it is given up where the number is 9; ends otherwise, one after the other."""
    while number == 9:
        current_call().heartbeat()
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.2 * number)
    DONE.setdefault(current_call().step, asyncio.Event()).set()
    return number


@node
async def fail_once(name: str) -> str:
    """Fails for good, and works when it is tried again later."""
    if name not in FAILED:
        FAILED.append(name)
        raise TerminalError("not yet")
    return name


@node(lane="local")
async def slip(number: int) -> int:
    """Fails at its first attempt."""
    if current_call().attempt == 1:
        raise NodeError("once more")
    return number


@dataclass(frozen=True)
class Scene:
    """A flow, and what is said to a run of it, each message as soon as the run takes it; first `after` these calls."""

    flow: Flow
    says: Sequence[Message] = ()
    after: Sequence[str] = ()
    input: Any = None
    by_signal: bool = False

    async def play(self, client: Client, run: RunHandle) -> None:
        """Says it."""
        for step in self.after:
            await DONE.setdefault(step, asyncio.Event()).wait()
        if self.after:
            await asyncio.sleep(0.5)  # what they came to is recorded by a task of its own
        for message in self.says:
            if self.by_signal:
                await tell_run(client, self.flow.name, run.workflow_id, message, KEYS)
            else:
                await _asked(client, run, message)


async def _asked(client: Client, run: RunHandle, message: Message) -> None:
    while True:
        try:
            # Under an id of its own: Temporal keeps the answer to each.
            again = replace(message, id=uuid.uuid4().hex)
            await ask_run(client, RunKey(run.workflow_id, run.run_id or ""), again, KEYS)
        except MessageRefusedError:  # the run has not come to it
            await asyncio.sleep(0.02)
        else:
            return


def _said(to: str, word: str, data: Any = None, by: str = "ada") -> Message:
    return Message(to=to, word=word, id=uuid.uuid4().hex, data=data, by=by)


def _deciding(name: str, lane: Lane, **options: Any) -> Flow:
    """A gate between calls of a lane, the first of which is undone where the run fails."""
    call = add if lane == "activity" else add_quickly
    first = call(1, 2).as_("first")
    return (
        flow(f"{name}-{lane}")
        .triggered_by(manual("start"))
        .then(first.on_failure(call(first.output, 0).as_("undo_first")))
        .then(gate("approve", approvers=["ada", "bo"], **options))
        .then(call(first.output, 3).as_("last"))
        .build()
    )


def _of_lane(lane: Lane) -> list[Scene]:
    call = add if lane == "activity" else add_quickly
    counted = call(last_turn(output("counted"), default=0), 1).as_("counted")
    turns = repeat(branch().then(counted), until=counted.output >= 3, every=A_MOMENT, at_most=5)
    waits = wait_for(signal("deployed", Deployed), timeout=timedelta(minutes=5)).as_("waits")
    late = wait_for(signal("deployed", Deployed), timeout=A_MOMENT).as_("late")
    start = manual("start")

    def post(link: Any) -> Any:
        return call(1, 1).as_("post")

    return [
        Scene(_deciding("approved", lane), [_said("gate:approve", "approve", {"reason": "why not"})]),
        Scene(_deciding("rejected", lane), [_said("gate:approve", "reject", {"reason": "not today"})]),
        Scene(_deciding("timed-out", lane, timeout=A_MOMENT, on_timeout="approve")),
        Scene(
            _deciding("told", lane, notify=post, quorum=2, remind=timedelta(hours=1)),
            [_said("gate:approve", "approve", {}), _said("gate:approve", "approve", {}, by="bo")],
        ),
        Scene(flow(f"turns-{lane}").triggered_by(start).then(turns.as_("turns")).build()),
        Scene(
            flow(f"items-{lane}")
            .triggered_by(start)
            .then(each([1, 2, 3], lambda item: call(item, 1).as_("one"), at_once=2).as_("items"))
            .build()
        ),
        Scene(
            flow(f"heard-{lane}")
            .triggered_by(start)
            .then(waits)
            .when(waits.output != None)  # noqa: E711  # an expression, which `is` cannot be
            .then(call(output("waits.version"), 1))
            .end_when()
            .build(),
            [_said("event:deployed", "tell", {"version": 7})],
            by_signal=lane == "local",
        ),
        Scene(flow(f"late-event-{lane}").triggered_by(start).then(late).then(call(1, 1)).build()),
    ]


def _beside(item: Any) -> Any:
    decided = branch().when(item == 0).then(gate("approve", approvers=["ada"]))
    return decided.otherwise().then(work(item).as_("work")).end_when()


_other = (
    flow("other")
    .triggered_by(manual("start", input=Deployed))
    .then(add(input_data(Deployed).version, 1).as_("sum"))
    .returns({"version": output("sum")})
    .build()
)

_run_other = child(_other, {"version": 1}, result=Deployed).as_("run_other")

SCENES: Final[Sequence[Scene]] = (
    *_of_lane("activity"),
    *_of_lane("local"),
    Scene(
        # Two calls end one after the other, each in a task without commands, before the gate is rejected beside a call.
        flow("rejected-beside-calls")
        .triggered_by(manual("start"))
        .then(each([0, 1, 2, 9], _beside, at_once=4).as_("items"))
        .build(),
        [_said("gate:items[0].approve", "reject", {"reason": "no"})],
        after=["items[1].work", "items[2].work"],
    ),
    Scene(
        flow("running-another")
        .triggered_by(manual("start"))
        .then(_run_other)
        .then(add(_run_other.output.version, 1))
        .build()
    ),
    Scene(flow("sleeping").triggered_by(manual("start")).then(sleep(A_MOMENT)).then(add(1, 1)).build()),
    Scene(
        flow("held", when_stuck="hold").triggered_by(manual("start")).then(fail_once("held").as_("stuck")).build(),
        [_said("hold:stuck", "retry")],
    ),
    Scene(
        # Four neighbours of the local lane in two trips: the third one fails at its first attempt.
        flow("neighbours")
        .triggered_by(manual("start"))
        .then(add_quickly(1, 1).as_("first"))
        .then(add_quickly(output("first"), 1).as_("second"))
        .then(slip(output("second")).retry(2, initial=A_MOMENT).as_("third"))
        .then(add_quickly(output("third"), output("second")).as_("fourth"))
        .build(),
    ),
)

CONTINUED: Final = (
    flow("continued")
    .triggered_by(manual("start"))
    .then(add(1, 1).as_("first").on_failure(add(0, 0).as_("undo_first")))
    .then(each([1, 2, 3, 4, 5, 6, 7, 8], lambda item: add(item, output("first")).as_("one"), at_once=2).as_("items"))
    .then(gate("approve", approvers=["ada"], timeout=timedelta(milliseconds=100), on_timeout="approve"))
    .then(add(1, 2).as_("last"))
    .build()
)
"""Of whose run there are several histories."""

ALONE: Final = (
    flow("alone", one_per=input_data(Deployed).version, while_running="queue")
    .triggered_by(manual("start", input=Deployed))
    .then(add(input_data(Deployed).version, 1).as_("sum"))
    .build()
)
"""At most one run of which goes on at a time, for each version."""

BEATEN: Final = (
    flow("beaten")
    .triggered_by(
        heartbeat("/beat", every=timedelta(seconds=2), grace=timedelta(0), recovered=True, verify=unverified())
    )
    .then(add(input_data(MissedBeat).missed, 1).as_("sum"))
    .build()
)
"""Whose heartbeat is recorded; its runs are those of a key."""

TAKEN_UP: Final = (
    flow("taken-up")
    .triggered_by(manual("start"))
    .then(add(1, 1).as_("first"))
    .then(fail_once("taken-up").as_("second"))
    .then(add(output("first"), 1).as_("last"))
    .build()
)
"""A run of which fails, and is taken up where it failed by another one."""

FLOWS: Final[Mapping[str, Flow]] = {
    each.name: each for each in (*(scene.flow for scene in SCENES), CONTINUED, ALONE, TAKEN_UP)
}
