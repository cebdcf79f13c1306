"""Who has taken an incident over: what its timeline says that people have done to it.

Source: https://developer.pagerduty.com/api-reference/a47605517c19a-api-concepts#log-entries
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from resolute_pagerduty.account.account import Account, list_in
from resolute_pagerduty.calls.notes import add_once
from resolute_pagerduty.calls.paging import walk
from resolute_pagerduty.calls.repeats import is_marked
from resolute_pagerduty.http.exchange import JsonBody
from resolute_pagerduty.http.operations import LIST_INCIDENTS, LIST_LOG_ENTRIES
from resolute_pagerduty.models.incidents import LogEntry

_DONE: Final = {
    "acknowledge": "acknowledged it",
    "unacknowledge": "took an acknowledgement back",
    "annotate": "wrote a note",
    "assign": "reassigned it",
    "delegate": "delegated it",
    "escalate": "escalated it",
    "snooze": "snoozed it",
    "urgency_change": "changed its urgency",
    "merge": "merged it",
}
"""What people do to incidents, by the kind of its log entry. What tells them of one (`notify`) is not among it."""


@dataclass(frozen=True)
class Touch:
    """What a person has done to an incident, and which incident that is."""

    incident_id: str
    who: str
    what: str


async def open_incidents(account: Account, dedup_key: str, service_id: str | None) -> list[JsonBody]:
    """The open incidents with this key, or with an alert of it."""
    query: dict[str, Any] = {
        "incident_key": dedup_key,
        "service_ids": [service_id] if service_id else None,
        "statuses": ["triggered", "acknowledged"],
        "date_range": "all",
        "limit": 100,
    }
    return list_in(await account.send(LIST_INCIDENTS, query=query), "incidents")


async def touch_of(account: Account, dedup_key: str, service_id: str | None) -> Touch | None:
    """What a person has done to the open incidents with this key, or with an alert of it; None where nobody has."""
    for incident in await open_incidents(account, dedup_key, service_id):
        if touch := await _touch_of(account, incident, dedup_key):
            return touch
    return None


async def say_that_it_stays(account: Account, touch: Touch, dedup_key: str) -> None:
    """Notes on the incident that all is well and that it stays open, once, whichever run and step says it."""
    text = f"{dedup_key} is well again. This incident stays open, because {touch.who} {touch.what}."
    once = hashlib.sha256(f"stays:{touch.incident_id}:{dedup_key}".encode()).hexdigest()[:16]
    await add_once(account, touch.incident_id, text, ref=once)


async def _touch_of(account: Account, incident: JsonBody, dedup_key: str) -> Touch | None:
    incident_id = str(incident.get("id", ""))
    walked = await walk(
        account,
        LIST_LOG_ENTRIES,
        "log_entries",
        LogEntry,
        path={"id": incident_id},
        query={"include": ["channels"]},  # with the text of notes
    )
    for entry in walked.items:
        done = _DONE.get(str(entry.type).removesuffix("_log_entry"))
        agent = entry.agent
        if done is None or agent is None or not str(agent.type).startswith("user") or _is_our_own(entry):
            continue
        return Touch(incident_id, agent.summary or agent.id, done)
    key = incident.get("incident_key")
    if isinstance(key, str) and key and key != dedup_key:
        return Touch(incident_id, "somebody", "merged the alert into it")
    return None


def _is_our_own(entry: LogEntry) -> bool:
    """Whether the entry is a note of a flow, which is written in the name of a person."""
    said = (entry.note, (entry.channel.model_extra or {}).get("summary"))
    return any(isinstance(text, str) and is_marked(text) for text in said)
