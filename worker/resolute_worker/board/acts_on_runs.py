"""What people do with one run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import quote

from resolute.plan.errors import InvalidInputError
from resolute.plan.values import Json
from resolute.temporal.client.control import cancel_run, is_running, retry_run
from resolute.temporal.client.pauses import pause_run, resume_run
from resolute.temporal.client.rerun import prepare_rerun, start_rerun
from resolute.temporal.client.standing import decide_held
from resolute.temporal.wire.finding import RunKey
from resolute_worker.board.board import Board, Done
from resolute_worker.board.people import Person


async def cancel(board: Board, person: Person, form: Mapping[str, str]) -> Done:
    """Cancels a run, which undoes its work."""
    await cancel_run(board.client, await _key(board, form))
    return Done("cancel")


async def retry(board: Board, person: Person, form: Mapping[str, str]) -> Done:
    """Tries a step again that is held, or that a run has failed at."""
    key = await _key(board, form)
    if await is_running(board.client, key):
        await _decide(board, person, form, "retry")
        return Done("retry")
    fresh, step = await retry_run(board.client, key, form.get("step") or None)
    return Done("retry", _address(fresh, step))


async def skip(board: Board, person: Person, form: Mapping[str, str]) -> Done:
    """Gives a held step a value."""
    text = form.get("value", "").strip()
    try:
        value: Json = json.loads(text) if text else None
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"the value is not JSON ({error}): write text in double quotes") from None
    await _decide(board, person, form, "skip", value)
    return Done("skip")


async def fail(board: Board, person: Person, form: Mapping[str, str]) -> Done:
    """Lets a held step fail."""
    await _decide(board, person, form, "fail")
    return Done("fail")


async def rerun(board: Board, person: Person, form: Mapping[str, str]) -> Done:
    """Starts a run that goes on from a step of another one."""
    prepared = await prepare_rerun(board.client, await _key(board, form), form.get("step", "").strip())
    started = await start_rerun(board.client, prepared, keys=board.keys, input_data=prepared.input, person=person.name)
    return Done("rerun", _address(RunKey(started.workflow_id, started.run_id or "")))


async def pause(board: Board, person: Person, form: Mapping[str, str]) -> Done:
    """Pauses a run."""
    reason = form.get("reason", "").strip()
    await pause_run(board.client, await _key(board, form), by=person.name, reason=reason, keys=board.keys)
    return Done("pause")


async def resume(board: Board, person: Person, form: Mapping[str, str]) -> Done:
    """Lets a paused run go on."""
    await resume_run(board.client, await _key(board, form), by=person.name, keys=board.keys)
    return Done("resume")


async def _decide(board: Board, person: Person, form: Mapping[str, str], word: str, value: Json = None) -> None:
    key, step = await _key(board, form), form.get("step") or None
    await decide_held(board.client, key, step, word, value=value, by=person.name, keys=board.keys)


async def _key(board: Board, form: Mapping[str, str]) -> RunKey:
    """The run that a form is about, in whatever history it is now."""
    found = await board.reads.described(RunKey(form.get("id", ""), form.get("run", "")))
    return RunKey(found.id, found.run_id)


def _address(key: RunKey, step: str = "") -> str:
    return f"run?id={quote(key.workflow_id)}&run={quote(key.run_id)}" + (f"&step={quote(step)}" if step else "")
