"""The inbox of gates, the page of one with its form, and the decision."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from urllib.parse import quote

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from resolute.plan.errors import ConfigurationError, ResoluteError
from resolute.running.messages import MessageRefusedError
from resolute.temporal.client.gates import decide_gate, gate_in
from resolute.temporal.wire.finding import RunKey
from resolute_worker.board.board import Board, Done
from resolute_worker.board.people import Person
from resolute_worker.board.run_page import key_of
from resolute_worker.board.steps import outline_of
from resolute_worker.serving.gate_forms import filled_in, rows

_PATIENCE: Final = timedelta(seconds=10)


class FormError(ResoluteError):
    """What somebody has filled in does not fit the form of a gate; `fields` says what is wrong with each."""

    def __init__(self, message: str, fields: Mapping[str, str]) -> None:
        self.fields = dict(fields)
        super().__init__(message)


async def approvals_page(board: Board, request: Request) -> Response:
    """Every gate that waits for somebody, the oldest first."""
    sight = await board.poll.latest()
    return await board.page(request, "approvals", {}, title="Approvals", live=True, version=sight.version, sight=sight)


async def approval_page(board: Board, request: Request) -> Response:
    """One gate: what is asked, beside the run that asks, with its form."""
    return await _shown(board, request, key_of(request), request.query_params.get("gate", ""))


async def decide(board: Board, person: Person, form: Mapping[str, str]) -> Done:
    """Approves or rejects a gate.

    Raises:
        FormError: the form is not filled in right.
        ConfigurationError: the form says neither.
    """
    word = form.get("decision", "")
    if word not in ("approve", "reject"):
        raise ConfigurationError("choose whether to approve or to reject")
    approve = word == "approve"
    found = await board.reads.run(RunKey(form.get("id", ""), form.get("run", "")))
    gate = gate_in(found, form.get("gate", ""))
    try:
        await decide_gate(
            board.client,
            RunKey(gate.workflow_id, gate.run_id),
            gate.gate,
            approve=approve,
            by=person.name,
            reason=form.get("reason", "").strip(),
            form=filled_in(gate.form, form) if approve and gate.form is not None else None,
            keys=board.keys,
            patience=_PATIENCE,
        )
    except MessageRefusedError as error:
        if error.fields or error.why == "form":
            raise FormError(str(error), dict(error.fields)) from None
        raise
    return Done(word, f"run?id={quote(gate.workflow_id)}&step={quote(gate.gate)}")


async def again(board: Board, request: Request, sent: Mapping[str, str], error: FormError) -> Response:
    """The page of a gate with what was filled in, and what is wrong with it."""
    key = RunKey(sent.get("id", ""), sent.get("run", ""))
    return await _shown(board, request, key, sent.get("gate", ""), sent, error)


async def _shown(
    board: Board,
    request: Request,
    key: RunKey,
    name: str,
    sent: Mapping[str, str] | None = None,
    error: FormError | None = None,
) -> Response:
    found = await board.reads.run(key)
    gate = gate_in(found, name)
    fields = error.fields if error else {}
    values = {
        "gate": gate,
        "rows": Markup("").join(map(Markup, rows(gate.form, sent or {}, fields))) if gate.form else "",  # escaped there
        "reason": (sent or {}).get("reason", ""),
        "wrong": str(error) if error and not error.fields else "",
        "outline": outline_of(found.plan, found.report) if found.plan and found.report else None,
    }
    status = 422 if error else 200
    return await board.page(request, "approval", values, title=f"{gate.flow}: {gate.gate}", status=status)
