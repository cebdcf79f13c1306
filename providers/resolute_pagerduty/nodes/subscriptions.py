"""Webhook subscriptions: what PagerDuty delivers, and where.

Source: https://github.com/PagerDuty/developer-docs/blob/HEAD/docs/webhooks/01-Overview.md
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Literal, TypeAlias

from annotated_types import MinLen
from pydantic import StringConstraints

from resolute_pagerduty.account.account import object_in
from resolute_pagerduty.account.accounts import Accounts
from resolute_pagerduty.calls.edits import Editable
from resolute_pagerduty.calls.events import given
from resolute_pagerduty.calls.files import check_folder, write_secret
from resolute_pagerduty.calls.paging import read_page
from resolute_pagerduty.calls.repeats import is_repeat, mark
from resolute_pagerduty.calls.subscriptions import find_subscriptions, subscribe, unsubscribe
from resolute_pagerduty.errors import InvalidRequestError
from resolute_pagerduty.http.operations import (
    CREATE_SUBSCRIPTION,
    DELETE_SUBSCRIPTION,
    ENABLE_SUBSCRIPTION,
    GET_SUBSCRIPTION,
    LIST_SUBSCRIPTIONS,
    PING_SUBSCRIPTION,
    UPDATE_SUBSCRIPTION,
)
from resolute_pagerduty.models.account import WebhookSubscription
from resolute_pagerduty.models.outputs import (
    AllWebhookSubscriptionsOutput,
    CreateWebhookSubscriptionOutput,
    EnableWebhookSubscriptionOutput,
    GetWebhookSubscriptionOutput,
    ListWebhookSubscriptionsOutput,
)
from resolute_pagerduty.models.parameters import Id, Offset, PageSize, Text
from resolute_pagerduty.nodes.declare import LATE, NOTHING, READS, WALK_POLICY, pagerduty_node

FilterType: TypeAlias = Literal["account", "service", "team"]
Events: TypeAlias = Annotated[Sequence[Text], MinLen(1)]
Address: TypeAlias = Annotated[str, StringConstraints(pattern=r"^https?://\S+$")]

SUBSCRIPTION: Final = Editable(name="webhook_subscription", read=GET_SUBSCRIPTION, update=UPDATE_SUBSCRIPTION)


@pagerduty_node("ListWebhookSubscriptions", LIST_SUBSCRIPTIONS, repeat=READS)
async def list_webhook_subscriptions(
    pagerduty: Accounts,
    *,
    filter_type: FilterType | None = None,
    filter_id: Id | None = None,
    limit: PageSize = 25,
    offset: Offset = 0,
    total: bool = False,
    account: str | None = None,
) -> ListWebhookSubscriptionsOutput:
    """Reads a page of the webhook subscriptions. `delivery_method.temporarily_disabled` marks disabled ones.

    Args:
        filter_type: account, service or team.
        filter_id: which service or team.
        limit: subscriptions on the page, 1 to 100.
        offset: how many to skip; limit + offset is at most 10,000.
        total: whether to count `total`.
        account: the name of one of the provider's accounts.

    Raises:
        InvalidRequestError: `service` or `team` without an id, or an id without one of them.

    Example:
        >>> node = list_webhook_subscriptions(filter_type="service", filter_id="PWIXJZS")
    """
    _check_filter(filter_type, filter_id)
    return await read_page(
        pagerduty.account(account),
        LIST_SUBSCRIPTIONS,
        "webhook_subscriptions",
        ListWebhookSubscriptionsOutput,
        limit=limit,
        offset=offset,
        total=total,
        query={"filter_type": filter_type, "filter_id": filter_id},
    )


@pagerduty_node("AllWebhookSubscriptions", LIST_SUBSCRIPTIONS, repeat=READS, policy=WALK_POLICY)
async def all_webhook_subscriptions(
    pagerduty: Accounts,
    *,
    filter_type: FilterType | None = None,
    filter_id: Id | None = None,
    account: str | None = None,
) -> AllWebhookSubscriptionsOutput:
    """Reads every webhook subscription.

    Args:
        filter_type: account, service or team.
        filter_id: which service or team.
        account: the name of one of the provider's accounts.

    Raises:
        InvalidRequestError: `service` or `team` without an id, or an id without one of them.

    Example:
        >>> node = all_webhook_subscriptions()
    """
    _check_filter(filter_type, filter_id)
    found = await find_subscriptions(pagerduty.account(account), filter_type, filter_id)
    return AllWebhookSubscriptionsOutput(webhook_subscriptions=found)


@pagerduty_node("GetWebhookSubscription", GET_SUBSCRIPTION, repeat=READS)
async def get_webhook_subscription(
    pagerduty: Accounts, *, id: Id, account: str | None = None
) -> GetWebhookSubscriptionOutput:
    """Reads a webhook subscription, without its secret, which PagerDuty shows only once.

    Args:
        id: its id.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = get_webhook_subscription(id="PF9KMXH")
    """
    found = await SUBSCRIPTION.get(pagerduty.account(account), id)
    return GetWebhookSubscriptionOutput(webhook_subscription=WebhookSubscription.model_validate(found))


@pagerduty_node(
    "CreateWebhookSubscription",
    CREATE_SUBSCRIPTION,
    LIST_SUBSCRIPTIONS,
    DELETE_SUBSCRIPTION,
    repeat="a repeat removes what an earlier attempt created, because its secret was lost with the answer",
    remains=f"a second subscription {LATE}, whose deliveries are refused because nobody has its secret",
)
async def create_webhook_subscription(
    pagerduty: Accounts,
    *,
    url: Address,
    events: Events,
    secret_file: Text,
    filter_type: FilterType = "account",
    filter_id: Id | None = None,
    description: str = "",
    account: str | None = None,
) -> CreateWebhookSubscriptionOutput:
    """Lets PagerDuty deliver events to a URL, and writes the secret that signs them to a file.

    PagerDuty shows the secret only in the answer to this request. It is written on the worker, readable only by its
    user, and never enters a history. The description ends with a short reference that a repeat looks for.

    Args:
        url: where to deliver: the worker's webhook server, with the path of `webhook(...)`.
        events: the event types, such as `incident.triggered`.
        secret_file: the file on the worker to write the secret to.
        filter_type: the events of the account, a service or a team.
        filter_id: which service or team.
        description: what it is for.
        account: the name of one of the provider's accounts.

    Raises:
        InvalidRequestError: `service` or `team` without an id, or the file's folder does not exist; nothing was sent.

    Example:
        >>> node = create_webhook_subscription(
        ...     url="https://hooks.example/pagerduty", events=["incident.triggered"], secret_file="/run/secrets/webhook"
        ... )
    """
    _check_filter(filter_type, filter_id)
    check_folder("secret_file", secret_file)
    opened = pagerduty.account(account)
    line = mark()
    if is_repeat():
        for each in await find_subscriptions(opened, filter_type, filter_id):
            if each.description.endswith(line):
                await unsubscribe(opened, each.id)
    made, secret = await subscribe(
        opened,
        url,
        events,
        filter_type=filter_type,
        filter_id=filter_id,
        description=f"{description} {line}".strip(),
    )
    write_secret(secret_file, secret.get_secret_value())
    return CreateWebhookSubscriptionOutput(webhook_subscription=made)


@pagerduty_node(
    "UpdateWebhookSubscription", UPDATE_SUBSCRIPTION, repeat="a repeated change has no further effect", remains=NOTHING
)
async def update_webhook_subscription(
    pagerduty: Accounts,
    *,
    id: Id,
    events: Events | None = None,
    active: bool | None = None,
    filter_type: FilterType | None = None,
    filter_id: Id | None = None,
    description: str | None = None,
    account: str | None = None,
) -> GetWebhookSubscriptionOutput:
    """Changes a webhook subscription; what you leave out stays as it is. Its URL cannot change: create a new one.

    Args:
        id: its id.
        events: the event types, such as `incident.triggered`; they replace all that it has.
        active: whether it delivers.
        filter_type: the events of the account, a service or a team.
        filter_id: which service or team.
        description: what it is for.
        account: the name of one of the provider's accounts.

    Raises:
        InvalidRequestError: there is nothing to change, or `service` or `team` comes without an id; nothing was sent.

    Example:
        >>> node = update_webhook_subscription(id="PF9KMXH", active=False)
    """
    _check_filter(filter_type, filter_id)
    body = given(
        description=description,
        events=list(dict.fromkeys(events)) if events else None,
        active=active,
        filter=given(type=f"{filter_type}_reference", id=filter_id) if filter_type else None,
    )
    changed = await SUBSCRIPTION.change(pagerduty.account(account), id, body)
    return GetWebhookSubscriptionOutput(webhook_subscription=WebhookSubscription.model_validate(changed))


@pagerduty_node(
    "EnableWebhookSubscription", ENABLE_SUBSCRIPTION, repeat="enabling it twice has no further effect", remains=NOTHING
)
async def enable_webhook_subscription(
    pagerduty: Accounts, *, id: Id, account: str | None = None
) -> EnableWebhookSubscriptionOutput:
    """Re-enables a subscription that PagerDuty disabled after three refused deliveries.

    Args:
        id: its id.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = enable_webhook_subscription(id="PF9KMXH")
    """
    answer = await pagerduty.account(account).send(ENABLE_SUBSCRIPTION, path={"id": id})
    found = WebhookSubscription.model_validate(object_in(answer, "webhook_subscription"))
    return EnableWebhookSubscriptionOutput(webhook_subscription=found)


@pagerduty_node(
    "PingWebhookSubscription",
    PING_SUBSCRIPTION,
    repeat="a second ping starts nothing either",
    remains="a second ping",
)
async def ping_webhook_subscription(pagerduty: Accounts, *, id: Id, account: str | None = None) -> None:
    """Lets PagerDuty deliver a ping, to check that deliveries of a subscription arrive.

    Args:
        id: its id.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = ping_webhook_subscription(id="PF9KMXH")
    """
    await pagerduty.account(account).send(PING_SUBSCRIPTION, path={"id": id})


@pagerduty_node(
    "DeleteWebhookSubscription", DELETE_SUBSCRIPTION, repeat="a missing subscription is a success", remains=NOTHING
)
async def delete_webhook_subscription(pagerduty: Accounts, *, id: Id, account: str | None = None) -> None:
    """Deletes a subscription.

    Args:
        id: its id.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = delete_webhook_subscription(id="PF9KMXH")
    """
    await unsubscribe(pagerduty.account(account), id)


def _check_filter(filter_type: FilterType | None, filter_id: str | None) -> None:
    if (filter_type in ("service", "team")) != (filter_id is not None):
        raise InvalidRequestError("filter_id", "needs filter_type='service' or 'team', and they need it")
