"""What people and other programs say to a run while it runs: decisions, events, orders.

A message is for one address. A step that waits for messages listens at its address; an event that nobody listens for
yet is kept, up to a bound. A message is taken once, however often it is sent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

from resolute.plan.errors import ResoluteError
from resolute.plan.texts import shortened
from resolute.plan.values import Json, JsonObject

MOST_KEPT: Final = 1_000
"""Events that a run keeps until a step waits for them."""

MOST_KNOWN: Final = 2_000
"""Ids of messages that a run remembers, so as to take each once."""

EVENT: Final = "event:"
"""How the addresses of events begin. Events wait until somebody listens, all else is refused where nobody does."""


class MessageRefusedError(ResoluteError):
    """A message that the run does not take; the run goes on as if it had not been sent."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """Something said to a run.

    `to` is the address, such as `gate:approve` or `event:deployed`; `word` what is asked for there. `by` says who sends
    it, `id` tells a message from another of the same content.
    """

    to: str
    word: str
    id: str
    data: Json = None
    by: str = ""

    def as_json(self) -> JsonObject:
        """As plain data, which `message_from` reads."""
        return {"to": self.to, "word": self.word, "id": self.id, "data": self.data, "by": self.by}


def message_from(data: Json) -> Message:
    """What `Message.as_json` wrote.

    Raises:
        MessageRefusedError: it is no message.
    """
    try:
        held = cast("JsonObject", data)
        to, word, known, by = (held.get(name, "") for name in ("to", "word", "id", "by"))
        if not (isinstance(to, str) and isinstance(word, str) and isinstance(known, str) and isinstance(by, str)):
            raise TypeError
        if not to or not known:
            raise TypeError
    except (TypeError, AttributeError):
        raise MessageRefusedError(
            'that is no message: a message is an object like {"to": "gate:approve", "word": "approve", "id": "..."}'
        ) from None
    return Message(to=to, word=word, id=known, data=held.get("data"), by=by)


@dataclass(frozen=True)
class Listener:
    """What listens at an address.

    `check` raises `MessageRefusedError` for a message that cannot be taken and changes nothing; `take` takes it and
    gives the answer for who sent it.
    """

    check: Callable[[Message], None]
    take: Callable[[Message], Json]


class Inbox:
    """The messages of one run."""

    def __init__(self) -> None:
        self._listeners: dict[str, Listener] = {}
        self._kept: list[Message] = []
        self._known: dict[str, Json] = {}
        self.moving = False
        """Whether the run is moving to another history: then only events are taken."""

    def listen(self, to: str, listener: Listener) -> None:
        """Opens an address."""
        self._listeners[to] = listener

    def close(self, to: str) -> None:
        """Nobody listens there any more."""
        self._listeners.pop(to, None)

    def open_at(self, prefix: str) -> list[str]:
        """The addresses that begin so, in the order in which they were opened."""
        return [to for to in self._listeners if to.startswith(prefix)]

    def pick(self, to: str, wanted: Callable[[Message], bool] = lambda _: True) -> Message | None:
        """The earliest kept event of an address that is wanted, which is kept no longer."""
        for index, message in enumerate(self._kept):
            if message.to == to and wanted(message):
                return self._kept.pop(index)
        return None

    def check(self, message: Message) -> None:
        """Refuses a message that could not be taken now.

        Raises:
            MessageRefusedError: nobody listens, the listener refuses it, or too many events wait.
        """
        if message.id in self._known:
            return
        listener = self._listeners.get(message.to)
        if self.moving and not message.to.startswith(EVENT):
            raise MessageRefusedError("the run is moving to a new history: send the message again")
        if listener is not None:
            listener.check(message)
        elif not message.to.startswith(EVENT):
            raise MessageRefusedError(self._nobody(message.to))
        elif len(self._kept) >= MOST_KEPT:
            raise MessageRefusedError(
                f"the run keeps {MOST_KEPT:,} events that no step has waited for, and takes no more: "
                "let the flow wait for them, or send fewer"
            )

    def take(self, message: Message) -> Json:
        """Takes a message, and gives the answer for who sent it; what has been taken before is answered as then.

        Raises:
            MessageRefusedError: see `check`.
        """
        if message.id in self._known:
            return self._known[message.id]
        self.check(message)
        listener = self._listeners.get(message.to)
        if listener is None:
            self._kept.append(message)
            answer: Json = {"kept": True}
        else:
            answer = listener.take(message)
        self._known[message.id] = answer
        while len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]
        return answer

    def as_json(self) -> Json:
        """As plain data, for another part of the run."""
        if not self._kept and not self._known:
            return None
        return {"kept": [message.as_json() for message in self._kept], "known": self._known}

    def restore(self, data: Json) -> None:
        """Takes up what `as_json` wrote."""
        if data is None:
            return
        held = cast("JsonObject", data)
        self._kept = [message_from(each) for each in cast("list[Json]", held["kept"])]
        self._known = dict(cast("JsonObject", held["known"]))

    def _nobody(self, to: str) -> str:
        kind, _, name = to.partition(":")
        known = [each.partition(":")[2] for each in self.open_at(f"{kind}:")]
        others = f"open now: {', '.join(known[:20])}" if known else f"no {kind} is open now"
        return shortened(f"the run has no open {kind} {name!r} ({others})", 500)
