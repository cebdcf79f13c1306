"""What a run is told while it runs: taken once, kept up to a bound, refused with a reason."""

import pytest

from resolute.plan.plan import INTERPRETER
from resolute.running.messages import MOST_KEPT, Inbox, Listener, Message, MessageRefusedError, message_from


def said(to: str, known: str, word: str = "go") -> Message:
    """A message."""
    return Message(to=to, word=word, id=known)


def refuse(message: Message) -> None:
    """Refuses the word `no`."""
    if message.word == "no":
        raise MessageRefusedError("not that")


def test_a_message_is_taken_once() -> None:
    """A second copy gets the answer of the first and changes nothing."""
    inbox, taken = Inbox(INTERPRETER), list[Message]()

    def take(message: Message) -> int:
        taken.append(message)
        return len(taken)

    inbox.listen("gate:a", Listener(refuse, take))

    assert [1, 1, 2] == [inbox.take(said("gate:a", known)) for known in ("x", "x", "y")]


def test_what_nobody_listens_for() -> None:
    """An event is kept until somebody picks it; all else is refused, with what is open."""
    inbox = Inbox(INTERPRETER)
    inbox.listen("gate:open", Listener(refuse, lambda _: None))
    inbox.take(said("event:deployed", "1"))

    with pytest.raises(MessageRefusedError, match=r"no open gate 'shut' \(open now: open\)"):
        inbox.check(said("gate:shut", "2"))
    with pytest.raises(MessageRefusedError, match="not that"):
        inbox.take(said("gate:open", "3", "no"))
    assert said("event:deployed", "1") == inbox.pick("event:deployed")
    assert inbox.pick("event:deployed") is None


def test_the_bound_of_kept_events() -> None:
    """A run that nobody listens in keeps so many events, and says that it takes no more."""
    inbox = Inbox(INTERPRETER)
    for number in range(MOST_KEPT):
        inbox.take(said("event:e", str(number)))

    with pytest.raises(MessageRefusedError, match="1,000 events that no step has waited for"):
        inbox.take(said("event:e", "one more"))


def test_messages_survive_a_new_history() -> None:
    """Kept events and known ids are carried on."""
    before, after = Inbox(INTERPRETER), Inbox(INTERPRETER)
    before.take(said("event:e", "1"))
    after.restore(before.as_json())

    assert {"kept": True} == after.take(said("event:e", "1"))
    assert said("event:e", "1") == after.pick("event:e")
    assert after.pick("event:e") is None


@pytest.mark.parametrize("data", [None, "x", {}, {"to": 1}, {"to": "", "word": "", "id": ""}, {"to": "a", "word": "b"}])
def test_what_is_no_message(data: object) -> None:
    """Anything else that is sent is refused, and never an error of ours."""
    with pytest.raises(MessageRefusedError, match="that is no message"):
        message_from(data)  # type: ignore[arg-type]  # what no sender should send


def test_a_message_that_comes_early_survives_histories() -> None:
    """A message for a step that has not taken up its work yet waits for it, through as many histories as that takes."""
    first, taken = Inbox(INTERPRETER), list[Message]()
    first.listen("gate:open", Listener(refuse, lambda _: None))
    second = _continued(first)
    second.take(said("gate:open", "1"))
    second.moving = True
    third = _continued(second)
    third.listen("gate:open", Listener(refuse, taken.append))

    assert [said("gate:open", "1")] == taken


def test_a_message_while_a_run_moves() -> None:
    """Who waits for an answer is told to ask again, and does not wait for ever; what is only signalled goes along."""
    first, taken = Inbox(INTERPRETER), list[Message]()
    first.listen("gate:open", Listener(refuse, lambda _: None))
    second = _continued(first)

    assert not second.is_ready(said("gate:open", "1"))
    second.moving = True
    assert second.is_ready(said("gate:open", "1"))
    with pytest.raises(MessageRefusedError, match="send the message again"):
        second.take(said("gate:open", "1"))
    second.put_by(said("gate:open", "2"))
    _continued(second).listen("gate:open", Listener(refuse, taken.append))
    assert [said("gate:open", "2")] == taken


def _continued(inbox: Inbox) -> Inbox:
    after = Inbox(INTERPRETER)
    after.restore(inbox.as_json())
    return after
