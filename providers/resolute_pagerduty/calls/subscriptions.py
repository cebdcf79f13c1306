"""Webhook subscriptions: created once, with the secret that PagerDuty shows only then.

Source: https://github.com/PagerDuty/developer-docs/blob/HEAD/docs/webhooks/01-Overview.md
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from pydantic import SecretStr

from resolute_pagerduty.account.account import Account, object_in
from resolute_pagerduty.calls.events import given
from resolute_pagerduty.calls.paging import walk
from resolute_pagerduty.errors import NotFoundError, UnreadableAnswerError
from resolute_pagerduty.http.exchange import JsonBody
from resolute_pagerduty.http.operations import CREATE_SUBSCRIPTION, DELETE_SUBSCRIPTION, LIST_SUBSCRIPTIONS
from resolute_pagerduty.models.account import WebhookSubscription

FilterType = Literal["account", "service", "team"]

_SUMMARY: Final = "webhook_subscription"


async def find_subscriptions(
    account: Account, filter_type: FilterType | None = None, filter_id: str | None = None
) -> tuple[WebhookSubscription, ...]:
    """The subscriptions of the account, a service or a team; all if none is named."""
    query = {"filter_type": filter_type, "filter_id": filter_id}
    walked = await walk(account, LIST_SUBSCRIPTIONS, "webhook_subscriptions", WebhookSubscription, query=query)
    return walked.items


async def subscribe(
    account: Account,
    url: str,
    events: Sequence[str],
    *,
    filter_type: FilterType,
    filter_id: str | None,
    description: str,
) -> tuple[WebhookSubscription, SecretStr]:
    """Creates a subscription and returns it with its secret.

    Raises:
        UnreadableAnswerError: the answer has no secret; the subscription is useless and should be deleted.
    """
    body = given(
        type=_SUMMARY,
        description=description or None,
        events=list(dict.fromkeys(events)),
        delivery_method={"type": "http_delivery_method", "url": url},
        filter=given(type=f"{filter_type}_reference", id=filter_id),
        active=True,
    )
    found = object_in(await account.send(CREATE_SUBSCRIPTION, body={_SUMMARY: body}), _SUMMARY)
    return WebhookSubscription.model_validate(found), _secret_of(found)


async def unsubscribe(account: Account, id: str) -> None:  # noqa: A002  # PagerDuty's word
    """Removes a subscription, unless it is already gone."""
    try:
        await account.send(DELETE_SUBSCRIPTION, path={"id": id})
    except NotFoundError:
        return


def _secret_of(found: JsonBody) -> SecretStr:
    match found.get("delivery_method"):
        case {"secret": str() as secret} if secret:
            return SecretStr(secret)
        case _:
            raise UnreadableAnswerError(
                f"webhook subscription {found.get('id')} was created, but the answer has no secret: delete it"
            )
