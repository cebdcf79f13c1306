"""Changes alerts so that a repeat does no harm: only differences are sent, and alerts that have moved are found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from resolute_pagerduty.account.account import Account, object_in
from resolute_pagerduty.calls.bulk import in_parts
from resolute_pagerduty.calls.paging import walk
from resolute_pagerduty.errors import InvalidRequestError, NotFoundError
from resolute_pagerduty.http.exchange import JsonBody
from resolute_pagerduty.http.operations import GET_ALERT, LIST_ALERTS, UPDATE_ALERT, UPDATE_ALERTS
from resolute_pagerduty.models.incidents import Alert


async def change_alert(account: Account, incident_id: str, alert_id: str, fields: JsonBody) -> tuple[JsonBody, bool]:
    """Changes an alert to what `fields` say, and says whether anything was sent.

    Raises:
        NotFoundError: the alert belongs neither to the incident nor to the one it should move to.
    """
    target = _target(fields)
    where = {"id": incident_id, "alert_id": alert_id}
    try:
        found = object_in(await account.send(GET_ALERT, path=where), "alert")
    except NotFoundError:
        if target is None:
            raise
        where["id"] = target  # an earlier attempt may have moved it
        found = object_in(await account.send(GET_ALERT, path=where), "alert")
    wanted = _differing(Alert.model_validate(found), fields)
    if not wanted:
        return found, False
    body = {"alert": {"type": "alert", **wanted}}
    return object_in(await account.send(UPDATE_ALERT, path=where, body=body), "alert"), True


async def change_alerts(
    account: Account, incident_id: str, ids: Sequence[str], fields: JsonBody
) -> tuple[list[str], list[str]]:
    """Changes alerts to what `fields` say; the ids of those that were changed, and of those that needed no change.

    Raises:
        InvalidRequestError: an alert belongs neither to the incident nor to the one it should move to.
        BulkPartError: a request was refused after earlier ones were carried out; it says which.
    """
    wanted, target = list(dict.fromkeys(ids)), _target(fields)
    owners: dict[str, str] = {}
    alerts = await _alerts(account, incident_id)
    owners |= dict.fromkeys(alerts, incident_id)
    if target is not None and not owners.keys() >= set(wanted):
        moved = await _alerts(account, target)
        alerts = {**moved, **alerts}
        owners = {**dict.fromkeys(moved, target), **owners}
    strange = [each for each in wanted if each not in alerts]
    if strange:
        raise InvalidRequestError(
            "alert_ids", f"{', '.join(strange)}: not an alert of incident {incident_id}; nothing was sent"
        )
    changes = {each: found for each in wanted if (found := _differing(alerts[each], fields))}

    async def send(part: Sequence[str], owner: str) -> None:
        body = {"alerts": [{"id": each, "type": "alert", **changes[each]} for each in part]}
        await account.send(UPDATE_ALERTS, path={"id": owner}, body=body)

    done: list[str] = []
    for owner in dict.fromkeys(owners[each] for each in changes):
        here = [each for each in changes if owners[each] == owner]
        await in_parts(here, lambda part, owner=owner: send(part, owner), "alerts", done)
    return [each for each in wanted if each in changes], [each for each in wanted if each not in changes]


async def _alerts(account: Account, incident_id: str) -> Mapping[str, Alert]:
    found = await walk(account, LIST_ALERTS, "alerts", Alert, path={"id": incident_id})
    return {each.id: each for each in found.items}


def _target(fields: JsonBody) -> str | None:
    incident: Any = fields.get("incident")
    return None if incident is None else str(incident["id"])


def _differing(alert: Alert, fields: JsonBody) -> JsonBody:
    """Those of the fields that the alert does not have yet."""
    now = {"status": alert.status, "incident": alert.incident.id if alert.incident else None}
    wanted = {"status": fields.get("status"), "incident": _target(fields)}
    return {name: value for name, value in fields.items() if now[name] != wanted[name]}
