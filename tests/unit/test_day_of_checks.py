"""A day of a flapping service: what a flow pages with and without damping, and what its ledger says of each check."""

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import resolute_pagerduty as pagerduty
from resolute import Flow, alarm, every, flow, node
from resolute.running.ledger import Check, check_of
from resolute.running.tally import tally
from resolute.testing import FlowTester
from resolute_worker.paging import paging

MINUTES: Final = 24 * 60
SHIFT: Final = timedelta(hours=8)


@node(effect="read")
async def look() -> str:
    """How the service is; a test answers it."""
    raise NotImplementedError  # the test answers for it


def monitor(*, raise_after: int, clear_after: int) -> Flow:
    """What most monitors are: look, page when it has been bad for long enough, resolve when it is well again."""
    health = look().as_("health")
    watched = alarm("shop", bad=health.output == "critical", raise_after=raise_after, clear_after=clear_after)
    return (
        flow("shop-monitor")
        .triggered_by(every(timedelta(minutes=1)))
        .then(health)
        .then(watched)
        .when(watched.output.raised)
        .then(pagerduty.trigger_event(summary="Down", source="shop", severity="critical", dedup_key="shop").as_("page"))
        .end_when()
        .when(watched.output.cleared)
        .then(pagerduty.resolve_event(dedup_key="shop").as_("resolve"))
        .end_when()
        .build()
    )


def flapping() -> list[str]:
    """Well for half an hour, then flapping for half an hour: one check in three is critical, an outage now and then."""
    chance = random.Random(1440)
    found: list[str] = []
    while len(found) < MINUTES:
        found += ["ok"] * 30
        found += ["critical" if chance.random() < 0.35 else "ok" for _ in range(20)]
        found += ["critical"] * chance.choice([0, 2, 6, 12])
    return found[:MINUTES]


def expected(day: list[str], *, raise_after: int, clear_after: int) -> Iterator[str]:
    """What each check comes to, worked out apart from the engine: counts of bad and well checks, and no more."""
    bad = well = 0
    is_raised = False
    for status in day:
        bad, well = (bad + 1, 0) if status == "critical" else (0, well + 1)
        if not is_raised and bad >= raise_after:
            is_raised = True
            yield "paged"
        elif is_raised and well >= clear_after:
            is_raised = False
            yield "resolved"
        elif is_raised:
            yield "damped"
        else:
            yield "pending" if bad else "quiet"


async def checks_of(tested: Flow, day: list[str]) -> list[Check]:
    """The ledger of a day."""
    tester = FlowTester(tested)
    tester.answer("pagerduty.TriggerEvent", {"status": "success", "dedup_key": "shop"})
    tester.answer("pagerduty.ResolveEvent", {"status": "success"})
    tester.sequence("look", day)
    found: list[Check] = []
    for _ in day:
        at = tester.clock.now()
        ended = await tester.run()
        found.append(check_of(tested.plan, ended.report, at=at, began_at=at, paging=paging))
        tester.clock.move(at + timedelta(minutes=1) - tester.clock.now())
    return found


async def test_each_check_of_a_day_has_its_line_and_damping_spares_most_pages() -> None:
    """1,440 checks are 1,440 lines, each with the right outcome and the value that decided it.

    Without damping each flap pages, with it each outage.
    """
    day = flapping()
    pages: dict[int, int] = {}
    for raise_after, clear_after in ((1, 1), (3, 5)):
        checks = await checks_of(monitor(raise_after=raise_after, clear_after=clear_after), day)
        wanted = list(expected(day, raise_after=raise_after, clear_after=clear_after))
        counted = tally(
            "shop-monitor", checks, since=checks[0].at, until=checks[-1].at + timedelta(minutes=1), shift=SHIFT
        )
        pages[raise_after] = counted.pages

        assert MINUTES == len(checks)
        assert wanted == [check.outcome for check in checks]
        assert [{"health": status} for status in day] == [check.why for check in checks]
        assert (wanted.count("paged"), wanted.count("resolved")) == (counted.pages, counted.resolved)

    assert pages[1] > 5 * pages[3] > 0
