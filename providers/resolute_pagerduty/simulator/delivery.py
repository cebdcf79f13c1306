"""The delivery of webhooks: signed, in order, retried, and stopped where nobody accepts them."""

import asyncio
import hashlib
import hmac
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

import httpx

from .resources import Subscription
from .state import Account, Emission
from .values import Json
from .webhooks import wants

GIVE_UP_AFTER = timedelta(hours=48)
DISABLED_FOR = timedelta(hours=24)
MOST_DROPS = 3


def signature(body: bytes, secrets: list[str]) -> str:
    """Return the value of X-PagerDuty-Signature: one `v1=` for each secret.

    Example:
        >>> signature(b"{}", ["secret"])[:11]
        'v1=a7de8f9b'
    """
    return ",".join("v1=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest() for key in secrets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How deliveries are tried, where PagerDuty says it, as PagerDuty does.

    Attributes:
        timeout: Real seconds within which a receiver has to answer.
        spacing: Seconds on the simulator's clock before each further attempt; the last one repeats. PagerDuty does
            not publish its own.
        copies: How often each webhook is delivered; more than 1 plays the duplicates that happen in real life.
    """

    timeout: float = 5.0
    spacing: tuple[float, ...] = (1, 5, 15, 60, 300, 900, 3600)
    copies: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try of a delivery: the status that came back, or what went wrong."""

    at: datetime
    status: int | None = None
    error: str | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Delivery:
    """One webhook on its way to one subscription.

    Attributes:
        id: The value of X-Webhook-Id, the same in every attempt.
        body: The bytes that are signed and sent.
    """

    id: str
    subscription_id: str
    event: Json
    body: bytes
    order_key: str
    created_at: datetime
    due: datetime
    state: Literal["pending", "delivered", "dropped"] = "pending"
    attempts: list[Attempt] = field(default_factory=list[Attempt])

    @property
    def queue(self) -> tuple[str, str]:
        """What it is kept in order by: its subscription and what it is about."""
        return self.subscription_id, self.order_key

    @property
    def event_type(self) -> str:
        """The type of the event that it carries."""
        return self.event["event_type"]


class Deliverer:
    """Turns events into deliveries and carries them out.

    Attributes:
        deliveries: All deliveries since the start, oldest first.
        pace: Timeouts and spacing.
    """

    def __init__(self, account: Account, pace: Pace) -> None:
        self._account = account
        self.pace = pace
        self.deliveries: list[Delivery] = []
        self._queues: dict[tuple[str, str], list[Delivery]] = {}
        self._busy: set[tuple[str, str]] = set()
        self.on_work: Callable[[], None] = lambda: None

    def publish(self, emission: Emission) -> None:
        """Queue an event for every subscription that asks for it."""
        now = self._account.now()
        for subscription in list(self._account.state.subscriptions.values()):
            meant = subscription.id == emission.only_to if emission.only_to else wants(subscription, emission)
            if meant and not self._disabled(subscription, now):
                self._queue(subscription, emission, now)

    def _disabled(self, subscription: Subscription, now: datetime) -> bool:
        return subscription.disabled_until is not None and now < subscription.disabled_until

    def _queue(self, subscription: Subscription, emission: Emission, now: datetime) -> None:
        delivery = Delivery(
            id=self._account.ids.uuid("webhook"),
            subscription_id=subscription.id,
            event=emission.event,
            body=json.dumps({"event": emission.event}, separators=(",", ":"), ensure_ascii=False).encode(),
            order_key=emission.order_key,
            created_at=now,
            due=now,
        )
        self.deliveries.append(delivery)
        self._queues.setdefault(delivery.queue, []).extend([delivery] * self.pace.copies)
        self.on_work()

    def redeliver(self, delivery: Delivery) -> None:
        """Send a delivery once more, with the same X-Webhook-Id."""
        delivery.state, delivery.due = "pending", self._account.now()
        self._queues.setdefault(delivery.queue, []).append(delivery)
        self.on_work()

    def next_due(self) -> datetime | None:
        """Return when the next attempt is due; None if nothing waits that is not under way."""
        with self._account.changed:
            return min((queue[0].due for key, queue in self._queues.items() if key not in self._busy), default=None)

    def clear(self) -> None:
        """Forget all deliveries."""
        self.deliveries.clear()
        self._queues.clear()

    @property
    def idle(self) -> bool:
        """Whether every delivery has arrived or has been dropped."""
        return not self._queues

    def ready(self) -> list[Delivery]:
        """Return the deliveries whose turn it is, at most one of each queue, and mark those as under way."""
        with self._account.changed:
            now = self._account.clock.now()
            ready = [queue[0] for key, queue in self._queues.items() if key not in self._busy and queue[0].due <= now]
            self._busy.update(delivery.queue for delivery in ready)
            return ready

    async def attempt(self, client: httpx.AsyncClient, delivery: Delivery) -> None:
        """Carry out one attempt of a delivery whose turn it is."""
        subscription = self._account.state.subscriptions.get(delivery.subscription_id)
        outcome = await self._send(client, delivery, subscription) if subscription else None
        with self._account.changed:
            self._busy.discard(delivery.queue)
            if subscription is None or outcome is None:
                delivery.state = "dropped"
            else:
                self._judge(delivery, subscription, outcome)
            if delivery.state != "pending":
                self._leave(delivery)
            self._account.changed.notify_all()

    def _leave(self, delivery: Delivery) -> None:
        queue = self._queues.get(delivery.queue, [])
        if delivery in queue:
            queue.remove(delivery)
            if not queue:
                del self._queues[delivery.queue]

    async def _send(self, client: httpx.AsyncClient, delivery: Delivery, subscription: Subscription) -> Attempt:
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": "PagerDuty-Webhook/V3.0",
            "X-Webhook-Id": delivery.id,
            "X-Webhook-Subscription": subscription.id,
            "X-PagerDuty-Signature": signature(delivery.body, subscription.secrets),
            **{each["name"]: each["value"] for each in subscription.headers},
        }
        now = self._account.clock.now()
        try:
            async with asyncio.timeout(self.pace.timeout):
                answer = await client.post(subscription.url, content=delivery.body, headers=headers)
            return Attempt(at=now, status=answer.status_code)
        except TimeoutError:
            return Attempt(at=now, error=f"no answer within {self.pace.timeout:g} seconds")
        except httpx.HTTPError as error:
            refused = "TLS: " if isinstance(error.__cause__, ssl.SSLCertVerificationError) else ""
            return Attempt(at=now, error=f"{refused}{type(error).__name__}: {error}")

    def _judge(self, delivery: Delivery, subscription: Subscription, attempt: Attempt) -> None:
        delivery.attempts.append(attempt)
        now = self._account.clock.now()
        if attempt.status is not None and 200 <= attempt.status < 300:
            delivery.state, subscription.drops = "delivered", 0
            return
        broken = attempt.status is not None and attempt.status != 429 and attempt.status < 500
        if broken or (attempt.error or "").startswith("TLS") or now - delivery.created_at >= GIVE_UP_AFTER:
            self._drop(delivery, subscription, now)
            return
        tries = len(delivery.attempts) - 1
        delivery.due = now + timedelta(seconds=self.pace.spacing[min(tries, len(self.pace.spacing) - 1)])

    def _drop(self, delivery: Delivery, subscription: Subscription, now: datetime) -> None:
        delivery.state = "dropped"
        subscription.drops += 1
        if subscription.drops < MOST_DROPS:
            return
        subscription.disabled_until, subscription.drops = now + DISABLED_FOR, 0
        for key in [key for key in self._queues if key[0] == subscription.id]:
            for waiting in self._queues.pop(key):
                if waiting.state == "pending":
                    waiting.state = "dropped"
