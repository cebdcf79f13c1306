"""What buttons carry by which people decide gates: it names a gate of a run, and nobody.

Who presses a button is proved by the service that shows it, so what it carries is no secret. It is sealed all the same,
so that a message that somebody else has made cannot ask one thing and decide another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from resolute.plan.context import CallContext
from resolute.plan.errors import MissingEnvironmentError
from resolute.plan.values import JsonObject
from resolute.temporal.trust.seals import PlanKeys
from resolute.temporal.trust.tokens import names_in, token_of

BUTTON: Final = "rbutton_"
"""How the tokens begin."""


@dataclass(frozen=True, kw_only=True)
class Button:
    """What a button is for. `run` is the first run id of the run, whose flow and workflow id are named beside it."""

    flow: str
    workflow_id: str
    run: str
    gate: str
    until: datetime

    def token(self, keys: PlanKeys) -> str:
        """What the button carries.

        Raises:
            ConfigurationError: there are no keys to seal it with.
        """
        return token_of(keys, "button", BUTTON, [self.flow, self.workflow_id, self.run, self.gate], self.until)


def read_button(token: str, keys: PlanKeys, now: datetime) -> Button:
    """What a button is for.

    Raises:
        BadLinkError: it is forged, damaged, or its time is over.
    """
    (flow, workflow_id, run, gate), until = names_in(token, keys, "button", BUTTON, 4, now)
    return Button(flow=flow, workflow_id=workflow_id, run=run, gate=gate, until=until)


def button_maker(keys: PlanKeys) -> Callable[[CallContext, JsonObject], str]:
    """What makes buttons on a worker."""

    def made(call: CallContext, facts: JsonObject) -> str:
        if not keys:
            raise MissingEnvironmentError(
                "a button of a gate is sealed with the plan keys: set RESOLUTE_PLAN_KEYS for this worker"
            )
        return Button(
            flow=call.flow,
            workflow_id=call.workflow_id,
            run=str(facts["run"]),
            gate=str(facts["gate"]),
            until=datetime.fromisoformat(str(facts["until"])),
        ).token(keys)

    return made
