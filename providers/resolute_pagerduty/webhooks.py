"""Webhooks V3: checks that a delivery comes from PagerDuty, and whether it starts a flow.

Source: https://github.com/PagerDuty/developer-docs/blob/HEAD/docs/webhooks/01-Overview.md
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, Literal, TypeVar, cast, get_args, overload

from pydantic import BaseModel, JsonValue
from pydantic_core import from_json

from resolute import Event, by_field, input_data, one_of
from resolute.plan.keyed import WhileRunning
from resolute.plan.provider import Verdict, accepted, ignored, refused
from resolute.plan.triggers import TriggerSpec
from resolute.plan.triggers import webhook as webhook_trigger
from resolute.plan.verification import Verification, references, secrets_given
from resolute_pagerduty.models.webhooks import EventType, delivery_of

SCHEME: Final = "pagerduty"
SECRET: Final = "PAGERDUTY_WEBHOOK_SECRET"  # noqa: S105  # the name of a variable
SIGNATURE_HEADER: Final = "x-pagerduty-signature"
EVENT_TYPES: Final[tuple[str, ...]] = get_args(EventType)
"""The event types of the official list. PagerDuty may add others; they can be used by name."""

PING: Final = "pagey.ping"

E = TypeVar("E", bound=BaseModel)


class PagerDutySignature(Verification, frozen=True):
    """A delivery signed by PagerDuty with one of the secrets, of one of the event types; of any if none is named."""

    signs_body: ClassVar[bool] = True

    scheme: Literal["pagerduty"] = SCHEME
    secrets: tuple[JsonValue, ...]
    events: tuple[str, ...] = ()


def webhook(
    path: str,
    *,
    secret: str | Sequence[str] | None = None,
    events: Sequence[EventType] = (),
    key: object = None,
    while_running: WhileRunning | None = None,
    starts: Sequence[EventType] = (),
    max_bytes: int = 262_144,
) -> TriggerSpec:
    """Runs the flow for events from PagerDuty, once for each event, however often it is delivered.

    The flow reads the event with `event(...)`. Pings and other events are answered with 2xx and start nothing: after
    three refused deliveries, PagerDuty disables a receiver for a day.

    Args:
        path: such as "/pagerduty/webhook"; the subscription's address ends with it.
        secret: the secret from the creation of the subscription, as `secret("NAME")`; several while one replaces
            another; by default `PAGERDUTY_WEBHOOK_SECRET`.
        events: the event types that start a run; by default every one.
        key: a field of the event, such as `event(IncidentEvent).data.id`: at most one run for each of its values goes
            on at a time.
        while_running: what happens to an event while a run of its key goes on; see `resolute.webhook`. With `"tell"`
            the run is told of it, for `wait_for(event(IncidentEvent, "incident.acknowledged"))`.
        starts: with `"tell"`, those of the event types that start a run; the others are only told to one.
        max_bytes: larger bodies are refused. PagerDuty itself sends nothing larger than 256 KB.

    Raises:
        TypeError: a secret is given by value instead of by name.

    Example:
        >>> webhook("/pagerduty/webhook", events=["incident.triggered"]).trigger.text
        'POST /pagerduty/webhook (pagerduty)'
    """
    return webhook_trigger(
        path,
        verify=PagerDutySignature(secrets=references(tuple(secrets_given(secret, SECRET))), events=tuple(events)),
        input=delivery_of(events),
        once=by_field(input_data("event.id")),  # signed, which X-Webhook-Id is not
        key=key,
        while_running=while_running,
        event=input_data("event.event_type") if while_running == "tell" else None,
        event_data=input_data("event") if while_running == "tell" else None,
        starts=one_of(input_data("event.event_type"), list(starts)) if starts else None,
        max_bytes=max_bytes,
    )


@overload
def event(of: type[E], /) -> E: ...
@overload
def event(of: type[E], kind: EventType, /, *kinds: EventType) -> Event[E]: ...
def event(of: type[E], /, *kinds: str) -> E | Event[E]:
    """The event that started a flow with a `webhook(...)` trigger, typed as its kind of event.

    With event types it is what `wait_for` waits for: an event of one of those types that the run is told of.

    Example:
        >>> from resolute_pagerduty import IncidentEvent
        >>> event(IncidentEvent).data.title
        input.event.data.title
        >>> event(IncidentEvent, "incident.acknowledged").names
        ('incident.acknowledged',)
    """
    return Event(kinds, of) if kinds else cast("E", input_data("event"))


def sign(body: bytes, secret: str) -> str:
    """The signature of a body, as PagerDuty sends it: `v1=` and the hexadecimal HMAC-SHA256 of the raw bytes."""
    return "v1=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def is_signed(body: bytes, header: str, secrets: Sequence[str]) -> bool:
    """Whether one of the header's signatures was made with one of the secrets.

    While a secret is being replaced, PagerDuty sends a signature for each. Versions other than `v1` are unknown.
    """
    wanted = [sign(body, secret) for secret in secrets]
    given = [part.strip() for part in header.split(",")]
    # Every pair is compared, each in constant time: the duration reveals nothing about a secret.
    results = [hmac.compare_digest(one.encode(), other.encode()) for one in given for other in wanted]
    return any(results)


def verify(settings: Mapping[str, Any], headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> Verdict:
    """Checks a delivery; the code behind `PagerDutySignature`.

    Source: https://github.com/PagerDuty/developer-docs/blob/HEAD/docs/webhooks/04-Signatures.md
    """
    header = headers.get(SIGNATURE_HEADER)
    if not header:
        return refused(f"no {SIGNATURE_HEADER}: not sent by PagerDuty, or changed on the way", status=400)
    if not is_signed(body, header, secrets):
        return refused(f"{SIGNATURE_HEADER} fits none of {len(secrets)} secret(s): is it the subscription's secret?")
    kind = _event_type(body)
    if kind is None:
        return refused("signed, but not an event of Webhooks V3: is it a V3 subscription?", status=400)
    if kind == PING:
        return ignored("a ping")
    wanted = settings.get("events") or ()
    if wanted and kind not in wanted:
        return ignored(f"{kind} is not among the trigger's events")
    return accepted(body)


def _event_type(body: bytes) -> str | None:
    try:
        found: object = from_json(body)
    except ValueError:  # not JSON, or nested too deeply
        return None
    event = cast("dict[str, Any]", found).get("event") if isinstance(found, dict) else None
    kind = cast("dict[str, Any]", event).get("event_type") if isinstance(event, dict) else None
    return kind if isinstance(kind, str) else None
