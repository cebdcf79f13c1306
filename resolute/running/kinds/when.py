"""Runs a choice."""

from __future__ import annotations

from typing import cast

from resolute.plan.kinds.when import When
from resolute.plan.values import Json
from resolute.running.evaluate import is_true
from resolute.running.frame import Frame
from resolute.running.run import NOTHING, Run


async def run_when(when: When, frame: Frame, run: Run) -> object:
    """Runs the block that the condition chose. It is looked at once: a run that is continued keeps to its choice."""
    condition = cast("Json", when.condition)
    run.state.look(when, frame, condition)
    if when.id in frame.kept.parts:
        holds = frame.kept.parts[when.id] is True
    else:
        holds = is_true(condition, run.state.scope(frame))
        frame.kept.parts[when.id] = holds
    block, left_out = (when.then, when.otherwise) if holds else (when.otherwise, when.then)
    run.state.take(when, frame, "then" if holds else "otherwise", left_out)
    await run.block(block, frame)
    return NOTHING
