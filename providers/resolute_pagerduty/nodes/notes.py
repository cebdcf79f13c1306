"""Notes on incidents."""

from __future__ import annotations

from resolute_pagerduty.account.accounts import Accounts
from resolute_pagerduty.calls.notes import add_once, read_notes, rewrite
from resolute_pagerduty.errors import NotFoundError
from resolute_pagerduty.http.operations import ADD_NOTE, DELETE_NOTE, LIST_NOTES, UPDATE_NOTE
from resolute_pagerduty.models.incidents import Note
from resolute_pagerduty.models.outputs import AddNoteOutput, ListNotesOutput, UpdateNoteOutput
from resolute_pagerduty.models.parameters import Id, Text
from resolute_pagerduty.nodes.declare import LATE, NOTHING, READS, pagerduty_node


@pagerduty_node("ListNotes", LIST_NOTES, repeat=READS)
async def list_notes(pagerduty: Accounts, *, incident_id: Id | int, account: str | None = None) -> ListNotesOutput:
    """Reads all notes of an incident. PagerDuty returns them in one response; there are at most 2000.

    Args:
        incident_id: the incident's id, or its number.
        account: the name of one of the provider's accounts.

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
    repeat="the note ends with a line that identifies its step; it is looked for first, and a second one is deleted",
    remains=f"a second note {LATE} and no later attempt deletes it",
)
async def add_note(
    pagerduty: Accounts, *, incident_id: Id | int, content: Text, account: str | None = None
) -> AddNoteOutput:
    """Adds a note to an incident, once, however often it is tried.

    PagerDuty has no deduplication key for notes, so the note ends with a short line such as `[ref: 3f9a0c1d2e4b5a69]`,
    and the existing notes are searched for it first. An incident can have 2000 notes.

    Args:
        incident_id: the incident's id, or its number.
        content: the text.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = add_note(incident_id="PT4KHLK", content="Restarted the connection pool")
    """
    note = await add_once(pagerduty.account(account), str(incident_id), content)
    return AddNoteOutput(note_id=str(note.get("id", "")))


@pagerduty_node(
    "UpdateNote",
    UPDATE_NOTE,
    LIST_NOTES,
    repeat="it reads first, and sends nothing if the note already has that text",
    remains=f"what somebody wrote in the note since is replaced {LATE}",
)
async def update_note(
    pagerduty: Accounts, *, incident_id: Id | int, note_id: Id, content: Text, account: str | None = None
) -> UpdateNoteOutput:
    """Replaces the text of a note.

    Args:
        incident_id: the id or number of the incident that the note is on.
        note_id: the note's id.
        content: the whole new text.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = update_note(incident_id="PT4KHLK", note_id="PWL7QXS", content="It was the connection pool")
    """
    note, changed = await rewrite(pagerduty.account(account), str(incident_id), note_id, content)
    return UpdateNoteOutput(note=Note.model_validate(note), changed=changed)


@pagerduty_node("DeleteNote", DELETE_NOTE, repeat="a note that is gone is a success", remains=NOTHING)
async def delete_note(pagerduty: Accounts, *, incident_id: Id | int, note_id: Id, account: str | None = None) -> None:
    """Deletes a note from an incident.

    Args:
        incident_id: the id or number of the incident that the note is on.
        note_id: the note's id.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = delete_note(incident_id="PT4KHLK", note_id="PWL7QXS")
    """
    where = {"id": str(incident_id), "note_id": note_id}
    try:
        await pagerduty.account(account).send(DELETE_NOTE, path=where)
    except NotFoundError:
        return
