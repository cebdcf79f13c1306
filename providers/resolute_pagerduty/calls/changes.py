"""Sends a change event once, and lists change events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from resolute.plan.attempts import step_digest
from resolute_pagerduty.account.account import Account
from resolute_pagerduty.account.credentials import NoCredential
from resolute_pagerduty.calls.events import check_size, routing_key_of
from resolute_pagerduty.calls.paging import walk
from resolute_pagerduty.calls.repeats import is_repeat
from resolute_pagerduty.errors import ForbiddenError, MissingAbilityError, UnauthorizedError
from resolute_pagerduty.http.exchange import JsonBody
from resolute_pagerduty.http.operations import ENQUEUE_CHANGE_EVENT, LIST_CHANGE_EVENTS
from resolute_pagerduty.models.base import Model

REF: Final = "resolute_ref"


class _Change(Model):
    custom_details: Any = None

    @property
    def ref(self) -> str | None:
        match self.custom_details:
            case {"resolute_ref": str() as ref}:
                return ref
            case _:
                return None


def changes_query(
    since: datetime | None,
    until: datetime | None,
    team_ids: Sequence[str] | None,
    integration_ids: Sequence[str] | None,
) -> JsonBody:
    """Filters of a list of change events, for which PagerDuty accepts only times in UTC."""
    return {
        "since": since and _utc(since),
        "until": until and _utc(until),
        "team_ids": team_ids,
        "integration_ids": integration_ids,
    }


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def announce_once(account: Account, routing_key: str | None, fields: JsonBody) -> JsonBody:
    """Sends a change event with a reference in its details, unless an earlier attempt's exists.

    Raises:
        InvalidRequestError: the event is larger than PagerDuty accepts.
        MissingSettingError: there is no routing key.
    """
    ref = step_digest(16)
    payload = fields["payload"]
    details = {**payload.get("custom_details", {}), REF: ref}
    event = {
        "routing_key": routing_key_of(account, routing_key),
        **fields,
        "payload": {**payload, "custom_details": details},
    }
    check_size(event)
    if await _is_there(account, ref):
        return {"status": "success", "message": "Change event was processed already"}
    return await account.enqueue(ENQUEUE_CHANGE_EVENT, event, f"change:{ref}")


async def _is_there(account: Account, ref: str) -> bool:
    if not is_repeat() or isinstance(account.credential, NoCredential):
        return False
    try:
        found = await walk(account, LIST_CHANGE_EVENTS, "change_events", _Change, limit=300)
    except (ForbiddenError, MissingAbilityError, UnauthorizedError):
        return False  # the routing key is enough to send; sent twice, it is shown twice and notifies nobody
    return any(each.ref == ref for each in found.items)
