"""The page behind a link to a gate: a GET shows what is asked, and only a POST decides.

Chat programs follow the links in a message to preview them, so looking at a link must never decide.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from temporalio.client import Client
from temporalio.service import RPCError

from resolute.plan.errors import AuditError
from resolute.running.messages import MessageRefusedError
from resolute.temporal.client.gates import GateOfRun, decide_gate, gate_of_run
from resolute.temporal.client.links import PATH, Ticket, read_token
from resolute.temporal.trust.seals import PlanKeys
from resolute.temporal.trust.tokens import BadLinkError
from resolute.temporal.wire.finding import RunKey, UnknownRunError
from resolute.temporal.wire.messages import NoAnswerYetError, NotListeningError
from resolute_worker.journal import Journal
from resolute_worker.serving.forms import BODY_SECONDS, FormTooLargeError, FormUnreadableError, read_form
from resolute_worker.serving.gate_forms import filled_in, rows
from resolute_worker.serving.intake import BusyError, Intake
from resolute_worker.serving.seldom import Seldom

log = logging.getLogger(__name__)

_PATIENCE: Final = 10.0
_DECISIONS: Final = ("approve", "reject")
_STATUS: Final = {"decided": 409, "person": 403, "form": 422, "unknown": 409, "moving": 503}
_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:42rem;margin:2rem auto;padding:0 1rem;color:#1c1c1e}"
    "label{display:block;margin:1rem 0 .2rem;font-weight:600}"
    "input[type=text],textarea,select{display:block;width:100%;box-sizing:border-box;font:inherit;padding:.4rem}"
    "button{font:inherit;padding:.5rem 1.5rem;margin:1.5rem 1rem 0 0}.wrong{color:#b00020;margin:.2rem 0}"
    ".hint,dt{color:#5a5a5e;margin:.2rem 0}dd{margin:0 0 .5rem}"
)
_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS: Final = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}


class GatePages:
    """Answers the links to gates of one worker, and writes who decides, and what is refused."""

    def __init__(self, client: Client, keys: PlanKeys, intake: Intake, journal: Journal) -> None:
        self.journal = journal
        self._client = client
        self._keys = keys
        self._intake = intake
        self._say = Seldom(log)

    async def answer(self, request: Request) -> Response:
        """Shows or decides a gate."""
        if request.method not in ("GET", "HEAD", "POST"):
            return _page(405, "Not here", "<p>Open the link in a browser.</p>", {"Allow": "GET, HEAD, POST"})
        try:
            self._intake.check(PATH)
            with self._intake.delivery(PATH):
                async with asyncio.timeout(BODY_SECONDS + 2 * _PATIENCE):
                    return await self._answered(request)
        except BusyError as error:
            return _page(503, "Too busy", f"<p>{escape(str(error))}</p>", {"Retry-After": "5"})
        except ClientDisconnect:
            return Response(status_code=400)
        except AuditError as error:
            self._say(logging.ERROR, "a link to a gate was not answered: %s", error)
            said = "<p>The worker cannot write its audit log. Nothing has been decided: try again later.</p>"
            return _page(503, "Not now", said, {"Retry-After": "30"})
        except (RPCError, TimeoutError) as error:
            self._say(logging.WARNING, "a link to a gate was not answered: %s", type(error).__name__)
            said = "<p>Temporal does not answer. Nothing has been decided: try again in a moment.</p>"
            return _page(503, "Not now", said, {"Retry-After": "5"})

    async def _answered(self, request: Request) -> Response:
        try:
            ticket = read_token(str(request.path_params["token"]), self._keys, datetime.now(UTC))
        except BadLinkError as error:
            await self.journal.refused("", "link", str(error), resource=PATH)
            return _page(403, "No valid link", f"<p>{escape(str(error))}.</p>")
        sent: dict[str, str] = {}
        if request.method == "POST":
            try:
                sent = await read_form(request)
            except FormTooLargeError as error:
                return _page(413, "Too large", f"<p>{error}</p>", {"Connection": "close"})
            except FormUnreadableError as error:
                return _page(400, "Not understood", f"<p>{error}</p>")
        try:
            gate = await gate_of_run(self._client, ticket.workflow_id, ticket.run, ticket.gate)
        except UnknownRunError as error:
            word = sent.get("decision", "") if sent.get("decision") in _DECISIONS else "link"
            await self.journal.refused(ticket.person, word, str(error), resource=PATH, run=ticket.workflow_id)
            return _page(404, "No such run", "<p>The run is not there any more, or is not at this gate.</p>")
        if request.method != "POST":
            return _shown(gate, ticket, 200 if gate.is_open else 409)
        if sent.get("decision") not in _DECISIONS:
            return _shown(gate, ticket, 422, sent, wrong="Choose whether to approve or to reject.")
        return await self._decided(gate, ticket, sent)

    async def _decided(self, gate: GateOfRun, ticket: Ticket, sent: Mapping[str, str]) -> Response:
        approve = sent["decision"] == "approve"
        journal, word = self.journal, "approved" if approve else "rejected"
        entry = await journal.begin(
            ticket.person, sent["decision"], flow=ticket.flow, run=ticket.workflow_id, step=ticket.gate
        )
        try:
            answer = await decide_gate(
                self._client,
                RunKey(ticket.workflow_id, gate.run_id),
                ticket.gate,
                approve=approve,
                by=ticket.person,
                reason=sent.get("reason", "").strip(),
                form=filled_in(gate.form, sent) if approve and gate.form is not None else None,
                keys=self._keys,
                patience=timedelta(seconds=_PATIENCE),
            )
        except MessageRefusedError as error:
            await journal.end(entry, str(error), outcome="refused")
            status = _STATUS.get(error.why, 422)
            if status != 422:
                return _page(status, "Not decided", f"<p>{escape(str(error))}.</p>")
            said = "" if error.fields else str(error)
            return _shown(gate, ticket, status, sent, wrong=said, fields=dict(error.fields))
        except NotListeningError as error:
            await journal.end(entry, str(error), outcome="refused")
            return _page(409, "Not decided", f"<p>{escape(str(error))}.</p>")
        except NoAnswerYetError as error:
            await journal.end(entry, str(error), outcome="unknown")
            said = "<p>No worker has taken the decision up yet. Look again in a moment before you repeat it.</p>"
            return _page(503, "Not yet", said, {"Retry-After": "10"})
        await journal.end(entry)
        missing = int(str(answer.get("missing", 0)))
        more = f" {missing} more have to approve." if missing else ""
        named = f"You have {word} <b>{escape(ticket.gate)}</b> of {escape(ticket.flow)} as {escape(ticket.person)}."
        return _page(200, word.capitalize(), f"<p>{named}{more}</p>")


def _shown(
    gate: GateOfRun,
    ticket: Ticket,
    status: int,
    sent: Mapping[str, str] | None = None,
    *,
    wrong: str = "",
    fields: Mapping[str, str] | None = None,
) -> Response:
    """What is asked; with a form where it can still be decided."""
    sent = sent or {}
    decided = [
        f"{each['by']} {'approved' if each['approved'] else 'rejected'}"
        + (f": {each['reason']}" if each["reason"] else "")
        for each in gate.decisions
    ]
    facts = {
        "Run": gate.workflow_id,
        "Gate": gate.gate,
        "You are": ticket.person,
        "Have to approve": str(gate.quorum),
        "So far": "; ".join(decided) or "nobody has decided",
        **({"Until": f"{gate.until:%Y-%m-%d %H:%M %Z}"} if gate.until else {}),
    }
    parts = [f"<p>{escape(gate.ask)}</p>"] if gate.ask else []
    parts.append(
        "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{escape(said)}</dd>" for name, said in facts.items()) + "</dl>"
    )
    if not gate.is_open:
        return _page(status, f"{gate.flow}: decided", "".join([*parts, "<p>This gate is no longer open.</p>"]))
    if wrong:
        parts.append(f'<p class="wrong">{escape(wrong)}</p>')
    parts.append('<form method="post" accept-charset="utf-8">')
    parts += rows(gate.form, sent, fields or {}) if gate.form is not None else []
    reason = escape(sent.get("reason", ""))
    parts.append(f'<label>Reason<textarea name="reason" rows="2">{reason}</textarea></label>')
    parts.append('<button name="decision" value="approve">Approve</button>')
    parts.append('<button name="decision" value="reject">Reject</button></form>')
    return _page(status, f"{gate.flow}: {gate.gate}", "".join(parts))


def _page(status: int, title: str, body: str, headers: Mapping[str, str] | None = None) -> Response:
    shown = escape(title)
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="robots" content="noindex,nofollow">'
        f'<meta name="viewport" content="width=device-width"><title>{shown}</title><style>{_STYLE}</style></head>'
        f"<body><h1>{shown}</h1>{body}</body></html>"
    )
    return HTMLResponse(text, status_code=status, headers={**_HEADERS, **(headers or {})})
