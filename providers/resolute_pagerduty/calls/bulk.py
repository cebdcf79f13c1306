"""Changes many things, in requests of at most 250, each of which PagerDuty carries out as a whole or not at all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from resolute_pagerduty.account.account import Account
from resolute_pagerduty.calls.incidents import read_incident
from resolute_pagerduty.calls.paging import walk
from resolute_pagerduty.errors import BulkPartError, RefusedError
from resolute_pagerduty.http.exchange import JsonBody
from resolute_pagerduty.http.operations import LIST_INCIDENTS, UPDATE_INCIDENTS
from resolute_pagerduty.models.incidents import Incident

MOST_AT_ONCE: Final = 250
"""Incidents or alerts in one request; PagerDuty answers 413 to more."""


async def update_many(
    account: Account, ids: Sequence[str], fields: JsonBody, *, reopen: bool
) -> tuple[list[str], list[str]]:
    """Changes incidents to what `fields` say; the ids that were changed, and those that were left as they are.

    Raises:
        BulkPartError: a request was refused after earlier ones were carried out; it says which.
        RefusedError: the first request was refused: nothing was changed.
    """
    wanted = list(dict.fromkeys(ids))
    changes = await _changes(account, wanted, fields, reopen=reopen)
    done: list[str] = []

    async def send(part: Sequence[str]) -> None:
        body = {"incidents": [{"id": each, "type": "incident_reference", **changes[each]} for each in part]}
        await account.send(UPDATE_INCIDENTS, body=body)

    await in_parts(list(changes), send, "incidents", done)
    return done, [each for each in wanted if each not in changes]


async def in_parts(
    ids: Sequence[str], send: Callable[[Sequence[str]], Awaitable[None]], what: str, done: list[str]
) -> None:
    """Sends changes in parts of a size that PagerDuty accepts.

    Args:
        ids: what to change, by id.
        send: sends the changes of a part.
        what: what they are, for the message.
        done: gets the ids that were changed.

    Raises:
        BulkPartError: a request was refused after earlier ones were carried out; it says which.
        RefusedError: the first request was refused: nothing was changed.
    """
    for start in range(0, len(ids), MOST_AT_ONCE):
        part = ids[start : start + MOST_AT_ONCE]
        try:
            await send(part)
        except RefusedError as error:
            raise _told(error, what, done, part) from error
        done += part


async def _changes(account: Account, ids: Sequence[str], fields: JsonBody, *, reopen: bool) -> Mapping[str, JsonBody]:
    """What to send for each incident. A status that would reopen it, or that it already has, is left out.

    Raises:
        NotFoundError: an incident does not exist.
    """
    status = fields.get("status")
    if status is None:
        return dict.fromkeys(ids, fields)
    now = await _statuses(account, ids)
    rest = {name: value for name, value in fields.items() if name not in ("status", "resolution")}
    found: dict[str, JsonBody] = {}
    for each in ids:
        stays = now[each] == status or (now[each] == "resolved" and not reopen)
        if not stays or rest:
            found[each] = rest if stays else fields
    return found


async def _statuses(account: Account, ids: Sequence[str]) -> Mapping[str, str]:
    """The status of each incident. Listing the open ones needs fewer requests than reading each incident."""
    query = {"statuses": ["triggered", "acknowledged"], "date_range": "all"}
    found = await walk(account, LIST_INCIDENTS, "incidents", Incident, query=query)
    known = {incident.id: incident.status for incident in found.items}
    for each in ids:
        if each not in known:
            known[each] = str((await read_incident(account, each)).get("status"))
    return known


def _told(error: RefusedError, what: str, done: Sequence[str], part: Sequence[str]) -> RefusedError | BulkPartError:
    whole = f"none of these {len(part)} {what} was changed, for PagerDuty changes all of a request or none"
    if done:
        return BulkPartError(f"{error}; {whole}; the {len(done)} before them were: {', '.join(done)}")
    return type(error)(
        f"{error}; {whole}", status=error.status, code=error.code, errors=error.errors, request_id=error.request_id
    )
