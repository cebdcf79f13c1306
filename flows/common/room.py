"""What a war room says: how an incident begins, who is asked next, and how it went on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from flows.common.on_call import names_of
from resolute import node
from resolute_pagerduty import ChangeEvent, Incident, OnCall

MOST_CHANGES: Final = 5


@node(lane="local", effect="pure")
def opening_words(
    title: str, url: str | None, oncalls: Sequence[OnCall], changes: Sequence[ChangeEvent], seen: str
) -> str:
    """The first message: what has happened, who is on call for it, what changed before it, and what was seen.

    >>> opening_words.__wrapped__("Checkout is down", None, [], [], "all is well").splitlines()
    ['Checkout is down', 'On call: nobody', 'No change was announced in the last day.', 'all is well']
    """
    changed = [f"- {change.summary} ({_moment(change.timestamp)})" for change in changes[:MOST_CHANGES]]
    lines = [
        title,
        url or "",
        f"On call: {names_of(oncalls) or 'nobody'}",
        "Changes of the last day:" if changed else "No change was announced in the last day.",
        *changed,
        seen,
    ]
    return "\n".join(line for line in lines if line)


@node(lane="local", effect="pure")
def next_level(before: int) -> int:
    """The escalation level after another one; 1 after 0."""
    return before + 1


@node(lane="local", effect="pure")
def closing_words(incident: Incident, levels: int) -> str:
    """The last message: who has acknowledged an incident, or that nobody has.

    >>> closing_words.__wrapped__(Incident(title="Checkout is down", status="triggered"), 2)
    'Nobody has acknowledged "Checkout is down": level 2 of 2 was the last to be asked. Please take it.'
    """
    if incident.status == "resolved":
        return f'"{incident.title}" is resolved.'
    if incident.status == "acknowledged":
        people = [each.acknowledger.name or each.acknowledger.summary for each in incident.acknowledgements]
        names = ", ".join(dict.fromkeys(name for name in people if name))
        return f'{names or "Somebody"} has acknowledged "{incident.title}".'
    return (
        f'Nobody has acknowledged "{incident.title}": level {levels} of {levels} was the last to be asked. '
        "Please take it."
    )


def _moment(at: datetime | None) -> str:
    return f"{at:%H:%M} UTC" if at else "time unknown"
