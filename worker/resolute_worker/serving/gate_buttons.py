"""Buttons in the services of providers by which people decide gates, by the same way as `resolute approve`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio.client import Client
from temporalio.service import RPCError

from resolute.plan.errors import ConfigurationError
from resolute.plan.inlets import GateAnswer
from resolute.running.messages import MessageRefusedError
from resolute.temporal.client.buttons import Button, read_button
from resolute.temporal.client.gates import GateOfRun, decide_gate, gate_of_run
from resolute.temporal.client.links import PATH, Ticket
from resolute.temporal.trust.seals import PlanKeys
from resolute.temporal.trust.tokens import BadLinkError, PastLinkError
from resolute.temporal.wire.finding import RunKey, UnknownRunError
from resolute.temporal.wire.messages import NoAnswerYetError, NotListeningError

log = logging.getLogger(__name__)

PATIENCE: Final = timedelta(seconds=20)
"""How long the run has to answer."""


@dataclass(frozen=True)
class GateButtons:
    """The gates of runs, for the buttons of one worker's providers; see `resolute.plan.inlets.Gates`.

    Attributes:
        client: the connection to Temporal.
        keys: what buttons are sealed with.
        base: the address under which people reach the worker.
        loop: the loop that the connection belongs to; providers live on others.
    """

    client: Client
    keys: PlanKeys
    base: Callable[[], str]
    loop: asyncio.AbstractEventLoop

    async def decide(self, button: str, *, approve: bool, by: str) -> GateAnswer:
        """Decides the gate that a button is for; from any loop."""
        work = self._decided(button, approve=approve, by=by)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.loop))

    async def _decided(self, token: str, *, approve: bool, by: str) -> GateAnswer:
        try:
            button = read_button(token, self.keys, datetime.now(UTC))
        except BadLinkError as error:
            outcome = "over" if isinstance(error, PastLinkError) else "refused"
            return GateAnswer(outcome=outcome, said=f"Not decided: {error}.")
        answer = await self._answered(button, approve=approve, by=by)
        return replace(answer, flow=button.flow, run=button.workflow_id, gate=button.gate)

    async def _answered(self, button: Button, *, approve: bool, by: str) -> GateAnswer:
        try:
            async with asyncio.timeout(2 * PATIENCE.total_seconds()):
                gate = await gate_of_run(self.client, button.workflow_id, button.run, button.gate)
                return await self._asked(button, gate, approve=approve, by=_as_approver(gate, by))
        except UnknownRunError:
            return GateAnswer(outcome="over", said="The run is not there any more, or is not at this gate.")
        except (RPCError, TimeoutError) as error:
            log.warning("a button of a gate was not answered: %s", type(error).__name__)
            said = "Temporal does not answer. Nothing has been decided: try again in a moment."
            return GateAnswer(outcome="unavailable", said=said)

    async def _asked(self, button: Button, gate: GateOfRun, *, approve: bool, by: str) -> GateAnswer:
        if approve and gate.form is not None and gate.is_open and by in (gate.approvers or [by]):
            said = f"Approving {button.gate} takes more than a click: fill in its form."
            return GateAnswer(outcome="form", said=said, link=self._link(button, by))
        try:
            answer = await decide_gate(
                self.client,
                RunKey(button.workflow_id, gate.run_id),
                button.gate,
                approve=approve,
                by=by,
                keys=self.keys,
                patience=PATIENCE,
            )
        except MessageRefusedError as error:
            return _refused(gate, by, error)
        except NotListeningError as error:
            return GateAnswer(outcome="over", said=f"Not decided: {error}.")
        except NoAnswerYetError:
            said = "No worker has taken the decision up yet. Look again in a moment before you repeat it."
            return GateAnswer(outcome="unavailable", said=said)
        log.info(
            "gate %s of run %s %s by %s", button.gate, button.workflow_id, "approved" if approve else "rejected", by
        )
        missing = int(str(answer.get("missing", 0)))
        said = f"You have {'approved' if approve else 'rejected'} {button.gate} of {button.flow}."
        return GateAnswer(
            outcome="approved" if approve else "rejected",
            said=said + (f" {missing} more have to approve." if missing else ""),
            missing=missing,
        )

    def _link(self, button: Button, person: str) -> str:
        """Where this person, and nobody else, decides the gate in a browser."""
        ticket = Ticket(
            flow=button.flow,
            workflow_id=button.workflow_id,
            run=button.run,
            gate=button.gate,
            person=person,
            until=button.until,
        )
        try:
            return f"{self.base().rstrip('/')}{PATH}{ticket.token(self.keys)}"
        except ConfigurationError:
            return ""


def _as_approver(gate: GateOfRun, by: str) -> str:
    """The approver that a person is: addresses are the same in capitals and in small letters."""
    return next((each for each in gate.approvers or () if each.casefold() == by.casefold()), by)


def _refused(gate: GateOfRun, by: str, error: MessageRefusedError) -> GateAnswer:
    """What a person is told whose decision the run does not take."""
    if error.why == "moving":
        return GateAnswer(outcome="unavailable", said=f"Not decided: {error}. Try again in a moment.")
    has_decided = any(each["by"] == by for each in gate.decisions)
    over = error.why in ("decided", "unknown") and not (has_decided and gate.is_open)
    return GateAnswer(outcome="over" if over else "refused", said=f"Not decided: {error}.")
