"""People on call, as those who may approve something."""

from __future__ import annotations

from collections.abc import Sequence

from flows.common.slack import by_level
from resolute import TerminalError, node
from resolute_pagerduty import OnCall


class NobodyError(TerminalError):
    """Nobody on call has an e-mail address, so nobody could approve."""


@node(lane="local", effect="pure")
def approvers_on_call(oncalls: Sequence[OnCall]) -> list[str]:
    """The e-mail addresses of those who are on call, the first level first: they may approve.

    The on-calls have to be read with `include=["users"]`.

    Raises:
        NobodyError: there is no address.
    """
    found = list(dict.fromkeys(each.user.email for each in by_level(oncalls) if each.user.email))
    if not found:
        raise NobodyError("nobody on call has an e-mail address: see the escalation policy in ESCALATION_POLICY")
    return found
