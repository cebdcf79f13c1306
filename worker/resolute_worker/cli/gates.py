"""Commands about gates: list the open ones, approve or reject one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from rich.markup import escape

from resolute.plan.errors import ConfigurationError
from resolute.plan.values import Json, JsonObject
from resolute_worker.cli.asking import By, given_json, user
from resolute_worker.cli.loading import with_temporal
from resolute_worker.cli.output import AsJson, clock, lasted, table
from resolute_worker.cli.output import show as display
from resolute_worker.cli.runs import RunId, RunName
from resolute_worker.cli.saying import say
from resolute_worker.settings import load_settings

if TYPE_CHECKING:
    from temporalio.client import Client

    from resolute.temporal.client.gates import GateOfRun

Gate = Annotated[str, typer.Argument(help="The gate, as `resolute gates` shows it.")]
Reason = Annotated[str, typer.Option(help="Why; it is recorded, and shown with the run.")]


def gates(
    flow: Annotated[str | None, typer.Argument(help="Only gates of this flow.", show_default=False)] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many gates to show, those of the latest runs first.")] = 200,
    as_json: AsJson = False,
) -> None:
    """List the gates that wait for somebody: since when, until when, and who has approved so far."""

    async def work(client: Client) -> list[GateOfRun]:
        from resolute.temporal.client.gates import open_gates

        return await open_gates(client, flow=flow, limit=limit + 1)

    found = with_temporal(work)
    shown = found[:limit]
    display(as_json, [_as_json(gate) for gate in shown], lambda: _table(shown))
    if len(found) > limit:
        say(f"more gates are open than the {limit:,} shown: give --limit, or the flow")


def approve(
    run: RunName,
    gate: Gate,
    by: By = None,
    reason: Reason = "",
    form: Annotated[
        str | None, typer.Option(help="What the gate's form asks for, as a JSON object.", show_default=False)
    ] = None,
    run_id: RunId = None,
    as_json: AsJson = False,
) -> None:
    """Approve a gate. The run goes on when as many have approved as have to."""
    _decide(run, run_id, gate, approve=True, by=by, reason=reason, form=given_json(form, "--form"), as_json=as_json)


def reject(
    run: RunName, gate: Gate, by: By = None, reason: Reason = "", run_id: RunId = None, as_json: AsJson = False
) -> None:
    """Reject a gate. The run fails and undoes its steps, unless its flow goes on with a rejection."""
    _decide(run, run_id, gate, approve=False, by=by, reason=reason, form=None, as_json=as_json)


def _decide(
    run: str, run_id: str | None, gate: str, *, approve: bool, by: str | None, reason: str, form: Json, as_json: bool
) -> None:
    person = user() if by is None else by
    if not person:
        raise ConfigurationError("this machine does not say who you are: give --by NAME")
    settings = load_settings()

    async def work(client: Client) -> JsonObject:
        from resolute.temporal.client.gates import decide_gate
        from resolute.temporal.wire.finding import find_run
        from resolute_worker.keys import keys_for_client

        key = await find_run(client, run, run_id)
        keys = await keys_for_client(client, settings)
        answer = await decide_gate(client, key, gate, approve=approve, by=person, reason=reason, form=form, keys=keys)
        return {"run": key.workflow_id, **answer, "by": person}

    answer = with_temporal(work)
    display(as_json, answer, lambda: escape(_said(answer)))


def _said(answer: JsonObject) -> str:
    word = "approved" if answer["approved"] else "rejected"
    missing = int(str(answer["missing"]))
    more = f"; {missing} more have to approve" if missing else ""
    return f"{answer['gate']} is {word} by {answer['by']}{more}: resolute show {answer['run']}"


def _as_json(gate: GateOfRun) -> dict[str, Any]:
    return {
        "run": gate.workflow_id,
        "flow": gate.flow,
        "gate": gate.gate,
        "ask": gate.ask,
        "since": gate.since,
        "until": gate.until,
        "quorum": gate.quorum,
        "approvers": gate.approvers,
        "decisions": gate.decisions,
        "form": gate.form,
    }


def _table(found: list[GateOfRun]) -> RenderableType:
    rows = [
        (
            escape(gate.workflow_id),
            escape(gate.flow),
            escape(gate.gate),
            lasted(gate.since, None),
            clock(gate.until),
            escape(", ".join(str(each["by"]) for each in gate.decisions) or "-")
            + f" ({len(gate.decisions)} of {gate.quorum})",
            escape(gate.ask),
        )
        for gate in found
    ]
    headers = ("run", "flow", "gate", "open for", "until", "approved", "asks")
    return table(headers, rows, empty="no gate waits for a decision")
