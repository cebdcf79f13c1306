"""Calls of the local lane whose node this worker does not have, while workers are replaced.

Only this worker would try such a call again, so its run hands the workflow task back, and another worker is given it.
"""

from __future__ import annotations

from dataclasses import replace

from resolute.execution.executor import FailureFacts
from resolute.plan.errors import UnknownNodeError
from resolute.temporal.wire.elsewhere import Waits, elsewhere


def in_rollout(step: str, facts: FailureFacts, waits: Waits | None) -> FailureFacts:
    """A failed attempt of a local call, which says until when runs wait if another worker may have the node.

    Raises:
        ApplicationError: another worker may have it, and the run waits for one.
    """
    # In the activity lane it is the server that gives the next attempt to whichever worker asks for one.
    if waits is None or not isinstance(facts.error, UnknownNodeError):
        return facts
    said = f"{facts.message}; a run waits for a worker that has it until 5 minutes after its start, here {waits.until}"
    if not waits.over:
        raise elsewhere(f"step {step!r}: {said}", facts.error_type) from None
    return replace(facts, message=said)
