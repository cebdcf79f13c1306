"""The nodes of the scenarios. Each writes down that it was called, by the run it is in."""

import asyncio
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel

from resolute import CallContext, Muted, NodeError, SecretText, State, TerminalError, current_call, node
from resolute.plan.values import Json

ENVIRONMENT = {"STAGE": "prod", "LIMIT": "3", "TOKEN": "never-to-be-recorded", "PASSWORD": "critical"}

ATTEMPTS: defaultdict[str, list[str]] = defaultdict(list)
"""The steps that were called, by run id, each attempt by itself."""

ALL_ATTEMPTS: defaultdict[str, list[str]] = defaultdict(list)
"""The same by workflow id: of all histories of a run that is continued."""

_CALLED: defaultdict[tuple[str, str], asyncio.Event] = defaultdict(asyncio.Event)
_CANCELLED: defaultdict[tuple[str, str], asyncio.Event] = defaultdict(asyncio.Event)


def note() -> CallContext:
    """Writes down the call that this is."""
    call = current_call()
    ATTEMPTS[call.run_id].append(call.step)
    ALL_ATTEMPTS[call.run].append(call.step)
    for run in (call.run_id, call.run):
        _CALLED[run, call.step].set()
    return call


def forget() -> None:
    """Forgets every call, for who makes very many."""
    for known in (ATTEMPTS, ALL_ATTEMPTS, _CALLED, _CANCELLED):
        known.clear()


async def called(run_id: str, step: str) -> None:
    """Waits until a step of a run has been called; `run_id` may be its workflow id."""
    await _CALLED[run_id, step].wait()


def cancelled(run_id: str, step: str) -> None:
    """Says that a run has been cancelled while a step was at work."""
    _CANCELLED[run_id, step].set()


class Reading(BaseModel):
    """What a sensor says."""

    host: str
    load: float
    tags: dict[str, list[str]] = {}


class Window(BaseModel):
    """From when to when."""

    since: datetime
    until: datetime


@node
async def echo(value: Any) -> Any:
    """Gives back what it is given."""
    note()
    return value


@node(lane="local")
async def quick(value: Any) -> Any:
    """As `echo`, in the local lane."""
    note()
    return value


@node
def double(number: int) -> int:
    """A plain function."""
    note()
    return 2 * number


@node
async def greet(name: str, *, times: int = 1) -> str:
    """Takes and gives text."""
    note()
    return f"hello {name}" * times


@node
async def read(host: str, load: float) -> Reading:
    """Gives a model."""
    note()
    return Reading(host=host, load=load, tags={"rack": ["a", "b"]})


@node
async def span(since: datetime, until: datetime) -> Window:
    """Gives a model of times."""
    note()
    return Window(since=since, until=until)


@node
async def hours(since: datetime, until: datetime) -> float:
    """How long a window is."""
    note()
    return (until - since) / timedelta(hours=1)


@node
async def refuse(reason: str) -> str:
    """Fails for good."""
    note()
    raise TerminalError(reason)


@node
async def page(what: str, number: int, not_at: list[int]) -> str:
    """Does what is asked, but not in the runs of these numbers."""
    note()
    if number in not_at:
        raise TerminalError(f"not at {number}")
    return what


@node(effect="read")
async def freeze(number: int, at: list[int], not_at: list[int]) -> Muted:
    """Whether nobody is to be called in the run of this number; fails in some."""
    note()
    if number in not_at:
        raise TerminalError(f"nobody knows at {number}")
    return Muted(muted=number in at, reason="a freeze")


@node
async def refuse_after(step: str, reason: str) -> None:
    """Fails for good when another step has been called."""
    call = note()
    await called(call.run_id, step)
    raise TerminalError(reason)


@node
def progress(pages: int) -> list[Any]:
    """A plain function that says how far it is, fails, and then gives what its first attempt said last."""
    call = note()
    if call.attempt > 1:
        return list(call.last_heartbeat)
    for page in range(pages):
        call.heartbeat("page", page)
    raise NodeError("interrupted")


@node
async def stumble(times: int) -> int:
    """Fails that many times, then gives the number of the attempt."""
    call = note()
    if call.attempt <= times:
        raise NodeError(f"attempt {call.attempt}")
    return call.attempt


@node
async def crash(times: int) -> int:
    """As `stumble`, with an error that knows nothing of Resolute."""
    call = note()
    if call.attempt <= times:
        raise LookupError(f"attempt {call.attempt}")
    return call.attempt


@node
async def throttle(pause: float) -> int:
    """Asks once for a pause, in seconds, then gives the number of the attempt."""
    call = note()
    if call.attempt == 1:
        raise NodeError("too many requests", retry_after=timedelta(seconds=pause))
    return call.attempt


@node
async def hang() -> None:
    """Never answers."""
    note()
    await asyncio.Event().wait()


@node(heartbeat=timedelta(seconds=10))
async def hum() -> None:
    """Works until it is cancelled, and hears of that soon."""
    call = note()
    while True:
        call.heartbeat()
        await asyncio.sleep(0.05)


@node(heartbeat=timedelta(seconds=10))
async def finish(value: str) -> str:
    """As `hum`, and has done its work by the time it is cancelled."""
    call = note()
    try:
        while True:
            call.heartbeat()
            await asyncio.sleep(0.05)
    except asyncio.CancelledError:
        return value


@node
async def linger(value: str) -> str:
    """Ends when its run has been cancelled meanwhile, of which it never hears itself."""
    call = note()
    await _CANCELLED[call.run_id, call.step].wait()
    return value


@node(lane="local")
async def settle(how: str) -> str:
    """Ends at once, or fails for good, or only where it is cancelled: with its work done, or without."""
    note()
    if how == "bad":
        raise TerminalError(how)
    if how in ("done", "stuck"):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if how == "stuck":
                raise
    return how


@node
async def inflate(size: int) -> str:
    """Gives that many bytes."""
    note()
    return "x" * size


@node
async def misread() -> Reading:
    """Gives what its model refuses."""
    note()
    broken: Any = {"host": "db-1", "load": "much"}
    return broken


@node
async def log_in(token: SecretText, user: str) -> dict[str, Json]:
    """Gives its secret away."""
    note()
    return {"said": f"{user} has {token}", token: [token]}


@node
async def rate(password: SecretText, status: str) -> str:
    """Gives a status, whatever the password is."""
    note()
    return status


@node
async def log_in_badly(token: SecretText) -> None:
    """Gives its secret away as it fails."""
    note()
    raise TerminalError(f"{token} is refused")


@node
async def count(before: int | None) -> int:
    """One more than before."""
    note()
    return (before or 0) + 1


def is_loaded(state: State) -> bool:
    """A decision that has a name."""
    note()
    return state.get("reading", Reading).load > 1


async def is_urgent(state: State) -> bool:
    """A decision that waits."""
    note()
    return bool(state.input["urgent"]) if isinstance(state.input, dict) else False
