"""Links by which people decide gates: each is for one gate of one run, for one person, and for a time.

The token in a link says all of that and is sealed with the plan keys. It is made where a node of `notify` runs, and
stands in no plan, no history and no log: a run records only for whom and what a link is wanted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from resolute.execution.masking import LINK
from resolute.plan.context import CallContext
from resolute.plan.errors import MissingEnvironmentError
from resolute.plan.values import JsonObject
from resolute.temporal.trust.seals import PlanKeys
from resolute.temporal.trust.tokens import names_in, token_of

PATH: Final = "/gates/"
"""Where links lead, on the worker's own HTTP server."""


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """What a link is for. `run` is the first run id of the run, whose flow and workflow id are named beside it."""

    flow: str
    workflow_id: str
    run: str
    gate: str
    person: str
    until: datetime

    def token(self, keys: PlanKeys) -> str:
        """The ticket as it stands in a link.

        Raises:
            ConfigurationError: there are no keys to seal it with.
        """
        names = [self.flow, self.workflow_id, self.run, self.gate, self.person]
        return token_of(keys, "link", LINK, names, self.until)


def read_token(token: str, keys: PlanKeys, now: datetime) -> Ticket:
    """The ticket in a link.

    Raises:
        BadLinkError: it is forged, damaged, or its time is over.
    """
    (flow, workflow_id, run, gate, person), until = names_in(token, keys, "link", LINK, 5, now)
    return Ticket(flow=flow, workflow_id=workflow_id, run=run, gate=gate, person=person, until=until)


def link_maker(keys: PlanKeys, base: Callable[[], str]) -> Callable[[CallContext, JsonObject], str]:
    """What makes links on a worker; `base` is the address under which people reach it."""

    def made(call: CallContext, facts: JsonObject) -> str:
        if not keys:
            raise MissingEnvironmentError(
                "a link to a gate is sealed with the plan keys: set RESOLUTE_PLAN_KEYS for this worker"
            )
        ticket = Ticket(
            flow=call.flow,
            workflow_id=call.workflow_id,
            run=str(facts["run"]),
            gate=str(facts["gate"]),
            person=str(facts["person"]),
            until=datetime.fromisoformat(str(facts["until"])),
        )
        return f"{base().rstrip('/')}{PATH}{ticket.token(keys)}"

    return made
