"""What a dry run would have written, as people and agents are told it."""

from __future__ import annotations

from typing import Any

from resolute.running.report import RunReport


def undone(report: RunReport) -> list[dict[str, Any]]:
    """The steps that were not done because the run was dry, in the order of the plan."""
    return [
        {"step": step.id, "node": step.node, "arguments": step.arguments, "why not": step.not_done}
        for step in report.steps
        if step.not_done
    ]
