"""What people can do on the board. Each action asks for a role, and stands in the audit log with its person."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from starlette.requests import Request
from starlette.responses import Response
from temporalio.service import RPCError

from resolute.plan.errors import ResoluteError
from resolute_worker.board import acts_on_many, acts_on_runs, deciding, duty_page
from resolute_worker.board.board import Board, Done, back_to, person_of
from resolute_worker.board.people import Person, Role
from resolute_worker.serving.forms import read_form

Act: TypeAlias = Callable[[Board, Person, Mapping[str, str]], Awaitable[Done]]


@dataclass(frozen=True)
class Action:
    """Something that people can do: with which role, and how."""

    role: Role
    do: Act


ACTIONS: Final[Mapping[str, Action]] = {
    "cancel": Action("operator", acts_on_runs.cancel),
    "retry": Action("operator", acts_on_runs.retry),
    "skip": Action("operator", acts_on_runs.skip),
    "fail": Action("operator", acts_on_runs.fail),
    "rerun": Action("operator", acts_on_runs.rerun),
    "pause": Action("operator", acts_on_runs.pause),
    "resume": Action("operator", acts_on_runs.resume),
    "pause-flow": Action("operator", acts_on_many.pause),
    "resume-flow": Action("operator", acts_on_many.resume),
    "brake": Action("operator", acts_on_many.brake),
    "release": Action("operator", acts_on_many.release),
    "mute": Action("operator", acts_on_many.mute),
    "unmute": Action("operator", acts_on_many.unmute),
    "fault": Action("operator", duty_page.fault),
    "decide": Action("approver", deciding.decide),
}


async def act(board: Board, request: Request) -> Response:
    """Does what a form asks for."""
    word = str(request.path_params["word"])
    action, person = ACTIONS.get(word), person_of(request)
    form = await read_form(request)
    run, name = form.get("id", ""), person.name if person else ""

    async def refused(why: str, title: str, status: int) -> Response:
        await board.journal.refused(name, word, why, resource=request.url.path, run=run)
        return await board.refuse(request, title, f"Nothing was done: {why}.", status)

    if action is None:
        return await refused("there is no such action", "No such action", 404)
    if person is None:
        return await refused("nobody knows who you are: log in", "Not logged in", 401)
    if not board.access.sessions.is_own_form(request.state.session, form.get("form", "")):
        return await refused("the form is not of this session, or too old: load the page again", "Try again", 403)
    if not person.may(action.role):
        return await refused(f"that needs the role {action.role}", "Not for you", 403)
    step = form.get("step") or form.get("gate", "")
    entry = await board.journal.begin(person.name, word, flow=form.get("flow", ""), run=run, step=step)
    try:
        done = await action.do(board, person, form)
    except deciding.FormError as error:
        await board.journal.end(entry, str(error))
        return await deciding.again(board, request, form, error)
    except (ResoluteError, RPCError, TimeoutError) as error:
        await board.journal.end(entry, f"{type(error).__name__}: {error}")
        raise
    await board.journal.end(entry)
    await board.poll.anew()
    return back_to(done.to or form.get("back", ""), said=done.said)
