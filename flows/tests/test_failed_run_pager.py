"""The flow pages for runs that have failed."""

from datetime import UTC, datetime

from flows.failed_run_pager import failed_run_pager
from resolute import FailedRun
from resolute.testing import FlowTester

FAILED = FailedRun(
    flow="nightly-backup",
    run="nightly-backup-2026-03-02T02:00:00Z",
    step="dump",
    error_type="TerminalError",
    message="the disk is full",
    ended_at=datetime(2026, 3, 2, 2, 1, tzinfo=UTC),
    show="resolute show nightly-backup-2026-03-02T02:00:00Z",
)


async def test_a_page_says_what_failed(flow_tester: type[FlowTester]) -> None:
    """The alert names the flow, the step and the error, and all runs of a flow share one."""
    tester = flow_tester(failed_run_pager)
    tester.answer("pagerduty.TriggerEvent", {"dedup_key": "failed-run-pager/nightly-backup"})

    run = await tester.run(FAILED)
    (told,) = run.calls_of("trigger_event")

    assert "A run of nightly-backup has ended as failed: dump the disk is full" == told.arguments["summary"]
    assert "failed-run-pager/nightly-backup" == told.arguments["dedup_key"]
    assert FAILED.show in str(told.arguments["custom_details"])
