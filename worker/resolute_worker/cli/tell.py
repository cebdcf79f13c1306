"""The command that tells a run of an event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer
from rich.markup import escape

from resolute.plan.errors import InvalidInputError
from resolute.plan.event import name_problem
from resolute.running.messages import EVENT, Message
from resolute_worker.cli.asking import By, given_json, who
from resolute_worker.cli.loading import with_temporal
from resolute_worker.cli.output import AsJson, show
from resolute_worker.cli.runs import RunId, RunName
from resolute_worker.settings import load_settings

if TYPE_CHECKING:
    from temporalio.client import Client


def tell(
    run: RunName,
    event: Annotated[str, typer.Argument(help='The name of the event, as in signal("deployed", Deployed).')],
    data: Annotated[
        str | None, typer.Argument(help="The event as JSON, @FILE, or - for stdin; without it, null.")
    ] = None,
    by: By = None,
    id: Annotated[  # noqa: A002  # the option's name
        str | None,
        typer.Option(help="What identifies the event: a run takes each id once. Without it, a new one.", metavar="ID"),
    ] = None,
    run_id: RunId = None,
    as_json: AsJson = False,
) -> None:
    """Tell a run of an event. A step that waits for it takes it; else the run keeps it until a step does."""
    if problem := name_problem(event):
        raise InvalidInputError(problem)
    message = Message(to=EVENT + event, word="tell", id=id or uuid4().hex, data=given_json(data, "event"), by=who(by))

    async def work(client: Client) -> dict[str, Any]:
        from resolute.temporal.wire.finding import find_run
        from resolute.temporal.wire.messages import ask_run
        from resolute_worker.keys import keys_for_client

        key = await find_run(client, run, run_id)
        answer: Any = await ask_run(client, key, message, await keys_for_client(client, load_settings()))
        return {"run": key.workflow_id, "run_id": key.run_id, "event": event, "id": message.id, **answer}

    told = with_temporal(work)

    def text() -> str:
        became = f"step {told['step']} takes it" if told.get("taken") else "kept until a step waits for it"
        return escape(f"{event}: {became}: resolute show {told['run']}")

    show(as_json, told, text)
