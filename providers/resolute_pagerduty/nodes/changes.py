"""Change events: what was deployed or changed, shown next to the incidents that it may cause.

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
    repeat="it carries a reference that a repeat looks for, if there is a REST credential to look with",
    remains=f"a second event {LATE}, or if the worker has only a routing key and cannot look; it notifies nobody",
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
    """Reports a deployment or another change. Nobody is notified; PagerDuty shows it next to later incidents.

    PagerDuty has no deduplication key for change events, so the details get a `resolute_ref` that a repeat looks for.

    Args:
        summary: what changed, in at most 1024 characters.
        routing_key: the integration key of the service, as `secret("NAME")`; the provider's own by default.
        source: where it changed.
        timestamp: when it changed; by default, when PagerDuty receives it.
        custom_details: anything that helps to find a cause later.
        links: up to 50 links.
        images: images, by URL.
        truncate: shortens a summary that is too long, instead of refusing it.
        account: the name of one of the provider's accounts.

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
