"""Notes on incidents."""

from __future__ import annotations

from resolute_pagerduty.account.accounts import Accounts
from resolute_pagerduty.calls.notes import add_once, read_notes
from resolute_pagerduty.http.operations import ADD_NOTE, DELETE_NOTE, LIST_NOTES
from resolute_pagerduty.models.incidents import Note
from resolute_pagerduty.models.outputs import AddNoteOutput, ListNotesOutput
from resolute_pagerduty.models.parameters import Id, Text
from resolute_pagerduty.nodes.declare import LATE, READS, pagerduty_node


@pagerduty_node("ListNotes", LIST_NOTES, repeat=READS)
async def list_notes(pagerduty: Accounts, *, incident_id: Id | int, account: str | None = None) -> ListNotesOutput:
    """Reads all notes of an incident. PagerDuty gives them in one piece, there are at most 2000.

    Args:
        incident_id: the incident's id, or its number.
        account: one of the provider's accounts by name.

    Example:
        >>> node = list_notes(incident_id="PT4KHLK")
    """
    found = await read_notes(pagerduty.account(account), str(incident_id))
    return ListNotesOutput(notes=tuple(Note.model_validate(each) for each in found))


@pagerduty_node(
    "AddNote",
    ADD_NOTE,
    LIST_NOTES,
    DELETE_NOTE,
    repeat="the note ends with a line that names its step, by which it is looked for first, and a second one deleted",
    remains=f"a second note {LATE}, and no attempt comes after that to delete it",
)
async def add_note(
    pagerduty: Accounts, *, incident_id: Id | int, content: Text, account: str | None = None
) -> AddNoteOutput:
    """Adds a note to an incident, once, however often it is tried.

    PagerDuty has no key by which it would know a repeated note. So the note ends with a short line such as
    `[ref: 3f9a0c1d2e4b5a69]`, and the notes that are there are searched for it first. An incident takes 2000 notes.

    Args:
        incident_id: the incident's id, or its number.
        content: the text.
        account: one of the provider's accounts by name.

    Example:
        >>> node = add_note(incident_id="PT4KHLK", content="Restarted the connection pool")
    """
    note = await add_once(pagerduty.account(account), str(incident_id), content)
    return AddNoteOutput(note_id=str(note.get("id", "")))
