"""Integrations of services: how events reach them, and with which routing key."""

from __future__ import annotations

from resolute_pagerduty.account.account import Account, list_in, object_in
from resolute_pagerduty.http.exchange import JsonBody
from resolute_pagerduty.http.operations import CREATE_INTEGRATION, GET_INTEGRATION, GET_SERVICE

EVENTS_V2 = "events_api_v2_inbound_integration"


async def read_integrations(account: Account, service_id: str) -> list[JsonBody]:
    """The Events API v2 integrations of a service, each with its routing key as `integration_key`.

    The official documentation does not mention that field, but PagerDuty's answers have it.
    """
    answer = await account.send(GET_SERVICE, path={"id": service_id}, query={"include": ["integrations"]})
    found = list_in(object_in(answer, "service"), "integrations")
    return [
        await _whole(account, service_id, str(each["id"]))
        for each in found
        if str(each.get("type", "")).removesuffix("_reference") == EVENTS_V2
    ]


async def integrate(account: Account, service_id: str, name: str) -> tuple[JsonBody, bool]:
    """The integration with that name, and whether it is new."""
    for each in await read_integrations(account, service_id):
        if each.get("name") == name:
            return each, False
    body = {"integration": {"type": EVENTS_V2, "name": name}}
    answer = await account.send(CREATE_INTEGRATION, path={"id": service_id}, body=body)
    return object_in(answer, "integration"), True


async def _whole(account: Account, service_id: str, id: str) -> JsonBody:  # noqa: A002  # PagerDuty's word
    return object_in(await account.send(GET_INTEGRATION, path={"id": service_id, "integration_id": id}), "integration")
