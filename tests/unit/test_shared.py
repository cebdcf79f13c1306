"""The books of what runs share: bounded, the same after a continuation, and right however often they are asked."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolute.plan.allowance import Allowance
from resolute.plan.errors import EvaluationError
from resolute.plan.values import Json
from resolute.running.shared.asking import SharingRefusedError, name_of
from resolute.running.shared.memories import REMEMBER, MemoryBook
from resolute.running.shared.reached import CALM, MOST_REACHED
from resolute.running.shared.shared import MOST_KNOWN, Shared

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = 3600.0


def take(shared: Shared, asked: str, at: float, *, at_most: int = 2, size: int = 1) -> Allowance:
    """Asks a budget per hour, so many seconds after noon; of size 0, only looks."""
    data: Json = {"at_most": at_most, "per": HOUR, "take": max(size, 1)}
    word = "take" if size else "look"
    return Allowance.model_validate(shared.answer(asked, word, data, NOON + timedelta(seconds=at)))


def continued(shared: Shared, name: str) -> Shared:
    """The same in another history."""
    other = Shared(name)
    other.restore(json.loads(json.dumps(shared.as_json())))
    return other


@given(
    st.integers(1, 4),
    st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 3), st.booleans()), max_size=40),
)
def test_never_more_than_it_has(at_most: int, asked: list[tuple[int, int, bool]]) -> None:
    """In no hour, wherever it begins, more is granted than the budget has; what is refused would have been too much."""
    shared, now, grants = Shared("budget/pages"), 0, list[tuple[int, int]]()
    for number, (pause, size, moves) in enumerate(asked):
        now, size = now + pause, min(size, at_most)
        shared = continued(shared, "budget/pages") if moves else shared
        answer = take(shared, str(number), now, at_most=at_most, size=size)
        used = sum(taken for at, taken in grants if at + HOUR > now)

        assert answer.granted is (used + max(size, 1) <= at_most)
        if answer.granted and size:
            grants.append((now, size))
        assert at_most - sum(taken for at, taken in grants if at + HOUR > now) == answer.left
    for since, _ in grants:
        assert sum(taken for at, taken in grants if since <= at < since + HOUR) <= at_most


def test_the_summary() -> None:
    """One refusal since a grant is the first one, and the next grant says how many there were."""
    shared = Shared("budget/pages")
    answers = [take(shared, str(number), at) for number, at in enumerate((0, 1, 2, 3, 4, HOUR, HOUR + 0.5))]

    assert [True, True, False, False, False, True, False] == [answer.granted for answer in answers]
    assert [False, False, True, False, False, False, True] == [answer.first_refused for answer in answers]
    assert [0, 0, 1, 2, 3, 3, 1] == [answer.refused for answer in answers]
    assert [1, 0, 0, 0, 0, 0, 0] == [answer.left for answer in answers]


def test_when_there_is_room_again() -> None:
    """`until` is now while there is room, and else when as much can be granted once more."""
    shared = Shared("budget/pages")
    empty = take(shared, "look", 0, size=0)
    first, second = take(shared, "1", 10), take(shared, "2", 20)
    both = take(shared, "3", 30, size=2)

    assert NOON == empty.until
    assert NOON + timedelta(seconds=10) == first.until
    assert NOON + timedelta(seconds=10 + HOUR) == second.until
    assert NOON + timedelta(seconds=20 + HOUR) == both.until


def test_a_look_takes_nothing() -> None:
    """A budget that is only looked at is as full as before, and nobody was refused."""
    shared = Shared("budget/pages")
    looks = [take(shared, f"look {number}", 0, size=0) for number in range(5)]
    taken = [take(shared, str(number), 1) for number in range(3)]
    look = take(shared, "look at last", 2, size=0)

    assert {(True, 2, 0)} == {(each.granted, each.left, each.refused) for each in looks}
    assert [True, True, False] == [each.granted for each in taken]
    assert (False, 0, 1, False) == (look.granted, look.left, look.refused, look.first_refused)


def test_a_clock_that_goes_back() -> None:
    """A clock that is set back grants nothing twice."""
    shared = Shared("budget/pages")
    answers = [take(shared, str(at), at) for at in (100, 0, 50)]

    assert [True, True, False] == [answer.granted for answer in answers]


def test_asked_twice() -> None:
    """The same question has the same answer, also in another history, and counts once."""
    shared = Shared("budget/pages")
    first = take(shared, "run/page", 0)
    again = take(continued(shared, "budget/pages"), "run/page", 60)

    assert first == again
    assert 0 == take(shared, "run/other", 60).left


def test_what_is_known_is_bounded() -> None:
    """Of very many questions the latest are known, those that were let go of are counted, and the state is small."""
    shared = Shared("budget/pages")
    for number in range(MOST_KNOWN + 10):
        take(shared, f"{'run' * 300}/{number}", 0)

    assert (10, 0) == (shared.forgotten(), shared.forgotten())
    assert len(json.dumps(shared.as_json())) < 1_000_000


KEPT: list[tuple[str, str, Any, float | None]] = [
    ("budget/pages", "take", {"at_most": 1, "per": 10 * HOUR, "take": 1}, 24 * HOUR),
    ("budget/pages", "take", {"at_most": 1, "per": 100 * HOUR, "take": 1}, 100 * HOUR),
    ("cursor/pages", "read", {}, 0.0),
    ("cursor/pages", "move", {"to": 1}, None),
]


@pytest.mark.parametrize(("name", "word", "data", "ends_in"), KEPT)
def test_how_long_it_is_kept(name: str, word: str, data: Any, ends_in: float | None) -> None:
    """A budget is kept for as long as something counts or is known, a cursor for ever, and what is empty not at all."""
    shared = Shared(name)
    shared.answer("asked", word, data, NOON)

    assert ends_in == shared.ends_in(NOON)


@pytest.mark.parametrize("data", [None, 7, "text", [], {}, {"at_most": 1}, {"at_most": "x", "per": 1, "take": 1}])
def test_data_of_strangers(data: Any) -> None:
    """What cannot be read is refused, and nothing else happens."""
    for name in ("budget/pages", "cursor/pages", "reached"):
        shared = Shared(name)
        before = shared.as_json()
        for word in ("take", "move", "note"):
            with pytest.raises(SharingRefusedError):
                shared.answer("asked", word, data, NOON)
        assert before == shared.as_json()


def test_a_mute_expires() -> None:
    """A mute holds until its time, by itself; the latest of a name counts, and a long one is refused."""
    shared = Shared("mutes")

    def ask(word: str, data: Json, at: float) -> Any:
        return shared.answer(f"{word} {at}", word, data, NOON + timedelta(seconds=at))

    ask("mute", {"name": "checkout", "for": HOUR, "reason": "moved", "by": "ada"}, 0)
    ask("mute", {"name": "checkout", "for": 2 * HOUR, "reason": "still", "by": "ada"}, 1)
    names: Json = {"names": ["other", "checkout"]}
    held = [ask("muted", names, at) for at in (2, 2 * HOUR, 2 * HOUR + 1)]

    assert ["still", "still", None] == [mute and mute["reason"] for mute in held]
    assert ([], 24 * HOUR) == (ask("list", {}, 2 * HOUR + 2), shared.ends_in(NOON + timedelta(seconds=1)))
    with pytest.raises(SharingRefusedError, match="up to 30 days"):
        ask("mute", {"name": "checkout", "for": 31 * 24 * HOUR}, 3)


def reach(shared: Shared, at: float, about: str = "budget pages", count: int = 1, until: float | None = None) -> None:
    """Notes a bound that was reached so many seconds after noon."""
    noted: Json = {"about": about, "kind": "full", "flow": "checkout", "said": "full", "until": until, "count": count}
    shared.answer(f"{about} {at}", "note", {"reached": [noted]}, NOON + timedelta(seconds=at))


def reached_in(shared: Shared) -> list[Any]:
    """How often each bound was reached, since when and until when, in seconds after noon."""
    noon, kept = NOON.timestamp(), cast("Any", shared.state())
    return [(each["count"], each["since"] - noon, each["ends"] - noon) for each in kept["reached"]]


def test_what_has_reached_its_bound() -> None:
    """It counts as reached until nothing was refused for a while, or until there is room, and is known for a day."""
    shared = continued(Shared("reached"), "reached")
    reach(shared, 0)
    reach(shared, 60, count=3)
    reach(shared, HOUR, about="other", until=NOON.timestamp() + 2 * HOUR)
    after = reached_in(continued(shared, "reached"))
    reach(shared, 3 * HOUR)
    again = reached_in(shared)
    length = shared.ends_in(NOON + timedelta(seconds=3 * HOUR))
    reach(shared, 26 * HOUR, about="last")

    assert [(4, 0, 60 + CALM), (1, HOUR, 2 * HOUR)] == after
    assert [(1, HOUR, 2 * HOUR), (1, 3 * HOUR, 3 * HOUR + CALM)] == again
    assert 24 * HOUR + CALM == length
    assert [(1, 3 * HOUR, 3 * HOUR + CALM), (1, 26 * HOUR, 26 * HOUR + CALM)] == reached_in(shared)


def test_how_many_bounds_are_known() -> None:
    """Of more than are kept those that end first are let go of, and counted."""
    shared = Shared("reached")
    for number in range(MOST_REACHED + 5):
        reach(shared, number, about=str(number))

    held = cast("Any", shared.state())
    assert (MOST_REACHED, 5) == (len(held["reached"]), held["dropped"])
    assert "5" == held["reached"][0]["about"]


def test_names() -> None:
    """A name and a key are told apart from others, whatever characters are in them; a key that is none is an error."""
    names = [
        name_of("budget", "pages"),
        name_of("budget", "pages", "a/b", has_key=True),
        name_of("budget", "pages/key", "b", has_key=True),
        name_of("budget", "pages", "a b", has_key=True),
        name_of("budget", "pages", 7, has_key=True),
    ]

    assert len(names) == len(set(names))
    assert "budget/pages/key/7" == names[-1]
    with pytest.raises(EvaluationError, match="the key of budget 'pages' is empty"):
        name_of("budget", "pages", "", has_key=True)


@pytest.mark.parametrize(("late", "left"), [({"at": "2026-03-02T12:00:00Z", "state": "firing"}, "ok"), (None, "ok")])
def test_an_earlier_check_undoes_no_later_one(late: Any, left: str) -> None:
    """What a run wrote down, or let go of, that ends after later ones does not take the place of what they know."""
    book = MemoryBook()

    def remember(began: str, entry: Any) -> None:
        kept = {"checkout": {"": entry}}
        data: Any = {"steps": [], "values": {}, "kept": kept, "takes": False, "lasts": None, "began": began}
        book.answer(REMEMBER, data, datetime(2026, 3, 2, 14, tzinfo=UTC))

    remember("2026-03-02T12:59:00Z", {"at": "2026-03-02T13:00:00Z", "state": "ok"})
    remember("2026-03-02T11:59:00Z", late)
    kept: Any = book.as_json()

    assert left == kept["kept"]["checkout"][""]["state"]
    remember("2026-03-02T13:30:00Z", None)
    assert {"checkout": {}} == cast("Any", book.as_json())["kept"]
