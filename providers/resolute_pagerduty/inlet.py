"""An endpoint that takes events of the Events API v2 as PagerDuty does, so that a flow has its say before PagerDuty.

Source: https://github.com/PagerDuty/developer-docs/blob/HEAD/docs/events-API-v2/02-Trigger-Events.md
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, cast

from pydantic import JsonValue
from pydantic_core import from_json

from resolute import input_data
from resolute.plan.keyed import WhileRunning
from resolute.plan.provider import Verdict, accepted, refused
from resolute.plan.triggers import TriggerSpec
from resolute.plan.triggers import webhook as webhook_trigger
from resolute.plan.verification import Verification, references, secrets_given
from resolute_pagerduty.models.sent import SentEvent, key_of

SCHEME: Final = "pagerduty_events"
KEY: Final = "PAGERDUTY_INLET_ROUTING_KEY"


class RoutingKey(Verification, frozen=True):
    """An event whose routing key is one of the secrets."""

    scheme: Literal["pagerduty_events"] = SCHEME
    secrets: tuple[JsonValue, ...]


def events_api(
    path: str = "/v2/enqueue",
    *,
    routing_key: str | Sequence[str] | None = None,
    key: object = None,
    while_running: WhileRunning | None = None,
    max_bytes: int = 524_288,
) -> TriggerSpec:
    """Runs the flow for each event that a monitoring tool sends, in the format of the Events API v2.

    A tool that can send to PagerDuty needs another address and routing key, and nothing else. It gets PagerDuty's
    answer, with the `dedup_key`, as soon as Temporal has accepted the run. The flow reads the event with
    `sent_event()`, damps, enriches or groups it, and hands it on with `send_event(event=sent_event())`.

    PagerDuty gives events no name: each starts a run, also one that is sent again. PagerDuty itself tells them apart by
    their `dedup_key`, which an event has had since it came. Events of one `dedup_key` keep their order with
    `key=sent_event().dedup_key`, which is the default.

    Args:
        path: such as "/v2/enqueue", which clients add to the address by themselves.
        routing_key: the key that tools send, as `secret("NAME")`, which you make up; several while one replaces
            another, or for several tools; by default `PAGERDUTY_INLET_ROUTING_KEY`.
        key: a field of the event: at most one run for each of its values goes on at a time.
        while_running: what happens to an event while a run of its key goes on: by default it waits for its turn.
        max_bytes: larger bodies are refused, as PagerDuty refuses more than 512 KB.

    Raises:
        TypeError: a routing key is given by value instead of by name.

    Example:
        >>> events_api().trigger.text
        'POST /v2/enqueue (pagerduty_events), one per input.dedup_key, queue'
    """
    return webhook_trigger(
        path,
        verify=RoutingKey(secrets=references(tuple(secrets_given(routing_key, KEY)))),
        input=SentEvent,
        once=None,
        key=sent_event().dedup_key if key is None else key,
        while_running=while_running,
        max_bytes=max_bytes,
    )


def sent_event() -> SentEvent:
    """The event that started a flow with an `events_api(...)` trigger, for references to its fields.

    Example:
        >>> sent_event().payload.severity
        input.payload.severity
    """
    return input_data(SentEvent)


def verify(settings: Mapping[str, Any], headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> Verdict:
    """Checks an event; the code behind `RoutingKey`."""
    try:
        found: object = from_json(body)
    except ValueError:  # not JSON, or nested too deeply
        return refused("the body is not JSON", status=400)
    event = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
    given = event.get("routing_key")
    if not isinstance(given, str) or not given:
        return refused("no routing_key: not an event of the Events API v2", status=400)
    fits = [hmac.compare_digest(given.encode(), secret.encode()) for secret in secrets]
    if not any(fits):
        return refused(f"the routing_key is none of {len(secrets)} secret(s)")
    answer = {"status": "success", "message": "Event processed", "dedup_key": key_of(event) or ""}
    return accepted(body, answer=answer)
