"""Links by which people decide gates: each is for one gate of one run, for one person, and for a time.

The token in a link says all of that and is sealed with the plan keys. It is made where a node of `notify` runs, and
stands in no plan, no history and no log: a run records only for whom and what a link is wanted.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from resolute.execution.masking import LINK
from resolute.plan.context import CallContext
from resolute.plan.errors import ConfigurationError, MissingEnvironmentError, ResoluteError
from resolute.plan.values import Json, JsonObject
from resolute.temporal.seals import PlanKeys

PATH: Final = "/gates/"
"""Where links lead, on the worker's own HTTP server."""

LONGEST: Final = 8_000
"""Characters of a token."""


class BadLinkError(ResoluteError):
    """A link that nobody with a key has made, or whose time is over."""


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
        seal = keys.seal("link", *self._parts())
        if seal is None:
            raise ConfigurationError("a link is sealed with the plan keys: set RESOLUTE_PLAN_KEYS")
        written = json.dumps([seal, *self._parts()], separators=(",", ":"), ensure_ascii=False).encode()
        return LINK + base64.urlsafe_b64encode(written).decode().rstrip("=")

    def _parts(self) -> list[Json]:
        return [self.flow, self.workflow_id, self.run, self.gate, self.person, int(self.until.timestamp())]


def read_token(token: str, keys: PlanKeys, now: datetime) -> Ticket:
    """The ticket in a link.

    Raises:
        BadLinkError: it is forged, damaged, or its time is over.
    """
    forged = BadLinkError("this link is not valid: it is damaged, or was not made here")
    if not token.startswith(LINK) or len(token) > LONGEST or not token.isascii():
        raise forged
    try:
        packed = token.removeprefix(LINK)
        parts: Any = json.loads(base64.b64decode(packed + "=" * (-len(packed) % 4), altchars=b"-_", validate=True))
        seal, flow, workflow_id, run, gate, person, until = parts
        names = (flow, workflow_id, run, gate, person)
        if not all(isinstance(name, str) for name in names) or type(until) is not int:
            raise forged
        if not keys.verifies(seal, "link", *names, until):
            raise forged
        end = datetime.fromtimestamp(until, UTC)
    except (ValueError, TypeError, RecursionError, OverflowError, OSError):
        raise forged from None
    if now >= end:
        raise BadLinkError("this link is no longer valid: its time is over")
    return Ticket(flow=flow, workflow_id=workflow_id, run=run, gate=gate, person=person, until=end)


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
