"""Builds events for the Events API v2, and refuses what PagerDuty would refuse before anything is sent.

Source: https://github.com/PagerDuty/developer-docs/blob/HEAD/docs/events-API-v2/02-Trigger-Events.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from resolute.plan.values import jsonable, size_of
from resolute_pagerduty.account.account import Account
from resolute_pagerduty.errors import InvalidRequestError, MissingSettingError
from resolute_pagerduty.http.exchange import JsonBody
from resolute_pagerduty.http.operations import ENQUEUE_EVENT

LONGEST_SUMMARY: Final = 1024
"""Characters. PagerDuty refuses a longer summary, it does not shorten it."""

LARGEST_EVENT: Final = 512 * 1024
"""Bytes of a whole event."""

MOST_LINKS: Final = 50


def given(**fields: Any) -> JsonBody:
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


def summary_of(text: str, *, truncate: bool) -> str:
    """The summary as it can be sent; a longer one is shortened if the author asked for that.

    Raises:
        InvalidRequestError: it is too long.
    """
    if len(text) <= LONGEST_SUMMARY:
        return text
    if truncate:
        return text[: LONGEST_SUMMARY - 1] + "…"
    raise InvalidRequestError(
        "summary",
        f"has {len(text):,} characters, PagerDuty accepts {LONGEST_SUMMARY:,}: shorten it, or pass truncate=True",
    )


def listed(field: str, items: Sequence[Any] | None) -> list[Any] | None:
    """Links or images as JSON, without unset fields.

    Raises:
        InvalidRequestError: there are too many.
    """
    if not items:
        return None
    if len(items) > MOST_LINKS:
        raise InvalidRequestError(field, f"has {len(items)} items, PagerDuty accepts {MOST_LINKS}")
    return [item.model_dump(exclude_none=True) for item in items]


def details_of(details: Mapping[str, Any] | None) -> Any:
    """Custom details as JSON, None if there are none."""
    return jsonable(details) if details else None


def routing_key_of(account: Account, routing_key: str | None) -> str:
    """The routing key to send with.

    Raises:
        MissingSettingError: neither the author nor the settings give one.
    """
    if routing_key:
        return routing_key
    default = account.config.events_key
    if default is None:
        raise MissingSettingError(
            f"no routing key: give the node routing_key=secret(...), or set {account.prefix}ROUTING_KEY on the worker"
        )
    return default.get_secret_value()


async def send_alert(
    account: Account, action: str, routing_key: str | None, dedup_key: str, fields: JsonBody | None = None
) -> JsonBody:
    """Sends an alert event and returns the answer.

    Raises:
        InvalidRequestError: the event is larger than PagerDuty accepts.
        MissingSettingError: there is no routing key.
        PagerDutyAPIError: PagerDuty refused, or did not answer.
    """
    event = {
        "routing_key": routing_key_of(account, routing_key),
        "event_action": action,
        "dedup_key": dedup_key,
        **(fields or {}),
    }
    check_size(event)
    return await account.enqueue(ENQUEUE_EVENT, event, f"event:{dedup_key}")


def check_size(event: JsonBody) -> None:
    """Refuses an event that is larger than PagerDuty accepts.

    Raises:
        InvalidRequestError: it is; the message names the largest field.
    """
    size = size_of(event)
    if size <= LARGEST_EVENT:
        return
    fields = {**event, **event.get("payload", {})}
    heaviest = max((name for name in fields if name != "payload"), key=lambda name: size_of(fields[name]))
    raise InvalidRequestError(
        heaviest,
        f"makes the event {size:,} bytes, PagerDuty accepts {LARGEST_EVENT:,}: link to the data instead",
    )
