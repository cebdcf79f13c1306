"""Clicks on the buttons of gates: proved to come from Slack, answered at once, and then decided.

Slack waits three seconds for an answer. So a click is answered as soon as it is proved, and what it came to shows in
the message, or in one that only the person sees who has clicked.

Source: https://docs.slack.dev/interactivity/handling-user-interaction
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import parse_qsl
from weakref import WeakValueDictionary

from pydantic_core import from_json

from resolute.plan.errors import AuditError
from resolute.plan.inlets import GateAnswer, Gates, InletAnswer
from resolute.providing.audit import AuditEntry, Outcome, entry_of_now
from resolute.providing.refusals import Refusals
from resolute_slack.buttons import APPROVE, REJECT, decided
from resolute_slack.errors import SlackAPIError, UnreadableAnswerError
from resolute_slack.http.methods import UPDATE, USER, WHISPER, WHO_AM_I
from resolute_slack.signing import problem_of
from resolute_slack.texts import escaped, fitted
from resolute_slack.workspace import ACCOUNT, Workspace

log = logging.getLogger(__name__)

PATH: Final = "/slack/interactions"
"""The path of the app's Interactivity Request URL."""

_MOST_FIELDS: Final = 20

_KEPT: Final = 200
"""Messages of which is known how they look now: of two clicks at once, the second brings the message as it was."""
_LONGEST_SAID: Final = 1_000


@dataclass(frozen=True, kw_only=True)
class Click:
    """Who has clicked what, in which message."""

    user: str
    channel: str
    ts: str
    button: str
    approve: bool
    text: str
    blocks: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Clicker:
    """Who has clicked, as Slack knows them. `problem` says why they are not believed."""

    email: str = ""
    problem: str = ""


class Clicks:
    """The inlet for clicks of one workspace."""

    def __init__(self, slack: Workspace) -> None:
        self._slack = slack
        self._team = ""
        self._refusals = Refusals()
        self._shown: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self._at: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    def answer(self, headers: Mapping[str, str], body: bytes, gates: Gates) -> InletAnswer:
        """Answers a request of Slack's, and decides afterwards; see `Inlet`."""
        secret = self._slack.config.signing_secret
        if secret is None:
            return InletAnswer(status=404, reason="SLACK_SIGNING_SECRET is not set")
        problem = problem_of(headers, body, secret.get_secret_value(), time.time())
        if problem:
            return InletAnswer(status=401, body="not verified", reason=problem, afterwards=self._told(problem))
        payload = _payload(body)
        if payload is None:
            return InletAnswer(status=200 if b"ssl_check=1" in body else 400, reason="no interaction")
        click = _click(payload)
        if click is None:
            return InletAnswer(reason=f"not a button of a gate: {str(payload.get('type'))[:50]}")
        return InletAnswer(afterwards=lambda: self._decide(click, gates))

    def _told(self, problem: str) -> Callable[[], Coroutine[Any, Any, None]] | None:
        """Writes down a request that is not Slack's, unless there are too many of them."""
        if not self._refusals.passes():
            return None
        return lambda: self._refusals.write(self._slack.guard.audit, _entry("refused", error=problem))

    async def _decide(self, click: Click, gates: Gates) -> None:
        """Decides, and shows what came of it.

        Raises:
            SlackAPIError: what came of it could not be shown.
        """
        try:
            clicker = await self._clicker(click.user)
        except (SlackAPIError, AuditError) as error:
            log.error("a click was not decided: who clicked is not known: %s", error)
            await self._whisper(click, "Not decided: Slack does not say who you are. Try again in a moment.")
            return
        if clicker.problem:
            log.warning("a click was not decided: Slack user %s %s", click.user, clicker.problem)
            said = f"the account {clicker.problem}"
            await self._slack.guard.audit.refused(_entry("refused", click, by=f"Slack user {click.user}", error=said))
            await self._whisper(click, f"Not decided: your account {clicker.problem}.")
            return
        # One after the other, so that what the message says last is what was decided last.
        lock = self._at.setdefault((click.channel, click.ts), asyncio.Lock())
        async with lock:
            entry = _entry("unknown", click, by=clicker.email)
            try:
                await self._slack.guard.audit.begin(entry)
            except AuditError as error:
                log.error("a click was not decided: %s", error)
                await self._whisper(click, "Not decided: the audit log of the worker cannot be written.")
                return
            answer = await gates.decide(click.button, approve=click.approve, by=clicker.email)
            await self._slack.guard.audit.end(entry.model_copy(update=_came(answer)))
            await self._show(click, answer)

    async def _clicker(self, user: str) -> Clicker:
        """Who has clicked: a member of the app's own workspace, whose address Slack has confirmed.

        In a channel that is shared with another workspace its members can click as well, and their addresses say
        nothing: whoever runs that workspace can give them any.
        """
        found = (await self._slack.respond(USER, user=user)).get("user")
        if not isinstance(found, Mapping):
            raise UnreadableAnswerError(f"{USER.name}: the answer contains no user")
        known = cast("Mapping[str, Any]", found)
        teams = {known.get("team_id"), *_teams(known)}
        if await self._own_team() not in teams or known.get("is_stranger"):
            return Clicker(problem="is of another workspace")
        if known.get("is_bot") or known.get("deleted"):
            return Clicker(problem="is no person's, or has been deactivated")
        email = cast("Mapping[str, Any]", known.get("profile") or {}).get("email")
        if not isinstance(email, str) or not email:
            return Clicker(problem="shows no e-mail address: the app needs the scopes users:read and users:read.email")
        if known.get("is_email_confirmed") is False:
            return Clicker(problem="has an e-mail address that is not confirmed")
        return Clicker(email=email)

    async def _own_team(self) -> str:
        if not self._team:
            self._team = str((await self._slack.respond(WHO_AM_I)).get("team_id") or "")
        return self._team

    async def _show(self, click: Click, answer: GateAnswer) -> None:
        match answer.outcome:
            case "approved" | "rejected":
                word = "Approved" if answer.outcome == "approved" else "Rejected"
                missing = f" ({answer.missing} more have to approve)" if answer.missing else ""
                when = f"<!date^{int(time.time())}^{{date_num}} {{time_secs}}|just now>"
                said = f"{word} by <@{click.user}> {when}{missing}"
                await self._change(click, said, still_open=bool(answer.missing))
            case "over":
                await self._change(click, fitted(escaped(answer.said), _LONGEST_SAID)[0], still_open=False)
                await self._whisper(click, answer.said)
            case "form":
                link = f" <{answer.link}|Open the form>; the link is for you alone." if answer.link else ""
                await self._whisper(click, answer.said, link)
            case "refused" | "unavailable":
                await self._whisper(click, answer.said)

    async def _change(self, click: Click, said: str, *, still_open: bool) -> None:
        """Has the message say what was decided; where Slack does not take that, the person is told."""
        place = (click.channel, click.ts)
        blocks = decided(self._shown.get(place, click.blocks), said, still_open=still_open)
        self._shown[place] = blocks
        while len(self._shown) > _KEPT:
            del self._shown[next(iter(self._shown))]
        try:
            await self._slack.respond(UPDATE, channel=click.channel, ts=click.ts, text=click.text, blocks=blocks)
        except SlackAPIError as error:
            log.warning("a message does not show what was decided: %s", error)
            await self._whisper(click, "Your decision is taken, but the message could not be changed.")

    async def _whisper(self, click: Click, text: str, markup: str = "") -> None:
        """Tells the person who has clicked, and nobody else."""
        said = fitted(escaped(text), _LONGEST_SAID)[0] + markup
        await self._slack.respond(WHISPER, channel=click.channel, user=click.user, text=said)


def _entry(
    outcome: Outcome, click: Click | None = None, *, by: str | None = None, error: str | None = None
) -> AuditEntry:
    """What is written of a click, or of a request that pretends to be one."""
    word = "click" if click is None else "approve" if click.approve else "reject"
    resource = PATH if click is None else f"{PATH} {click.channel} {click.ts}"
    return entry_of_now(
        account=ACCOUNT,
        operation=word,
        method="-",
        resource=resource[:_LONGEST_SAID],
        outcome=outcome,
        person=by,
        error=error,
    )


def _came(answer: GateAnswer) -> dict[str, object]:
    """The outcome of a click that was somebody's."""
    where = {"flow": answer.flow or None, "run": answer.run or None, "step": answer.gate or None}
    match answer.outcome:
        case "approved" | "rejected":
            return {**where, "outcome": "done"}
        case "refused" | "form" | "over":
            return {**where, "outcome": "refused", "error": answer.said[:_LONGEST_SAID]}
        case "unavailable":
            return {**where, "outcome": "unknown", "error": answer.said[:_LONGEST_SAID]}


def _teams(user: Mapping[str, Any]) -> list[object]:
    """The workspaces of an organization that a user belongs to."""
    match user.get("enterprise_user"):
        case {"teams": [*teams]}:
            return cast("list[object]", teams)
        case _:
            return []


def _payload(body: bytes) -> Mapping[str, Any] | None:
    """The interaction in a request; None if it is none."""
    try:
        fields = dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
        found: object = from_json(fields.get("payload", ""))
    except ValueError:
        return None
    return cast("Mapping[str, Any]", found) if isinstance(found, dict) else None


def _click(payload: Mapping[str, Any]) -> Click | None:
    """The click in an interaction; None if it is none on a button of a gate."""
    match payload:
        case {
            "type": "block_actions",
            "user": {"id": str() as user},
            "container": {"type": "message", "channel_id": str() as channel, "message_ts": str() as ts},
            "actions": [{"action_id": str() as action, "value": str() as button}, *_],
        } if action in (APPROVE, REJECT):
            message = cast("Mapping[str, Any]", payload.get("message") or {})
            blocks = message.get("blocks")
            return Click(
                user=user,
                channel=channel,
                ts=ts,
                button=button,
                approve=action == APPROVE,
                text=str(message.get("text") or ""),
                blocks=cast("list[Mapping[str, Any]]", blocks) if isinstance(blocks, list) else [],
            )
        case _:
            return None
