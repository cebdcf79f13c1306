"""Reads and changes incidents so that a repeat does no harm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

from resolute_pagerduty.account.account import Account, list_in, object_in
from resolute_pagerduty.calls.repeats import is_news, is_repeat
from resolute_pagerduty.errors import BadRequestError, ReopenRefusedError
from resolute_pagerduty.http.exchange import JsonBody
from resolute_pagerduty.http.operations import (
    CREATE_INCIDENT,
    GET_INCIDENT,
    LIST_INCIDENTS,
    LIST_LOG_ENTRIES,
    MERGE_INCIDENTS,
    SNOOZE_INCIDENT,
    UPDATE_INCIDENT,
)

_CONVERGING: Final = frozenset({"status", "title", "urgency", "priority"})
"""Fields that can be sent again without effect. Others notify people each time, or add a note."""

ALREADY_RESOLVED: Final = 1001
ALREADY_ACKNOWLEDGED: Final = 1002
ALREADY_MERGED: Final = 1019
ARGUMENTS_CAUSED_ERROR: Final = 2002


def reference(id: str, kind: str) -> JsonBody:  # noqa: A002  # PagerDuty's word
    """A reference as PagerDuty expects it."""
    return {"id": id, "type": f"{kind}_reference"}


async def read_incident(account: Account, id: str, include: Any = None) -> JsonBody:  # noqa: A002  # PagerDuty's word
    """An incident by id or number."""
    return object_in(await account.send(GET_INCIDENT, path={"id": id}, query={"include": include}), "incident")


async def find_by_key(account: Account, service_id: str, key: str, *, only_open: bool) -> JsonBody | None:
    """The newest incident of a service with an incident key.

    The filter also finds incidents with an alert of that key, so the answer is compared once more.
    """
    query = {
        "incident_key": key,
        "service_ids": [service_id],
        "statuses": ["triggered", "acknowledged"] if only_open else None,
        "date_range": "all",
        "sort_by": "created_at:desc",
        "limit": 100,
    }
    found = list_in(await account.send(LIST_INCIDENTS, query=query), "incidents")
    return next((incident for incident in found if incident.get("incident_key") == key), None)


async def create(
    account: Account, service_id: str, fields: JsonBody, *, key: str, again: bool
) -> tuple[JsonBody, bool]:
    """Creates an incident under its key, or finds the existing one, and says which.

    Args:
        account: the account.
        service_id: the service.
        fields: the rest of the incident.
        key: the incident key: if an open incident has it, PagerDuty refuses another.
        again: whether an earlier attempt may have created it and the key belongs to this step alone: then the incident
            counts even if it was resolved since.
    """
    if again:
        found = await find_by_key(account, service_id, key, only_open=False)
        if found is not None:
            return found, False
    body = {
        "type": "incident",
        "service": reference(service_id, "service"),
        "incident_key": key,
        **fields,
    }
    try:
        return object_in(await account.send(CREATE_INCIDENT, body={"incident": body}), "incident"), True
    except BadRequestError as error:
        if not _is_duplicate(error):
            raise
        found = await find_by_key(account, service_id, key, only_open=True)
        if found is None:
            raise
        return found, False


def _is_duplicate(error: BadRequestError) -> bool:
    told = " ".join(error.errors).lower()
    return error.code == ARGUMENTS_CAUSED_ERROR and "matching" in told and "key" in told


async def update(account: Account, id: str, fields: JsonBody, *, reopen: bool) -> tuple[JsonBody, bool]:  # noqa: A002  # as above
    """Changes an incident to what `fields` say, and says whether anything was sent.

    It reads first: PagerDuty reopens a resolved incident that is acknowledged, so a repeat that arrives late would
    page people again; and each acknowledgement restarts the service's acknowledgement timeout.

    Raises:
        ReopenRefusedError: the incident is resolved, `fields` would trigger it again, and nobody asked for that.
    """
    incident = await read_incident(account, id)
    wanted = dict(fields)
    if not status_to_send(incident, wanted.get("status"), reopen=reopen):
        wanted.pop("status", None)
        wanted.pop("resolution", None)
    wanted = {name: value for name, value in wanted.items() if name == "status" or not _holds(incident, name, value)}
    if "escalation_level" in wanted and await happened(account, str(incident["id"]), "escalate"):
        wanted.pop("escalation_level")
    if not wanted:
        return incident, False
    try:
        return await _put(account, id, wanted), True
    except BadRequestError as error:
        if error.code not in (ALREADY_RESOLVED, ALREADY_ACKNOWLEDGED):
            raise
    # Somebody was faster: it already has the status, only the rest is left.
    rest = {name: value for name, value in wanted.items() if name not in ("status", "resolution")}
    return (await _put(account, id, rest), True) if rest else (await read_incident(account, id), False)


async def happened(account: Account, id: str, what: str) -> bool:  # noqa: A002  # PagerDuty's word
    """Whether an earlier attempt of this step did something to the incident already, as far as its timeline shows."""
    entries = list_in(await account.send(LIST_LOG_ENTRIES, path={"id": id}, query={"limit": 100}), "log_entries")
    found = (str(entry.get("id")) for entry in entries if entry.get("type") == f"{what}_log_entry")
    return is_news(next(found, ""))


async def merge(account: Account, id: str, source_ids: Sequence[str]) -> JsonBody:  # noqa: A002  # PagerDuty's word
    """Merges incidents into one. Those that are already merged into it are left out.

    Raises:
        RefusedError: PagerDuty refuses to, for instance because one is merged into another incident.
    """
    left = list(source_ids)
    if is_repeat():
        left = [source for source in left if not await _is_merged(account, source, id)]
    try:
        await _merge(account, id, left)
    except BadRequestError as error:
        rest = [source for source in left if not await _is_merged(account, source, id)]
        if error.code != ALREADY_MERGED or len(rest) == len(left):
            raise
        await _merge(account, id, rest)
    return await read_incident(account, id)


async def _merge(account: Account, id: str, source_ids: Sequence[str]) -> None:  # noqa: A002  # PagerDuty's word
    if source_ids:
        body = {"source_incidents": [reference(source, "incident") for source in source_ids]}
        await account.send(MERGE_INCIDENTS, path={"id": id}, body=body)


async def _is_merged(account: Account, source: str, target: str) -> bool:
    reason: Any = (await read_incident(account, source)).get("resolve_reason")
    match reason:
        case {"incident": {"id": str() as into}}:
            return into == target
        case _:
            return False


async def snooze(account: Account, id: str, seconds: int) -> JsonBody:  # noqa: A002  # PagerDuty's word
    """Snoozes an incident once: a second time would restart the clock."""
    if await happened(account, id, "snooze"):
        return await read_incident(account, id)
    return object_in(await account.send(SNOOZE_INCIDENT, path={"id": id}, body={"duration": seconds}), "incident")


async def _put(account: Account, id: str, fields: JsonBody) -> JsonBody:  # noqa: A002  # PagerDuty's word
    body = {"incident": {"type": "incident_reference", **fields}}
    settles = not fields.keys() <= _CONVERGING
    return object_in(await account.send(UPDATE_INCIDENT, path={"id": id}, body=body, settles=settles), "incident")


def status_to_send(incident: JsonBody, wanted: str | None, *, reopen: bool) -> bool:
    """Whether the wanted status has to be sent for this incident.

    Raises:
        ReopenRefusedError: it would trigger a resolved incident again, and `reopen` is not set.
    """
    now = incident.get("status")
    if wanted is None or now == wanted:
        return False
    if now != "resolved" or reopen:
        return True
    if wanted == "acknowledged":
        return False  # the work is done; an acknowledgement now would only page people again
    raise ReopenRefusedError(
        f"incident {incident.get('id')} is resolved, and status={wanted!r} would reopen it: "
        "pass reopen=True if you mean that"
    )


def _holds(incident: JsonBody, name: str, value: Any) -> bool:
    """Whether the incident already has a value, so that sending it would only notify people again."""
    now: Any = incident.get(name)
    match value, now:
        case {"id": str() as wanted}, {"id": str() as held}:
            return wanted == held
        case list(), list():
            return _assignees(cast("list[Any]", value)) == _assignees(cast("list[Any]", now))
        case _:
            return name in ("title", "urgency") and now == value


def _assignees(assignments: list[Any]) -> set[str]:
    return {str(each["assignee"]["id"]) for each in assignments}
