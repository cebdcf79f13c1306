"""Heartbeats without a server: when a beat is missed, what starts for it, and what nobody could hear."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolute import MissedBeat, TerminalError, flow, heartbeat, input_data, node, unverified
from resolute.running.beats import MOST_STARTS, SECOND_CHANCE, Pulse, Terms, terms_from
from resolute.running.shared.attendance import DEAF, HERE, LONGEST_PAUSE, AttendanceBook
from resolute.testing import FlowTester, UnknownFakeError
from resolute.writing.data import flow_as_data, flow_from_data

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp()
HOUR = 3600.0
EACH_HOUR = Terms(every=HOUR, grace=300)


def pulse(terms: Terms = EACH_HOUR) -> Pulse:
    made = Pulse("/beat/backup")
    made.expect(terms, NOON)
    return made


def passes(made: Pulse, until: float) -> list[MissedBeat]:
    """What starts up to a time, where every decision is made when it is due."""
    while (wakes := made.wakes) is not None and wakes <= until:
        made.decide(wakes)
    found = [MissedBeat.model_validate(each.input) for each in made.starts]
    for each in list(made.starts):
        made.started(each)
    return found


def test_the_first_beat_is_waited_for() -> None:
    """What has never beaten is not missing, unless it had to begin within a time."""
    assert [] == passes(pulse(), NOON + 1000 * HOUR)
    (missed,) = passes(pulse(Terms(every=HOUR, grace=300, first_within=2 * HOUR)), NOON + 1000 * HOUR)
    assert (None, NOON + 2 * HOUR) == (missed.last_beat, missed.due.timestamp())


def test_one_run_starts_for_an_outage() -> None:
    """However long it lasts; the next outage starts another."""
    made = pulse()
    made.beat(NOON)
    assert [] == passes(made, NOON + HOUR + 299)
    (missed,) = passes(made, NOON + 100 * HOUR)
    assert (NOON, NOON + HOUR, 1) == (
        missed.last_beat and missed.last_beat.timestamp(),
        missed.due.timestamp(),
        missed.missed,
    )
    made.beat(NOON + 100 * HOUR)
    assert [] == passes(made, NOON + 101 * HOUR)
    assert 1 == len(passes(made, NOON + 200 * HOUR))


def test_reminders_count_what_is_missed() -> None:
    """With remind a run starts each time that it has passed, and the return starts one where the author wants it."""
    made = pulse(Terms(every=HOUR, grace=300, remind=2 * HOUR, recovered=True))
    made.beat(NOON)
    found = passes(made, NOON + 6 * HOUR)
    assert [(0, 1), (1, 3), (2, 5)] == [(each.reminder, each.missed) for each in found]
    made.beat(NOON + 6 * HOUR)
    (back,) = passes(made, NOON + 6 * HOUR)
    assert ("recovered", NOON + HOUR, NOON + 6 * HOUR) == (
        back.state,
        back.due.timestamp(),
        back.last_beat and back.last_beat.timestamp(),
    )


def test_a_run_that_fails_is_started_again() -> None:
    """Ever later, until one ends well or there is something newer to say; each start has a name of its own."""
    made = pulse(Terms(every=HOUR, grace=300, recovered=True))
    made.beat(NOON)
    (first,) = passes(made, NOON + 2 * HOUR)
    names, waits = set[str](), list[float]()
    now = NOON + HOUR + 300
    for became in ("failed", "running", "failed"):
        assert made.looks is not None
        waits.append(made.looks - now)
        now = made.looks
        made.ended(became, now)
        names |= {each.id for each in made.starts}
        assert [first] * (became == "failed") == passes(made, now)
    assert ([60, 120, 240], 2) == (waits, len(names))
    made.beat(now)
    assert ["recovered"] == [each.state for each in passes(made, now)]
    made.ended("done", now)
    assert made.looks is None


def test_edited_times_count_from_the_edit() -> None:
    """A sender that beats by the old times is not missing at once; an older release or a stranger changes nothing."""
    made = pulse(Terms(every=24 * HOUR, grace=300, released=2, worker_set="prod"))
    made.beat(NOON)
    assert "newer release" in made.expect(Terms(every=1, grace=0, released=1, worker_set="prod"), NOON + HOUR)
    assert "worker set 'prod'" in made.expect(Terms(every=1, grace=0, released=3), NOON + HOUR)
    assert [] == passes(made, NOON + 24 * HOUR)
    assert "" == made.expect(Terms(every=HOUR, grace=300, released=3, worker_set="prod"), NOON + 5 * HOUR)
    assert NOON + 5 * HOUR + 300 == made.wakes


@pytest.mark.parametrize(("every", "chance"), [(300.0, 300.0), (24 * HOUR, SECOND_CHANCE)])
def test_what_nobody_could_hear_is_waited_for_once_more(every: float, chance: float) -> None:
    """For one turn of the sender, at most an hour; then a run starts, and its input says for how long nobody heard."""
    made = pulse(Terms(every=every, grace=60))
    made.beat(NOON)
    assert (NOON + every - 60, NOON + every + 60) == made.deaf_between()
    made.was_deaf(500, NOON + every + 400)
    assert made.deaf_between() is None
    assert NOON + every + 400 + chance + 60 == made.wakes
    (missed,) = passes(made, NOON + 10 * every + 10 * HOUR)
    assert 500 == missed.deaf_seconds
    made.beat(NOON + 20 * every)
    assert made.deaf_between() is not None


@given(st.lists(st.tuples(st.sampled_from(["beat", "pass", "deaf", "move"]), st.floats(1, 3 * HOUR)), max_size=40))
def test_each_outage_is_told_once_and_ends_once(steps: list[tuple[str, float]]) -> None:
    """Whatever comes in whatever order, and in however many histories: missing and recovered take turns."""
    made, now, told = pulse(Terms(every=HOUR, grace=300, recovered=True)), NOON, list[MissedBeat]()
    for word, length in steps:
        now += length
        told += passes(made, now)
        if word == "beat":
            made.beat(now)
        elif word == "deaf" and made.deaf_between():
            made.was_deaf(length, now)
        elif word == "move":
            moved = Pulse(made.path)
            moved.restore(made.as_json())
            assert made.as_json() == moved.as_json()
            made = moved
        told += passes(made, now)
    expected = [["missing", "recovered"][number % 2] for number in range(len(told))]
    assert expected == [each.state for each in told]
    assert len({(each.state, each.due) for each in told}) == len(told)


def test_starts_that_nobody_takes_are_bounded() -> None:
    """The oldest go, and are counted."""
    made = pulse(Terms(every=HOUR, grace=0, remind=1))
    made.beat(NOON)
    while made.dropped < 3:
        made.decide(made.wakes or 0)
    assert MOST_STARTS == len(made.starts)


def test_terms_of_a_newer_release_are_read() -> None:
    """What it has added is left out."""
    assert EACH_HOUR == terms_from({**EACH_HOUR.as_json(), "weekdays": [1, 2]})


def test_attendance_knows_when_nobody_listened() -> None:
    """Any worker's word counts; short pauses mean nothing; what lasts up to now is known, too."""
    book = AttendanceBook()

    def said(word: str, at: float, **data: Any) -> Any:
        book.check(word, data)
        return book.answer(word, data, datetime.fromtimestamp(at, UTC))

    assert said(DEAF, NOON, since=NOON - 10, until=NOON) is None
    for at in (0, 20, 40 + LONGEST_PAUSE - 20, 400, 420):
        said(HERE, NOON + at)
    assert said(DEAF, NOON + 430, since=NOON, until=NOON + 70) is None
    assert {"seconds": 320.0, "until": NOON + 400} == said(DEAF, NOON + 430, since=NOON + 200, until=NOON + 210)
    assert {"seconds": 580.0, "until": NOON + 1000} == said(DEAF, NOON + 1000, since=NOON + 900, until=NOON + 950)
    again = AttendanceBook()
    again.restore(book.as_json())
    assert book.as_json() == again.as_json()


@node(effect="pure")
async def page(path: str) -> str:
    return path


def test_a_flow_with_a_heartbeat_is_data() -> None:
    """It comes back the same from what is written of it, and its input is known without the model."""
    trigger = heartbeat("/beat/backup", every=timedelta(hours=24), verify=unverified(), recovered=True)
    built = flow("backup-watch").triggered_by(trigger).then(page(input_data(MissedBeat).path)).build()
    again = flow_from_data(flow_as_data(built), built.nodes)
    assert built.plan.fingerprint == again.plan.fingerprint
    data: Any = flow_as_data(built)
    data["steps"][0]["arguments"]["path"] = {"$input": ["pth"]}
    with pytest.raises(Exception, match="pth"):
        flow_from_data(data, built.nodes)


async def test_a_tester_beats_and_is_silent() -> None:
    """Runs start as in production, in virtual time: one for an outage, again if it failed, and one for the return."""
    hourly = heartbeat("/beat/a", every=timedelta(hours=1), verify=unverified(), recovered=True)
    daily = heartbeat("/beat/b", every=timedelta(days=1), verify=unverified())
    built = flow("two").triggered_by(hourly, daily).then(page(input_data(MissedBeat).path).as_("paged")).build()
    tester = FlowTester(built)
    assert [] == await tester.silence(timedelta(days=9))
    assert [] == [*await tester.beats("/beat/a"), *await tester.beats("/beat/b")]
    tester.sequence("paged", [TerminalError("PagerDuty is down"), "a", "b", "a"])
    began = tester.clock.now()
    runs = await tester.silence(timedelta(days=2))
    assert ["failed", "completed", "completed"] == [run.status for run in runs]
    assert ["a", "b"] == [run.result["paged"] for run in runs[1:]]
    assert began + timedelta(days=2) == tester.clock.now()
    assert [[1], []] == [[1 for _ in await tester.beats(path)] for path in ("/beat/a", "/beat/b")]
    with pytest.raises(UnknownFakeError, match="/beat/a"):
        await tester.beats()
