"""What an alarm makes of the checks that it sees, and what it remembers of them."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, cast

import pytest

from resolute import (
    Alarmed,
    Flow,
    FlowBuildError,
    Incident,
    TerminalError,
    alarm,
    branch,
    during,
    each,
    every,
    flow,
    manual,
    node,
    now,
    output,
    repeat,
    scheduled_for,
    sleep,
)
from resolute.plan.errors import ExpressionError
from resolute.plan.hours import is_during
from resolute.plan.plan import INTERPRETER
from resolute.running.evaluate import Scope
from resolute.running.ledger import check_of
from resolute.running.notebook import FORGOTTEN, MOST_ENTRIES
from resolute.running.recall import MEMORY_LIMIT
from resolute.running.truth import truth_of
from resolute.testing import FlowTester, TestedRun

MINUTE = timedelta(minutes=1)


@node
async def look() -> float | None:
    """A load."""
    return 0.0


@node
async def opens(key: str) -> None:
    """Opens something."""


@node
async def closes(key: str) -> None:
    """Closes it."""


@node
async def fleet() -> list[dict[str, Any]]:
    """Hosts with their loads."""
    return []


@node
async def due() -> datetime:
    """When it goes on."""
    return datetime.now(UTC)


@node
async def hook() -> None:
    """What may fail behind the alarm."""


load = look().as_("load")
measured: Any = load.output


def opening(key: Any = "load") -> Incident:
    return Incident(opens(key), closes(key), key)


def watching(name: str = "watched", **given: Any) -> Flow:
    watched = alarm(name, bad=measured > 90, **given)
    return flow("watch").triggered_by(every(MINUTE)).then(load).then(watched).build()


async def check(tester: FlowTester, value: float | None, *, after: timedelta = MINUTE) -> TestedRun:
    tester.answer("load", value)
    tester.clock.move(after)
    return await tester.run()


async def said(tester: FlowTester, *values: float | None, after: timedelta = MINUTE) -> list[str]:
    """The outcome of a check for each load."""
    return [(await check(tester, value, after=after)).result["watched"]["outcome"] for value in values]


async def test_between_bad_and_clear_nothing_changes() -> None:
    """With a condition of its own for clear there is hysteresis: what is neither keeps every state and count."""
    tester = FlowTester(watching(clear=measured < 50, raise_after=2, clear_after=2))

    states = [(await check(tester, value)).result["watched"] for value in (95, 70, 95, 70, 40, 70, 70, 40)]

    assert ["pending", "pending", "firing", "firing", "clearing", "clearing", "clearing", "ok"] == [
        each["state"] for each in states
    ]
    assert [1, 1, 2, 2, 0, 0, 0, 0] == [each["bad"] for each in states]
    assert [0, 0, 0, 0, 1, 1, 1, 2] == [each["clear"] for each in states]


async def test_what_is_not_known_is_neither_bad_nor_clear() -> None:
    """A check without its value changes nothing, and says so."""
    tester = FlowTester(watching(raise_after=2, clear_after=2))

    assert ["broken", "pending", "broken", "paged", "broken", "damped", "broken", "resolved"] == await said(
        tester, None, 95, None, 95, None, 40, None, 40
    )


@pytest.mark.parametrize(
    ("condition", "truth"),
    [
        ({"$gt": [{"$output": ["a"]}, 1]}, None),
        ({"$eq": [{"$output": ["a"]}, "x"]}, None),
        ({"$not": [{"$eq": [{"$output": ["a"]}, "x"]}]}, None),
        ({"$eq": [{"$output": ["a"]}, None]}, True),
        ({"$empty": [{"$output": ["a"]}]}, True),
        ({"$and": [{"$eq": [{"$output": ["a"]}, 1]}, {"$eq": [{"$output": ["b"]}, 1]}]}, False),
        ({"$or": [{"$eq": [{"$output": ["a"]}, 1]}, {"$eq": [{"$output": ["b"]}, 2]}]}, True),
        ({"$or": [{"$eq": [{"$output": ["a"]}, 1]}, {"$eq": [{"$output": ["b"]}, 1]}]}, None),
        ({"$gt": [{"$add": [{"$output": ["a"]}, 1]}, 1]}, None),
        ({"$gt": [{"$default": [{"$output": ["a"]}, 3]}, 1]}, True),
        ({"$any": [{"$output": ["a"]}, "each", True]}, None),
        ({"$output": ["c"]}, True),
        ({"$output": ["a"]}, None),
    ],
)
def test_whether_a_condition_is_known(condition: Any, truth: bool | None) -> None:
    """It is not where it depends on a null that nobody asked for."""
    assert truth is truth_of(condition, Scope(outputs={"a": None, "b": 2, "c": True}))


async def test_by_time() -> None:
    """A length of time counts from the first bad check, and from the first clear one, by the clock of the runs."""
    tester = FlowTester(watching(raise_after=timedelta(minutes=5), clear_after=timedelta(minutes=2)))

    loads = [95, 95, 95, 95, 95, 95, 95, 40, 40, 40]

    assert [*["pending"] * 5, "paged", "damped", "damped", "damped", "resolved"] == await said(tester, *loads)


async def test_quiet_hours() -> None:
    """In quiet hours it is not raised; if it is still bad afterwards, it is raised then. It clears at any time."""
    tester = FlowTester(
        watching(raise_after=2, quiet=during("22:00-07:00", timezone="Europe/Paris")),
        start=datetime(2026, 1, 1, 19, tzinfo=UTC),
    )

    hours = [40, 95, 95, *[95] * 7, 95, 95]  # 21:00 in Paris, and so on

    assert ["quiet", "pending", *["muted"] * 8, "paged", "damped"] == await said(
        tester, *hours, after=timedelta(hours=1)
    )


async def test_what_is_pending_lapses() -> None:
    """What was bad once and is neither bad nor clear since is given up after its time, with a warning."""
    tester = FlowTester(watching(clear=measured < 50, raise_after=2, pending_at_most=timedelta(minutes=3)))

    assert ["pending", "pending", "pending"] == await said(tester, 95, 70, 70)
    lapsed = await check(tester, 70)

    assert "lapsed" == lapsed.result["watched"]["outcome"]
    assert "alarm 'watched' was bad" in lapsed.report.warnings[0]
    assert ["pending", "paged"] == await said(tester, 95, 95)


async def test_an_edge_is_seen_until_a_run_that_saw_it_has_ended_well() -> None:
    """A run that fails behind the alarm did not end well: the next one sees the edge again, whatever it is by then."""
    watched = alarm("watched", bad=measured > 90)
    built = flow("watch").triggered_by(every(MINUTE)).then(load).then(watched).then(hook().as_("told")).build()
    tester = FlowTester(built)
    seen: list[tuple[bool, bool]] = []

    for value, fails in ((95, True), (95, True), (95, False), (95, False), (40, True), (40, False), (40, False)):
        if fails:
            tester.fails("told", TerminalError("down"))
        else:
            tester.answer("told", None)
        run = await check(tester, value)
        out = Alarmed.model_validate(run.step("watched").output)
        seen.append((out.raised, out.cleared))

    raised, cleared, neither = (True, False), (False, True), (False, False)
    assert [raised, raised, raised, neither, cleared, cleared, neither] == seen


@pytest.mark.parametrize("interpreter", [4, INTERPRETER])
async def test_a_page_that_a_person_skips_has_paged_nobody(interpreter: int) -> None:
    """The check is held, and says who has skipped what; nothing is tried again until the alarm is cleared."""
    watched = alarm("watched", bad=measured > 90, incident=opening())
    built = flow("watch", when_stuck="hold").triggered_by(every(MINUTE)).then(load).then(watched).build()
    built = replace(built, plan=built.plan.model_copy(update={"interpreter": interpreter}))
    tester = FlowTester(built)
    checks: list[tuple[str, str, str]] = []

    for value, fails in ((95, "watched_raise"), (95, ""), (40, "watched_clear"), (40, "")):
        if fails:
            tester.fails(fails, TerminalError("no key"))
            tester.when_held(fails, skip=None)
        ended = await check(tester, value)
        entry = check_of(built.plan, ended.report, at=tester.clock.now(), began_at=tester.clock.now())
        checks.append((ended.result["watched"]["outcome"], entry.outcome, entry.said))

    held = ("held", "held")
    skipped = [(*held, "test has skipped watched_raise"), (*held, "test has skipped watched_clear")]
    before = [("paged", "paged", ""), ("resolved", "resolved", "")]
    page, resolve = skipped if interpreter == INTERPRETER else before
    assert [page, ("damped", "damped", ""), resolve, ("quiet", "quiet", "")] == checks


async def test_one_alarm_for_each_item() -> None:
    """An item is known by what it is, not by its place in the list; one that is well is not remembered."""
    hosts = fleet().as_("hosts")
    listed = cast("list[Any]", hosts.output)
    watched = each(listed, lambda host: alarm("host", bad=host["load"] > 90, raise_after=2, key=host["name"]))
    tester = FlowTester(flow("fleet").triggered_by(every(MINUTE)).then(hosts).then(watched.as_("all")).build())

    async def run(**loads: int) -> list[str]:
        tester.answer("hosts", [{"name": name, "load": load} for name, load in loads.items()])
        return [each["state"] for each in (await tester.run()).result["all"]]

    assert ["pending", "ok"] == await run(a=95, b=10)
    assert ["pending", "firing"] == await run(b=95, a=95)
    assert ["firing", "ok"] == await run(b=95, a=10)
    assert ["firing"] == await run(b=95)


async def test_two_items_of_one_key() -> None:
    """They would be one alarm, so the second fails, and says what to do."""
    watched = each(["a", "b", "a"], lambda host: alarm("host", bad=measured > 90, key=host))
    tester = FlowTester(flow("twice").triggered_by(every(MINUTE)).then(load).then(watched).build())

    run = await check(tester, 95)

    assert run.failure is not None
    assert "two items of alarm 'host' have the key 'a'" in run.failure.message


async def test_how_many_items_are_remembered() -> None:
    """Items that are not well are remembered up to a bound; one beyond it is not counted or raised, and it is said."""
    hosts = fleet().as_("hosts")
    listed = cast("list[Any]", hosts.output)
    watched = each(listed, lambda host: alarm("host", bad=host["load"] > 90, key=host["name"]))
    tester = FlowTester(flow("fleet").triggered_by(every(MINUTE)).then(hosts).then(watched.as_("all")).build())
    tester.answer("hosts", [{"name": f"host-{number}", "load": 99} for number in range(MOST_ENTRIES + 2)])

    run = await tester.run()

    outcomes = [each["outcome"] for each in run.result["all"]]
    assert (MOST_ENTRIES, 2) == (outcomes.count("paged"), outcomes.count("unremembered"))
    assert f"remembers {MOST_ENTRIES} items" in run.report.warnings[0]
    assert run.run.memory is not None
    assert len(str(run.run.memory.kept)) < MEMORY_LIMIT


async def test_edits_keep_what_is_known() -> None:
    """An alarm is known by its incident under another name, and counts go on under another bound."""
    tester = FlowTester(watching(raise_after=2, incident=opening()))
    await said(tester, 95, 95)
    renamed = FlowTester(watching("loaded", raise_after=5, incident=opening()), start=tester.clock.now())
    renamed._memory = tester._memory  # pyright: ignore[reportPrivateUsage]  # as its schedule hands it on

    run = await check(renamed, 95)

    assert ("firing", "damped") == (run.result["loaded"]["state"], run.result["loaded"]["outcome"])
    assert () == run.report.warnings


async def test_an_alarm_that_is_taken_out_is_not_forgotten_at_once() -> None:
    """Its incident may be open: each run says so, until it is put back or a week has passed."""
    tester = FlowTester(watching(incident=opening()))
    await said(tester, 95)
    without = FlowTester(
        flow("watch").triggered_by(every(MINUTE)).then(load).build(), start=tester.clock.now() + timedelta(days=1)
    )
    without._memory = tester._memory  # pyright: ignore[reportPrivateUsage]  # as its schedule hands it on

    warned = (await check(without, 95)).report.warnings
    tester._memory = without._memory  # pyright: ignore[reportPrivateUsage]  # it is put back
    back = await said(tester, 40)
    forgotten = (await check(without, 95, after=FORGOTTEN)).report.warnings

    assert ("step 'watched' is no longer in the flow, and its incident 'load' may be open",) == warned
    assert ["resolved"] == back
    assert "is forgotten" in forgotten[0]


async def test_what_is_damaged_is_not_there() -> None:
    """A memory that nobody here has written fails no run."""
    tester = FlowTester(watching())
    await said(tester, 95)
    memory = tester._memory  # pyright: ignore[reportPrivateUsage]
    assert memory is not None
    for damaged in ({"watched": 7}, {"watched": {"": 7}}, {"watched": {"": {"state": "odd", "at": "x"}}}):
        tester._memory = type(memory)({}, 1, cast("Any", damaged))  # pyright: ignore[reportPrivateUsage]

        assert ["paged"] == await said(tester, 95)


async def test_in_turns() -> None:
    """In a repeat each turn is a check, and a turn that has ended well has seen what it saw."""
    watched = alarm("watched", bad=measured > 90, raise_after=2)
    turns = repeat(branch().then(load).then(watched), until=measured < 0, at_most=6).as_("turns")
    tester = FlowTester(flow("turns").triggered_by(manual("go")).then(turns).build())
    tester.sequence("load", [95, 95, 95, 40, 40, -1])

    run = await tester.run()

    outcomes = [cast("Any", run.step(f"turns#{turn}.watched").output)["outcome"] for turn in range(1, 7)]
    assert ["pending", "paged", "damped", "resolved", "quiet", "quiet"] == outcomes


async def test_turns_of_unequal_length() -> None:
    """A turn that comes later than the one before opens nothing again: no other run can have been in between."""
    watched = alarm("watched", bad=measured > 90, incident=opening())
    until = due().as_("until")
    body = branch().then(load).then(watched).then(until).then(sleep(until=until.output))
    turns = repeat(body, until=measured < 0, at_most=5).as_("turns")
    tester = FlowTester(flow("turns").triggered_by(manual("go")).then(turns).build())
    tester.sequence("load", [95, 95, 95, 95, -1])
    tester.sequence("until", [tester.clock.now() + timedelta(minutes=each) for each in (1, 2, 30, 31, 32)])

    run = await tester.run()

    turns_of = [
        {step: run.step(f"turns#{turn}.{step}") for step in ("watched", "watched_raise")} for turn in range(1, 6)
    ]
    assert ["paged", "damped", "damped", "damped", "resolved"] == [
        cast("Any", each["watched"].output)["outcome"] for each in turns_of
    ]
    assert ["completed", *["skipped"] * 4] == [each["watched_raise"].status for each in turns_of]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-03-27T20:59:00Z", False),  # a Friday, 21:59 in Paris
        ("2026-03-27T21:00:00Z", True),
        ("2026-03-28T05:59:00Z", True),  # the night that began on Friday
        ("2026-03-28T06:00:00Z", False),
        ("2026-03-28T22:00:00Z", False),  # no night that begins on Saturday
        ("2026-03-30T19:59:00Z", False),  # summer time has begun: 21:59
        ("2026-03-30T20:00:00Z", True),
    ],
)
def test_hours_of_the_week(at: str, expected: bool) -> None:
    """Hours are local, go on into the next day, and belong to the day on which they begin."""
    window = {"hours": "22:00-07:00", "days": "mon-fri", "timezone": "Europe/Paris"}

    assert expected is is_during({**window, "at": at})


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"hours": "9-17"}, "'9-17' are no hours"),
        ({"hours": "09:00-09:00"}, "has no length"),
        ({"days": "monday"}, "'monday' are no days"),
        ({"timezone": "Europe/Pari"}, "did you mean 'Europe/Paris'"),
    ],
)
def test_what_is_no_hours(given: dict[str, str], why: str) -> None:
    """It is said where it is written."""
    with pytest.raises(ExpressionError, match=why):
        during(**given)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"raise_after": 0}, "raise_after of 0 checks"),
        ({"raise_after": "3"}, "raise_after: '3' is no number of checks"),
        ({"clear_after": timedelta()}, "clear_after of 0 s"),
        ({"pending_at_most": timedelta(days=1000)}, "pending_at_most of"),
        ({"incident": "checkout"}, "incident: 'checkout' is no incident"),
        ({"incident": Incident([], closes("x"), "x")}, "no step to raise it"),
        ({"incident": Incident(opens("x").on_failure(closes("x")), closes("x"), "x")}, "is not undone"),
        ({"incident": replace(opening("x"), reopen_after=timedelta(0))}, "reopen_after of 0 s"),
        ({"mute_during": look()}, "mute_during: .*a resolute.Muted"),
        ({"mute_during": "checkout"}, "'checkout' is not a step"),
        ({"key": "same"}, "is the same for every item"),
        ({"bad": True}, "always true"),
        ({"quiet": 7}, "7 is no condition"),
    ],
)
def test_mistakes(given: dict[str, Any], why: str) -> None:
    """Each is said when the flow is built."""
    with pytest.raises(FlowBuildError, match=why):
        flow("watch").triggered_by(every(MINUTE)).then(load).then(
            alarm("watched", **cast("Any", {"bad": measured > 90, **given}))
        ).build()


def test_where_an_alarm_cannot_stand() -> None:
    """It needs runs that hand on what they know, and runs in each of them; of an item it needs to know which it is."""
    watched = alarm("watched", bad=measured > 90)
    with pytest.raises(FlowBuildError, match="runs of a schedule that overlap hand on nothing"):
        flow("watch").triggered_by(every(MINUTE, overlap="allow_all")).then(load).then(watched).build()
    with pytest.raises(FlowBuildError, match="on_failure runs in few"):
        cast("Any", flow("watch").triggered_by(every(MINUTE)).then(load)).on_failure(
            alarm("watched", bad=output("load") > 90)
        ).build()
    hosts = fleet().as_("hosts")
    with pytest.raises(FlowBuildError, match="what tells the items of 'each' apart"):
        flow("watch").triggered_by(every(MINUTE)).then(hosts).then(
            each(cast("list[Any]", hosts.output), lambda host: alarm("host", bad=host["load"] > 90))
        ).build()


def test_conditions_may_read_what_others_read() -> None:
    """The clock, the time that the run was due, quiet hours."""
    late = now() - scheduled_for() > timedelta(minutes=5)
    built = flow("late").triggered_by(every(MINUTE)).then(alarm("late", bad=late, quiet=during(days="sat,sun"))).build()

    assert "alarm when" in built.plan.steps[0].title


async def test_a_day_of_flapping() -> None:
    """A service that flaps all day, 1,440 checks: undamped it pages with every flap, damped only when it stays bad."""
    chance = random.Random(7)  # not for secrets
    loads: list[float] = []
    while len(loads) < 1440:  # flaps of one or two minutes, and now and then an outage of a quarter of an hour
        loads += [95] * (15 if chance.random() < 0.02 else chance.randint(1, 2)) + [40] * chance.randint(1, 4)
    pages: dict[str, int] = {}
    for name, damping in (("none", 1), ("three", 3)):
        tester = FlowTester(watching(raise_after=damping, clear_after=damping))
        outcomes = await said(tester, *loads[:1440])
        assert len(outcomes) == 1440
        pages[name] = outcomes.count("paged")
        assert abs(pages[name] - outcomes.count("resolved")) <= 1

    outages = sum(1 for run, _ in _runs(loads[:1440]) if run >= 3)
    assert pages["none"] == sum(1 for _ in _runs(loads[:1440]))
    assert 0 < pages["three"] <= outages < pages["none"] / 10


def _runs(loads: list[float]) -> list[tuple[int, float]]:
    """The bad checks in a row: how many, each time."""
    return [(len(list(each)), load) for load, each in groupby(loads) if load > 90]
