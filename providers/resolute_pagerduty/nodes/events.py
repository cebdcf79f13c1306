"""Alerts: what a monitor sends, with a routing key as its only credential.

Source: https://github.com/PagerDuty/developer-docs/blob/HEAD/docs/events-API-v2/02-Trigger-Events.md
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from resolute.plan.errors import ConfigurationError, NodeError
from resolute.plan.provider import SecretText
from resolute_pagerduty.account.accounts import Accounts
from resolute_pagerduty.calls.events import details_of, given, listed, send_alert, summary_of
from resolute_pagerduty.calls.repeats import derived_key
from resolute_pagerduty.calls.touches import open_incidents, say_that_it_stays, touch_of
from resolute_pagerduty.http.operations import (
    ADD_NOTE,
    DELETE_NOTE,
    ENQUEUE_EVENT,
    LIST_INCIDENTS,
    LIST_LOG_ENTRIES,
    LIST_NOTES,
)
from resolute_pagerduty.models.events import (
    AcknowledgeEventOutput,
    EventImage,
    EventLink,
    EventOutput,
    ResolveEventOutput,
    ResolveUnlessTouchedOutput,
    TriggerEventOutput,
    TriggerOrReopenOutput,
)
from resolute_pagerduty.models.parameters import DedupKey, Id, Severity, Text, Time
from resolute_pagerduty.models.sent import SentEvent
from resolute_pagerduty.nodes.declare import ALERT_POLICY, pagerduty_node

_LOOK: Final = 5.0
"""Seconds that a look at what is open may hold up an alert."""


@pagerduty_node(
    "TriggerEvent",
    ENQUEUE_EVENT,
    repeat="it always has a dedup_key, which is derived from the run and step if the author gives none",
    remains="a second incident, if a lost event is processed after the repeat's alert was resolved",
    policy=ALERT_POLICY,
)
async def trigger_event(
    pagerduty: Accounts,
    *,
    summary: Text,
    source: Text,
    severity: Severity,
    routing_key: SecretText | None = None,
    dedup_key: DedupKey | None = None,
    component: str | None = None,
    group: str | None = None,
    class_: str | None = None,
    custom_details: Mapping[str, Any] | None = None,
    links: Sequence[EventLink] | None = None,
    images: Sequence[EventImage] | None = None,
    client: str | None = None,
    client_url: str | None = None,
    timestamp: Time | None = None,
    truncate: bool = False,
    account: str | None = None,
) -> TriggerEventOutput:
    """Opens an alert, or adds to the open alert with the same dedup_key; the service's on-call person is notified.

    PagerDuty accepts the event and processes it later: there may be no incident yet when this returns. Failed attempts
    are retried for twelve hours, because an alert that is given up is an incident that nobody knows about.

    Args:
        summary: what is wrong, in at most 1024 characters.
        source: what it is about: a host, a service, a job.
        severity: critical, error, warning or info.
        routing_key: the integration key of the service, as `secret("NAME")`; the provider's own by default.
        dedup_key: what all events of this alert share, at most 255 characters; by default, a key for this step alone.
        component: the component that is at fault.
        group: what the component belongs to.
        class_: the kind of problem.
        custom_details: anything that helps the person on call.
        links: up to 50 links.
        images: images, by URL.
        client: the name of the monitor.
        client_url: where the monitor shows the problem.
        timestamp: when it happened; by default, when PagerDuty receives it.
        truncate: shortens a summary that is too long, instead of refusing it.
        account: the name of one of the provider's accounts.

    Raises:
        InvalidRequestError: a value that PagerDuty refuses; nothing was sent.
        MissingSettingError: there is no routing key.

    Example:
        >>> from resolute import secret
        >>> key = secret("PAGERDUTY_ROUTING_KEY")
        >>> node = trigger_event(routing_key=key, summary="Pool exhausted", source="db", severity="critical")
    """
    payload = given(
        summary=summary_of(summary, truncate=truncate),
        source=source,
        severity=severity,
        timestamp=timestamp and timestamp.isoformat(),
        component=component,
        group=group,
        custom_details=details_of(custom_details),
        **{"class": class_},
    )
    fields = given(
        payload=payload,
        links=listed("links", links),
        images=listed("images", images),
        client=client,
        client_url=client_url,
    )
    key = dedup_key or derived_key()
    answer = await send_alert(pagerduty.account(account), "trigger", routing_key, key, fields)
    return TriggerEventOutput.model_validate({"dedup_key": key, **answer})


@pagerduty_node(
    "TriggerOrReopen",
    ENQUEUE_EVENT,
    LIST_INCIDENTS,
    repeat="as TriggerEvent: the event keeps its dedup_key",
    remains="a repeat takes the incident that a lost event opened for one that was open before",
    policy=ALERT_POLICY,
)
async def trigger_or_reopen(
    pagerduty: Accounts,
    *,
    summary: Text,
    source: Text,
    severity: Severity,
    dedup_key: DedupKey,
    routing_key: SecretText | None = None,
    custom_details: Mapping[str, Any] | None = None,
    service_id: Id | None = None,
    truncate: bool = False,
    account: str | None = None,
) -> TriggerOrReopenOutput:
    """Opens an alert, or adds to the open one with the same dedup_key, and says whether one was open.

    What a person, or PagerDuty's own timeout, has resolved is opened anew, and the on-call person is notified again.
    The event is sent in any case: if the look at the incidents fails, or takes longer than five seconds, nobody knows
    whether one was open, and that is all.

    Args:
        summary: what is wrong, in at most 1024 characters.
        source: what it is about: a host, a service, a job.
        severity: critical, error, warning or info.
        dedup_key: what all events of this alert share, at most 255 characters.
        routing_key: the integration key of the service, as `secret("NAME")`; the provider's own by default.
        custom_details: anything that helps the person on call.
        service_id: the service; without it, every open incident with this key counts.
        truncate: shortens a summary that is too long, instead of refusing it.
        account: the name of one of the provider's accounts.

    Raises:
        InvalidRequestError: a value that PagerDuty refuses; nothing was sent.
        MissingSettingError: there is no routing key.

    Example:
        >>> node = trigger_or_reopen(summary="Slow", source="db", severity="critical", dedup_key="db-slow")
    """
    chosen = pagerduty.account(account)
    payload = given(
        summary=summary_of(summary, truncate=truncate),
        source=source,
        severity=severity,
        custom_details=details_of(custom_details),
    )
    already_open: bool | None = None
    with suppress(NodeError, ConfigurationError, TimeoutError):
        async with asyncio.timeout(_LOOK):
            already_open = bool(await open_incidents(chosen, dedup_key, service_id))
    answer = await send_alert(chosen, "trigger", routing_key, dedup_key, {"payload": payload})
    return TriggerOrReopenOutput.model_validate({"dedup_key": dedup_key, **answer, "already_open": already_open})


@pagerduty_node(
    "AcknowledgeEvent",
    ENQUEUE_EVENT,
    repeat="PagerDuty ignores it if no alert with the key is open",
    remains="a lost event may reach an alert that was opened later under the same key",
    policy=ALERT_POLICY,
)
async def acknowledge_event(
    pagerduty: Accounts,
    *,
    dedup_key: DedupKey,
    routing_key: SecretText | None = None,
    account: str | None = None,
) -> AcknowledgeEventOutput:
    """Acknowledges the incident of the open alert with this dedup_key and routing key.

    If none is open, PagerDuty ignores the event but gives the same answer.

    Args:
        dedup_key: the key that the alert was triggered with.
        routing_key: the integration key that it was triggered with; the provider's own by default.
        account: the name of one of the provider's accounts.

    Raises:
        MissingSettingError: there is no routing key.

    Example:
        >>> node = acknowledge_event(dedup_key="db-pool-exhausted")
    """
    answer = await send_alert(pagerduty.account(account), "acknowledge", routing_key, dedup_key)
    return AcknowledgeEventOutput.model_validate(answer)


@pagerduty_node(
    "ResolveEvent",
    ENQUEUE_EVENT,
    repeat="PagerDuty ignores it if no alert with the key is open",
    remains="a lost event may reach an alert that was opened later under the same key",
    policy=ALERT_POLICY,
)
async def resolve_event(
    pagerduty: Accounts,
    *,
    dedup_key: DedupKey,
    routing_key: SecretText | None = None,
    account: str | None = None,
) -> ResolveEventOutput:
    """Resolves the open alert with this dedup_key and routing key, and its incident if it was the last alert.

    If none is open, PagerDuty ignores the event but gives the same answer.

    Args:
        dedup_key: the key that the alert was triggered with.
        routing_key: the integration key that it was triggered with; the provider's own by default.
        account: the name of one of the provider's accounts.

    Raises:
        MissingSettingError: there is no routing key.

    Example:
        >>> node = resolve_event(dedup_key="db-pool-exhausted")
    """
    answer = await send_alert(pagerduty.account(account), "resolve", routing_key, dedup_key)
    return ResolveEventOutput.model_validate(answer)


@pagerduty_node(
    "SendEvent",
    ENQUEUE_EVENT,
    repeat="the event keeps its dedup_key",
    remains="a second incident, if a lost event is processed after the repeat's alert was resolved",
    policy=ALERT_POLICY,
)
async def send_event(
    pagerduty: Accounts,
    *,
    event: SentEvent,
    routing_key: SecretText | None = None,
    account: str | None = None,
) -> EventOutput:
    """Hands on an event that a monitoring tool has sent to the worker (see `events_api`), as it came.

    Args:
        event: the event: `sent_event()`.
        routing_key: the integration key of the service that it is for; the provider's own by default.
        account: the name of one of the provider's accounts.

    Raises:
        InvalidRequestError: it is larger than PagerDuty accepts; nothing was sent.
        MissingSettingError: there is no routing key.

    Example:
        >>> from resolute_pagerduty.inlet import sent_event
        >>> node = send_event(event=sent_event())
    """
    apart = {"event_action", "dedup_key", "links", "images", *(() if event.payload.summary else ("payload",))}
    fields = event.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=apart)
    attached = given(links=listed("links", event.links), images=listed("images", event.images))
    answer = await send_alert(
        pagerduty.account(account), event.event_action, routing_key, event.dedup_key, {**fields, **attached}
    )
    return EventOutput.model_validate(answer)


@pagerduty_node(
    "ResolveUnlessTouched",
    ENQUEUE_EVENT,
    LIST_INCIDENTS,
    LIST_LOG_ENTRIES,
    LIST_NOTES,
    ADD_NOTE,
    DELETE_NOTE,
    repeat="it looks first, as the first time; the note is made once for the incident",
    remains="what a person does between the look and the resolve is not seen",
    policy=ALERT_POLICY,
)
async def resolve_unless_touched(
    pagerduty: Accounts,
    *,
    dedup_key: DedupKey,
    routing_key: SecretText | None = None,
    service_id: Id | None = None,
    account: str | None = None,
) -> ResolveUnlessTouchedOutput:
    """Resolves the open alert with this dedup_key, unless a person has taken its incident over.

    Who has acknowledged, reassigned, snoozed, escalated or merged an incident, or has written a note on it, is at work
    on it. Then it stays open, and a note says so, once. The notes of flows do not count; what a flow does by the REST
    API in the name of a person does.

    Args:
        dedup_key: the key that the alert was triggered with.
        routing_key: the integration key that it was triggered with; the provider's own by default.
        service_id: the service; without it, every open incident with this key is looked at.
        account: the name of one of the provider's accounts.

    Raises:
        MissingSettingError: there is no routing key, or no API key to look with.

    Example:
        >>> node = resolve_unless_touched(dedup_key="db-pool-exhausted")
    """
    chosen = pagerduty.account(account)
    touch = await touch_of(chosen, dedup_key, service_id)
    if touch is None:
        await send_alert(chosen, "resolve", routing_key, dedup_key)
        return ResolveUnlessTouchedOutput(kept_open=False)
    await say_that_it_stays(chosen, touch, dedup_key)
    return ResolveUnlessTouchedOutput(
        kept_open=True, incident_id=touch.incident_id, touched_by=touch.who, touched_how=touch.what
    )
