"""The ledger: one outcome for each run, with the values that decided it."""

from datetime import UTC, datetime, timedelta

import pytest

import resolute_pagerduty as pagerduty
from resolute import Flow, alarm, budget, flow, input_data, manual, node
from resolute.plan.errors import ConfigurationError
from resolute.plan.triggers import Schedule, schedule
from resolute.running.ledger import Check, Outcome, check_of
from resolute.running.tally import tally
from resolute.temporal.history.ledger import due_times
from resolute.testing import FlowTester
from resolute_worker.cli.lengths import length
from resolute_worker.paging import paging

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@node(effect="read")
async def look(status: str) -> str:
    return status


@node
async def tell(text: str) -> None:
    raise ConnectionError(text)


def monitor(*, tells: bool = False) -> Flow:
    health = look(input_data("status")).as_("health")
    built = (
        flow("monitor")
        .triggered_by(manual("start"))
        .then(health)
        .when(health.output == "critical")
        .then(pagerduty.trigger_event(summary="Down", source="shop", severity="critical", dedup_key="shop").as_("page"))
        .otherwise()
        .when(health.output == "well again")
        .then(pagerduty.resolve_event(dedup_key="shop").as_("resolve"))
        .end_when()
        .end_when()
    )
    return (built.then(tell("nobody listens").retry(attempts=1).as_("told")) if tells else built).build()


async def checked(tested: Flow, status: str, *, begins_late: timedelta = timedelta()) -> Check:
    """What the ledger says of one run."""
    tester = FlowTester(tested)
    tester.answer("pagerduty.TriggerEvent", {"status": "success", "dedup_key": "shop"})
    tester.answer("pagerduty.ResolveEvent", {"status": "success"})
    ended = await tester.run(input={"status": status})
    return check_of(tested.plan, ended.report, at=NOON, began_at=NOON + begins_late, paging=paging)


@pytest.mark.parametrize(
    ("status", "outcome", "why"),
    [
        ("critical", "paged", {"health": "critical"}),
        ("well again", "resolved", {"health": "well again"}),
        ("fine", "quiet", {"health": "fine"}),
    ],
)
async def test_a_run_has_the_outcome_of_what_it_did(status: str, outcome: Outcome, why: dict[str, str]) -> None:
    """What a step did to the pager counts, with the values of the conditions that led there."""
    check = await checked(monitor(), status)

    assert (outcome, why) == (check.outcome, check.why)


async def test_a_run_that_paged_and_failed_has_paged() -> None:
    """Somebody was called, whatever came after; that it failed is said as well."""
    check = await checked(monitor(tells=True), "critical")

    assert "paged" == check.outcome
    assert "failed at told" in check.said


async def test_a_run_that_failed_says_nothing_of_the_service() -> None:
    """It is broken, even where everything that it saw was well."""
    check = await checked(monitor(tells=True), "fine")

    assert "broken" == check.outcome
    assert "failed at told" in check.said


async def test_a_dry_run_says_what_it_would_have_done() -> None:
    """Nobody was called, so it has not paged."""
    tested = monitor()
    ended = await FlowTester(tested).run(input={"status": "critical"}, dry=True)
    check = check_of(tested.plan.in_mode("dry"), ended.report, at=NOON, began_at=NOON, paging=paging)

    assert ("dry", "would have done page") == (check.outcome, check.said)


async def test_a_run_that_began_late_is_late_if_all_was_well() -> None:
    """What it came to counts first; a minute is no delay that anybody notices."""
    outcomes = [
        (await checked(monitor(), status, begins_late=timedelta(seconds=seconds))).outcome
        for status, seconds in (("fine", 60), ("fine", 61), ("critical", 600))
    ]

    assert ["quiet", "late", "paged"] == outcomes


async def test_a_page_that_is_not_granted_is_over_budget() -> None:
    """The ledger tells what a used-up budget has kept from being sent."""
    pages = budget("pages", at_most=1, per=timedelta(hours=1)).as_("pages")
    tested = (
        flow("bounded")
        .triggered_by(manual("start"))
        .then(pages)
        .when(pages.output.granted)
        .then(pagerduty.trigger_event(summary="Down", source="shop", severity="critical", dedup_key="shop").as_("page"))
        .end_when()
        .build()
    )
    tester = FlowTester(tested)
    tester.answer("pagerduty.TriggerEvent", {"status": "success", "dedup_key": "shop"})
    reports = [(await tester.run()).report for _ in range(2)]
    checks = [check_of(tested.plan, report, at=NOON, began_at=NOON, paging=paging) for report in reports]

    assert ["paged", "over budget"] == [check.outcome for check in checks]


async def test_a_page_that_nobody_wants_is_muted() -> None:
    """An alarm that is due and muted is not raised, and the ledger says so."""
    watched = alarm("shop", bad=input_data("status") == "critical")
    tested = flow("muted").triggered_by(manual("start")).then(watched).build()
    tester = FlowTester(tested)
    tester.mute("shop", timedelta(hours=1))
    ended = await tester.run(input={"status": "critical"})

    assert "muted" == check_of(tested.plan, ended.report, at=NOON, began_at=NOON, paging=paging).outcome


def test_a_schedule_has_due_times() -> None:
    """Every one from a time to another, also where they are more than are asked for at once."""
    every_minute = schedule("* * * * *").trigger
    assert isinstance(every_minute, Schedule)
    due = list(due_times(every_minute, NOON, NOON + timedelta(days=2)))

    assert 2880 == len(due)
    assert (NOON + timedelta(minutes=1), NOON + timedelta(days=2)) == (due[0], due[-1])


def line(minute: int, outcome: Outcome, delay: float = 0.0) -> Check:
    return Check(flow="shop", outcome=outcome, at=NOON + timedelta(minutes=minute), delay=delay)


def test_a_week_is_counted() -> None:
    """Pages by shift, the short ones, and the longest time in which nobody looked."""
    checks = [
        line(0, "quiet"),
        line(10, "paged"),
        line(14, "resolved"),
        line(20, "paged"),
        line(30, "damped"),
        line(40, "resolved", delay=90),
        line(50, "broken"),
        line(60, "skipped"),
        line(500, "paged"),
        line(510, "quiet"),
    ]
    found = tally("shop", checks, since=NOON, until=NOON + timedelta(minutes=960), shift=timedelta(hours=8))

    assert (10, 3, 2, 1) == (found.checks, found.pages, found.resolved, found.short_pages)
    assert (1.5, 2) == (found.pages_per_shift, found.most_in_a_shift)
    assert (1, 1, 1) == (found.broken, found.late, found.skipped)
    assert timedelta(minutes=450) == found.longest_silence


@pytest.mark.parametrize("text", ["0h", "999999d", "3651d", "2 hours", "-1h", ""])
def test_a_length_that_cannot_be_meant_is_one_line(text: str) -> None:
    """Nothing to divide a report by, and no time before the calendar: the option is named instead."""
    with pytest.raises(ConfigurationError, match=r"^--shift "):
        length(text, "--shift")
