"""What people and other programs say to a run while it runs: decisions, events, orders.

A message is for one address. A step that waits for messages listens at its address; an event that nobody listens for
yet is kept, up to a bound. A message is taken once, however often it is sent.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

from resolute.plan.errors import ResoluteError
from resolute.plan.limits import recorded_size
from resolute.plan.texts import shortened
from resolute.plan.values import Json, JsonObject

MOST_KEPT: Final = 1_000
"""Events that a run keeps until a step waits for them."""

MOST_KNOWN: Final = 2_000
"""Ids of messages that a run remembers, so as to take each once."""

MOST_CLOSED: Final = 1_000
"""Addresses of which a run remembers why nobody listens there any more."""

EVENT: Final = "event:"
"""How the addresses of events begin. Events wait until somebody listens, all else is refused where nobody does."""


ITSELF: Final = "run:"
"""How the addresses of a run itself begin. There it listens from its beginning to its end."""

HEARS_OF_ITSELF: Final = 5
"""The first interpreter whose runs are paused, resumed and told of switches also while they move to another history.

What is still at work may wait for just that. What older ones did must come again in a replay.
"""

MOST_BYTES: Final = 1_000_000
"""Bytes of the events that a run keeps: they have to fit into what it takes over to another history."""

Order: TypeAlias = tuple[int, str]
"""Where a listener stands in the plan; the path tells the items and turns of a loop apart."""


class MessageRefusedError(ResoluteError):
    """A message that the run does not take; the run goes on as if it had not been sent.

    `why` tells programs the reason, in a word: `unknown` (nobody listens there), `decided`, `person` (not this one's to
    say), `form` (what is wrong stands in `fields`), `moving` (to another history: send it again), `full` (too many
    events wait), or empty.
    """

    def __init__(self, message: str = "", *, why: str = "", fields: tuple[tuple[str, str], ...] = ()) -> None:
        self.why = why
        self.fields = fields
        super().__init__(message)

    def facts(self) -> JsonObject:
        """What programs are told beside the text."""
        return {"why": self.why, "fields": [list(field) for field in self.fields]}


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
    gives the answer for who sent it. `wants` says whether a message that could be taken is: one that nobody wants is
    kept where it is an event.
    """

    check: Callable[[Message], None]
    take: Callable[[Message], Json]
    wants: Callable[[Message], bool] = lambda _: True


class Inbox:
    """The messages of one run. `interpreter` says which of them it takes while it moves to another history."""

    def __init__(self, interpreter: int) -> None:
        self._taken_moving = (EVENT, ITSELF) if interpreter >= HEARS_OF_ITSELF else (EVENT,)
        self._listeners: dict[str, list[tuple[Order, Listener]]] = {}
        self._kept: list[Message] = []
        self._known: dict[str, Json] = {}
        self._closed: dict[str, Json] = {}
        self._expected: dict[str, None] = {}
        self._early: list[Message] = []
        self.moving = False
        """Whether the run is moving to another history: then events are taken, and what is said to the run itself."""

    def listen(self, to: str, listener: Listener, order: Order | None = None) -> None:
        """Opens an address. Where several may listen, `order` says who is asked first; without it there is one."""
        others = [] if order is None else self._listeners.get(to, [])
        self._listeners[to] = sorted([*others, (order or (0, ""), listener)], key=lambda each: each[0])
        if not self.moving:  # else what came early goes on with the run
            self._expected.pop(to, None)
            for message in [each for each in self._early if each.to == to]:
                self._early.remove(message)
                with suppress(MessageRefusedError):  # nobody waits for the answer
                    self.take(message)

    def close(self, to: str, listener: Listener | None = None, why: str = "") -> None:
        """Nobody listens there any more, or one listener no longer does; `why` is said to who comes too late."""
        if why:
            self._closed[to] = why
            if len(self._closed) > MOST_CLOSED:
                del self._closed[next(iter(self._closed))]
        left = [each for each in self._listeners.pop(to, []) if listener is not None and each[1] is not listener]
        if left:
            self._listeners[to] = left

    def put_by(self, message: Message) -> None:
        """Keeps a message that came while the run moved until its step listens again: nobody waits for the answer.

        Raises:
            MessageRefusedError: too many messages wait.
        """
        self._check_room(message)
        self._early.append(message)

    def is_ready(self, message: Message) -> bool:
        """Whether a message can be taken or refused: not where its step is about to take up its work again.

        Where the run moves on before the step does so, the message is refused: who waits for an answer gets one.
        """
        return self.moving or message.to not in self._expected

    def open_at(self, prefix: str) -> list[str]:
        """The addresses that begin so, in the order in which they were opened."""
        return [to for to in self._listeners if to.startswith(prefix)]

    def pick(self, to: str | tuple[str, ...], wanted: Callable[[Message], bool] = lambda _: True) -> Message | None:
        """The earliest kept event of one or more addresses that is wanted, which is kept no longer."""
        addresses = (to,) if isinstance(to, str) else to
        for index, message in enumerate(self._kept):
            if message.to in addresses and wanted(message):
                return self._kept.pop(index)
        return None

    def check(self, message: Message) -> None:
        """Refuses a message that could not be taken now.

        Raises:
            MessageRefusedError: nobody listens, the listener refuses it, or too many events wait.
        """
        if message.id in self._known:
            return
        if self.moving and not message.to.startswith(self._taken_moving):
            raise MessageRefusedError("the run is moving to a new history: send the message again", why="moving")
        if not self.is_ready(message):
            self._check_room(message)
            return
        if self._taker(message) is not None:
            return
        if not message.to.startswith(EVENT):
            said = self._closed.get(message.to)
            raise MessageRefusedError(str(said or self._nobody(message.to)), why="decided" if said else "unknown")
        self._check_room(message)

    def take(self, message: Message) -> Json:
        """Takes a message, and gives the answer for who sent it; what has been taken before is answered as then.

        Raises:
            MessageRefusedError: see `check`.
        """
        if message.id in self._known:
            return self._known[message.id]
        self.check(message)
        if not self.is_ready(message):
            self._early.append(message)
            return None
        listener = self._taker(message)
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
        held: dict[str, Json] = {
            "kept": [message.as_json() for message in self._kept],
            "early": [message.as_json() for message in self._early],
            "known": self._known,
            "closed": self._closed,
            "open": [*self._expected, *(to for to in self._listeners if not to.startswith((EVENT, ITSELF)))],
        }
        return held if any(held.values()) else None

    def restore(self, data: Json) -> None:
        """Takes up what `as_json` wrote."""
        if data is None:
            return
        held = cast("JsonObject", data)
        self._kept = [message_from(each) for each in cast("list[Json]", held["kept"])]
        self._early = [message_from(each) for each in cast("list[Json]", held.get("early", []))]
        self._known = dict(cast("JsonObject", held["known"]))
        self._closed = dict(cast("JsonObject", held.get("closed", {})))
        self._expected = dict.fromkeys(cast("list[str]", held.get("open", [])))

    def _taker(self, message: Message) -> Listener | None:
        """The first listener that wants a message; None where nobody does.

        Raises:
            MessageRefusedError: everybody who listens refuses it.
        """
        refusals: list[MessageRefusedError] = []
        listeners = self._listeners.get(message.to, [])
        for _, listener in listeners:
            try:
                listener.check(message)
                if listener.wants(message):
                    return listener
            except MessageRefusedError as error:
                refusals.append(error)
        if refusals and len(refusals) == len(listeners):
            raise refusals[0]
        return None

    def _check_room(self, message: Message) -> None:
        waiting = (*self._kept, *self._early)
        if len(waiting) >= MOST_KEPT:
            most = f"{MOST_KEPT:,} events"
        elif sum(recorded_size(each.data) for each in (*waiting, message)) > MOST_BYTES:
            most = f"up to {MOST_BYTES:,} bytes of events"
        else:
            return
        raise MessageRefusedError(
            f"the run keeps {most} that no step has waited for, and takes no more: "
            "let the flow wait for them, or send fewer",
            why="full",
        )

    def _nobody(self, to: str) -> str:
        kind, _, name = to.partition(":")
        known = [each.partition(":")[2] for each in self.open_at(f"{kind}:")]
        others = f"open now: {', '.join(known[:20])}" if known else f"no {kind} is open now"
        return shortened(f"the run has no open {kind} {name!r} ({others})", 500)
