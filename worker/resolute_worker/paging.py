"""What the steps of a run did to somebody's pager, as the providers that this release knows say."""

from __future__ import annotations

from collections.abc import Mapping

from resolute.running.report import StepReport
from resolute_worker.providers import KNOWN


def paging(step: StepReport) -> str:
    """`paged` or `resolved`, or nothing; see `Provider.paging`."""
    provider = KNOWN.get((step.node or "").partition(".")[0])
    if provider is None or step.node is None:
        return ""
    return provider.paging(step.node, step.arguments if isinstance(step.arguments, Mapping) else {})
