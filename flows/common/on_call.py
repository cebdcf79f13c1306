"""People on call: in the order in which they are paged, by name and by address."""

from __future__ import annotations

from collections.abc import Sequence

from resolute import TerminalError, node
from resolute_pagerduty import OnCall


class NobodyError(TerminalError):
    """Nobody on call has an e-mail address, so nobody could be told or asked."""


@node(lane="local", effect="pure")
def emails_on_call(oncalls: Sequence[OnCall]) -> list[str]:
    """The e-mail addresses of those who are on call, the first level first.

    The on-calls have to be read with `include=["users"]`.

    Raises:
        NobodyError: there is no address.
    """
    found = list(dict.fromkeys(each.user.email for each in by_level(oncalls) if each.user.email))
    if not found:
        raise NobodyError("nobody on call has an e-mail address: see the escalation policy in ESCALATION_POLICY")
    return found


@node(lane="local", effect="pure")
def with_names(message: str, oncalls: Sequence[OnCall]) -> str:
    r"""A message, and below it the names of those who are on call, the first level first.

    >>> with_names.__wrapped__("Checkout is down", [])
    'Checkout is down\\nOn call: nobody'
    """
    return f"{message}\nOn call: {names_of(oncalls) or 'nobody'}"


def names_of(oncalls: Sequence[OnCall]) -> str:
    """Who is on call, each with their level; empty if nobody is."""
    return ", ".join(f"{name_of(each)} (level {each.escalation_level})" for each in by_level(oncalls))


def by_level(oncalls: Sequence[OnCall]) -> list[OnCall]:
    """Each person once, at their first level, in the order in which they are paged."""
    first: dict[str, OnCall] = {}
    for each in sorted(oncalls, key=lambda oncall: oncall.escalation_level):
        first.setdefault(each.user.id, each)
    return list(first.values())


def name_of(oncall: OnCall) -> str:
    """The person's name."""
    return oncall.user.name or oncall.user.summary or oncall.user.id
