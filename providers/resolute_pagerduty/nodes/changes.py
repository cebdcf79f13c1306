"""Change events: what was deployed or changed, shown beside the incidents that may come of it.

Source: https://github.com/PagerDuty/developer-docs/blob/HEAD/docs/events-API-v2/03-Change-Events.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from resolute.plan.provider import SecretText
from resolute_pagerduty.account.accounts import Accounts
from resolute_pagerduty.calls.changes import announce_once
from resolute_pagerduty.calls.events import details_of, given, listed, summary_of
from resolute_pagerduty.http.operations import ENQUEUE_CHANGE_EVENT, LIST_CHANGE_EVENTS
from resolute_pagerduty.models.events import EventImage, EventLink
from resolute_pagerduty.models.outputs import SendChangeEventOutput
from resolute_pagerduty.models.parameters import Text, Time
from resolute_pagerduty.nodes.declare import ALERT_POLICY, LATE, pagerduty_node


@pagerduty_node(
    "SendChangeEvent",
    ENQUEUE_CHANGE_EVENT,
    LIST_CHANGE_EVENTS,
    repeat="it carries a mark that a repeat looks for, where there is a REST credential to look with",
    remains=f"a second event {LATE}, or where the worker has a routing key alone and cannot look; it notifies nobody",
    policy=ALERT_POLICY,
)
async def send_change_event(
    pagerduty: Accounts,
    *,
    summary: Text,
    routing_key: SecretText | None = None,
    source: str | None = None,
    timestamp: Time | None = None,
    custom_details: Mapping[str, Any] | None = None,
    links: Sequence[EventLink] | None = None,
    images: Sequence[EventImage] | None = None,
    truncate: bool = False,
    account: str | None = None,
) -> SendChangeEventOutput:
    """Tells PagerDuty of a deploy or another change. Nobody is notified; it is shown beside later incidents.

    PagerDuty has no key for change events. So the details get a `resolute_ref`, by which a repeat finds its own work.

    Args:
        summary: what was changed, in at most 1024 characters.
        routing_key: the integration key of the service, as `secret("NAME")`; the provider's own where none is given.
        source: where it was changed.
        timestamp: when; else when PagerDuty receives it.
        custom_details: anything that helps whoever looks for the cause.
        links: at most 50 links.
        images: images by address.
        truncate: cuts a summary that is too long, which is refused otherwise.
        account: one of the provider's accounts by name.

    Raises:
        InvalidRequestError: a value that PagerDuty refuses; nothing was sent.
        MissingSettingError: there is no routing key.

    Example:
        >>> node = send_change_event(summary="Deployed checkout 1.4.2", source="ci")
    """
    payload = given(
        summary=summary_of(summary, truncate=truncate),
        source=source,
        timestamp=timestamp and timestamp.isoformat(),
        custom_details=details_of(custom_details),
    )
    fields = given(payload=payload, links=listed("links", links), images=listed("images", images))
    answer = await announce_once(pagerduty.account(account), routing_key, fields)
    return SendChangeEventOutput.model_validate(answer)
