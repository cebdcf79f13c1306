"""How a note is added once, however often it is tried.

PagerDuty has no key for notes. So each carries a line that names its step, which is looked for before a note is posted.
"""

from __future__ import annotations

from resolute_pagerduty.account.account import Account, list_in, object_in
from resolute_pagerduty.calls.repeats import mark, marked
from resolute_pagerduty.http.exchange import JsonBody
from resolute_pagerduty.http.operations import ADD_NOTE, LIST_NOTES


async def read_notes(account: Account, incident_id: str) -> list[JsonBody]:
    """All notes of an incident; PagerDuty does not page them, there are at most 2000."""
    return list_in(await account.send(LIST_NOTES, path={"id": incident_id}), "notes")


async def add_once(account: Account, incident_id: str, content: str) -> JsonBody:
    """The note of this step on the incident: the one that is there, or a new one.

    It is looked for in the first attempt too: a worker that died may have made an attempt that nobody counted.
    """
    line = mark()
    for note in await read_notes(account, incident_id):
        if line in str(note.get("content", "")):
            return note
    body = {"note": {"content": marked(content)}}
    return object_in(await account.send(ADD_NOTE, path={"id": incident_id}, body=body), "note")
