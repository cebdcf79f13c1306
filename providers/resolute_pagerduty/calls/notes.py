"""Adds a note once, however often it is tried.

PagerDuty has no deduplication key for notes, so each has a line that identifies its step, which is looked for first. If
a step still made two, because the first request was carried out late, one of them is deleted.
"""

from __future__ import annotations

from resolute_pagerduty.account.account import Account, list_in, object_in
from resolute_pagerduty.calls.repeats import is_repeat, mark, marked, take_back
from resolute_pagerduty.http.exchange import JsonBody
from resolute_pagerduty.http.operations import ADD_NOTE, DELETE_NOTE, LIST_NOTES, UPDATE_NOTE


async def read_notes(account: Account, incident_id: str) -> list[JsonBody]:
    """All notes of an incident; PagerDuty does not page them, there are at most 2000."""
    return list_in(await account.send(LIST_NOTES, path={"id": incident_id}), "notes")


async def add_once(account: Account, incident_id: str, content: str, *, ref: str = "") -> JsonBody:
    """The note of this step on the incident: the existing one, or a new one.

    With `ref`, 16 hexadecimal digits, it is the one note of all steps that give the same. The first attempt looks for
    it too: a worker that died may have made an attempt that was not counted.
    """
    text, line = marked(content, ref), mark(ref)
    found = await _the_only_one(account, incident_id, text, line)
    if found is not None:
        return found
    made = object_in(await account.send(ADD_NOTE, path={"id": incident_id}, body={"note": {"content": text}}), "note")
    # What an earlier attempt sent may have arrived by now.
    return (await _the_only_one(account, incident_id, text, line) if is_repeat() else None) or made


async def rewrite(account: Account, incident_id: str, note_id: str, content: str) -> tuple[JsonBody, bool]:
    """The note with the text, and whether it had another text before.

    Raises:
        NotFoundError: there is no such note.
    """
    now = next((note for note in await read_notes(account, incident_id) if note.get("id") == note_id), None)
    if now is not None and str(now.get("content", "")).strip() == content.strip():
        return now, False
    where, body = {"id": incident_id, "note_id": note_id}, {"note": {"content": content}}
    return object_in(await account.send(UPDATE_NOTE, path=where, body=body), "note"), True


async def _the_only_one(account: Account, incident_id: str, text: str, line: str) -> JsonBody | None:
    """The note with this line on the incident, None if there is none. Of several, all but the first are deleted."""
    own = [note for note in await read_notes(account, incident_id) if line in str(note.get("content", ""))]
    own.sort(key=lambda note: (str(note.get("created_at", "")), str(note.get("id", ""))))
    first = own[0] if own else None
    for note in own[1:]:
        if str(note.get("content", "")).strip() == text.strip():  # not a note in which somebody quotes it
            await take_back(account, DELETE_NOTE, {"id": incident_id, "note_id": str(note.get("id", ""))})
    return first
