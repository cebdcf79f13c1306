"""What must have happened for the demo to succeed, read from PagerDuty, the channel and Temporal."""

from __future__ import annotations

from dataclasses import dataclass

from resolute.temporal.runs import RunSummary
from resolute_pagerduty.simulator import Simulator
from resolute_worker.demo.flow import DEDUP_KEY
from resolute_worker.demo.town import ILLNESS, Town


@dataclass(frozen=True)
class Finding:
    """One thing that must have happened, and whether it did."""

    what: str
    holds: bool


def evidence(sim: Simulator, town: Town, runs: list[RunSummary]) -> list[Finding]:
    """What PagerDuty, the channel and Temporal contain at the end."""
    incidents = sim.incidents()
    kinds = [entry.type.removesuffix("_log_entry") for each in incidents for entry in each.entries]
    lost = [each for each in sim.requests if each.path == "/v2/enqueue" and each.status is None]
    lookups = [each for each in sim.requests if each.path == "/oncalls" and each.status == 200]
    on_call = [user.name for user in sim.account.state.users.values()]
    return [
        Finding(
            "exactly one incident was opened, although the answer to the first event was lost",
            [(each.title, each.key) for each in incidents] == [(ILLNESS, DEDUP_KEY)] and len(lost) == 1,
        ),
        Finding("PagerDuty was asked who is on call", bool(lookups)),
        Finding(
            "the channel was told, by name, who is on call",
            any(ILLNESS in text and any(name in text for name in on_call) for text in town.messages),
        ),
        Finding(
            "the incident was resolved by the flow",
            [each.status for each in incidents] == ["resolved"] and kinds.count("resolve") == 1,
        ),
        Finding(
            f"{len(runs)} runs completed, none failed",
            bool(runs) and all(run.status == "completed" for run in runs),
        ),
    ]
