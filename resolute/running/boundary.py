"""The boundary that nothing gets past: whatever a run meets becomes an error of the run.

On Temporal any other exception would fail the workflow task, which is tried again for ever. Cancellation is none of
these: it is no `Exception`, and passes.
"""

from __future__ import annotations

from traceback import walk_tb
from typing import Final

from resolute.plan.errors import FlowError, InternalError, NodeFailedError
from resolute.plan.step import Step
from resolute.plan.texts import name_of, shortened, text_of

_FRAMES: Final = 20


def failure_at(step: Step, step_id: str, error: Exception) -> NodeFailedError:
    """An error as that of the step where it was met; `step_id` is its id in the run."""
    if isinstance(error, NodeFailedError):
        return error
    known = flow_error(error)
    return NodeFailedError(
        step=step_id,
        node=step.node_name or "",
        error_type=type(known).__name__,
        reason=str(known),
        trace=known.trace if isinstance(known, InternalError) else "",
    )


def flow_error(error: Exception) -> FlowError:
    """An error as one that fails a run; what is no `FlowError` is a bug of Resolute and told as such."""
    if isinstance(error, FlowError):
        return error
    said = f"{name_of(error)}: {text_of(error)}"
    return InternalError(f"{said}; this is a bug in Resolute: report it with its trace", trace=_trace(error))


def _trace(error: Exception) -> str:
    # Without lines of source: reading them would be reading files, and the workflow reads none.
    frames = [
        f"{frame.f_globals.get('__name__', '?')}:{line} in {frame.f_code.co_name}"
        for frame, line in walk_tb(error.__traceback__)
    ]
    if len(frames) > _FRAMES:
        half = _FRAMES // 2
        frames = [*frames[:half], f"... {len(frames) - _FRAMES} more ...", *frames[-half:]]
    return shortened("\n".join(frames))
