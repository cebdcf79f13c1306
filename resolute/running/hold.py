"""Holds a step that has failed for good until a person says what becomes of it: retry, skip or fail.

What is known of a held step stands in `Kept.held`, so that it is still held when the run is continued in another
history, and what a person has decided is never asked again.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Final, Protocol, cast

from resolute.plan.errors import NodeFailedError
from resolute.plan.fitting import fits
from resolute.plan.limits import check_value
from resolute.plan.plan import Plan
from resolute.plan.shapes import Shape, kind_of, spoken
from resolute.plan.step import Step
from resolute.plan.values import Json, JsonObject
from resolute.running.frame import Frame
from resolute.running.messages import Inbox, Listener, Message, MessageRefusedError
from resolute.running.report import Held
from resolute.running.runtime import Runtime
from resolute.running.state import RunState

HOLD: Final = "hold:"
"""How the addresses of held steps begin; the step's id in the run follows."""

RETRY: Final = "retry"
SKIP: Final = "skip"
FAIL: Final = "fail"


class Holding(Protocol):
    """What holding a step needs of the run."""

    plan: Plan
    runtime: Runtime
    state: RunState
    inbox: Inbox
    suspended: bool

    async def wait(self, step_id: str, until: datetime | None = None) -> object:
        """Waits until it is woken; see `Run.wait`."""

    def wake(self, step_id: str) -> None:
        """Ends a wait; see `Run.wake`."""

    def stand_held(self, step_id: str, held: JsonObject | None, error: NodeFailedError) -> None:
        """Tells the outside; see `Run.stand_held`."""


def hold(step: Step, frame: Frame, run: Holding, error: NodeFailedError) -> None:
    """Keeps that a step has failed for good and waits for a person, and what its call has left for a retry."""
    before = cast("JsonObject", frame.kept.held.get(step.id) or {})
    made = cast("Json", error.made) or before.get("made")
    frame.kept.held[step.id] = {
        "error": cast("Json", error.facts()),
        "since": run.runtime.now().isoformat(),
        "times": int(cast("int", before.get("times", 0))) + 1,
        "decided": "",
        **({"made": made} if made else {}),
    }
    run.state.hold(step, frame, error, _held(frame.kept.held[step.id]))


async def settled(step: Step, frame: Frame, run: Holding) -> bool:
    """Waits for the decision on a step, if it is held; whether the step has come to its end by it.

    Raises:
        NodeFailedError: the step is to fail.
        asyncio.CancelledError: it was given up.
        RunSuspendedError: the run is to be continued; the step is held there.
    """
    if step.id not in frame.kept.held:
        return False
    decision = cast("JsonObject", frame.kept.held[step.id])
    error = NodeFailedError.from_facts(cast("JsonObject", decision["error"]))
    if not decision["decided"]:
        run.state.hold(step, frame, error, _held(decision))
        decision = await _decision(step, frame, run, error)
    match decision["decided"]:
        case "skip":
            frame.kept.outputs[step.id] = decision.get("value")
            run.state.skip(step, frame, decision.get("value"), _held(decision))
            return True
        case "fail":
            frame.kept.failed[step.id] = error
            run.state.fail(step, frame, error)
            raise error
        case _:
            run.state.retry(step, frame, _held(decision))
            return False


def skipped_by(step: Step, frame: Frame) -> str:
    """Who has skipped a step that was held; empty where nobody has."""
    held = cast("JsonObject", frame.kept.held.get(step.id) or {})
    return str(held.get("by") or "somebody") if held.get("decided") == SKIP else ""


async def _decision(step: Step, frame: Frame, run: Holding, error: NodeFailedError) -> JsonObject:
    step_id, held = frame.path + step.id, frame.kept.held

    def check(message: Message) -> None:
        _check(step, step_id, run, message)

    def take(message: Message) -> Json:
        _check(step, step_id, run, message)
        before = cast("JsonObject", held[step.id])
        if before["decided"]:
            raise MessageRefusedError(f"step {step_id!r} has been decided already: {before['decided']}")
        value = {"value": message.data} if message.word == SKIP else {}
        held[step.id] = {**before, "decided": message.word, "by": message.by, **value}
        if message.word == RETRY:
            frame.kept.parts.pop(step.id, None)
        run.wake(step_id)
        return {"step": step_id, "decided": message.word}

    address = HOLD + step_id
    run.inbox.listen(address, Listener(check, take))
    run.stand_held(step_id, cast("JsonObject", held[step.id]), error)
    try:
        while not cast("JsonObject", held[step.id])["decided"]:
            await run.wait(step_id)
    except asyncio.CancelledError:
        run.state.cancel(step, frame)
        if not run.suspended:
            run.stand_held(step_id, None, error)
        raise
    finally:
        run.inbox.close(address)
    run.stand_held(step_id, None, error)
    return cast("JsonObject", held[step.id])


def _check(step: Step, step_id: str, run: Holding, message: Message) -> None:
    if message.word not in (RETRY, SKIP, FAIL):
        raise MessageRefusedError(f"step {step_id!r} is held: it takes {RETRY}, {SKIP} or {FAIL}, not {message.word!r}")
    if message.word != SKIP:
        return
    check_value(f"the value for step {step_id!r}", message.data)
    types = run.plan.types.get(step.id, ())
    if message.data is None or not types or any(fits(message.data, _shape(schema)) for schema in types):
        return
    given = spoken(frozenset({kind_of(message.data)}))
    wanted = _shape(types[0])
    what = wanted.title or spoken(wanted.kinds)
    raise MessageRefusedError(
        f"the value does not fit what step {step_id!r} gives ({what}): it is {given}"
        + (f" without {', '.join(missing)}" if (missing := _missing(message.data, wanted)) else "")
        + "; give one that fits, or none, and the step's output is null"
    )


def _missing(value: Json, shape: Shape) -> list[str]:
    known = cast("JsonObject", value) if kind_of(value) == "object" else None
    return [] if known is None else [str(name) for name in shape.schema.get("required", ()) if name not in known][:5]


def _shape(schema: JsonObject) -> Shape:
    return Shape(schema, cast("dict[str, JsonObject]", schema.get("$defs", {})))


def _held(kept: Json) -> Held:
    held = cast("JsonObject", kept)
    return Held(
        since=datetime.fromisoformat(str(held["since"])),
        times=int(cast("int", held["times"])),
        decided=str(held["decided"]),
        by=str(held.get("by", "")),
    )
