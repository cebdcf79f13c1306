"""Moves a cursor."""

from __future__ import annotations

from typing import cast

from resolute.plan.kinds.move import Move
from resolute.plan.values import Json
from resolute.running.evaluate import evaluate
from resolute.running.frame import Frame
from resolute.running.run import Run
from resolute.running.shared.asking import Asking, name_of
from resolute.running.shared.cursors import MOVE


async def run_move(move: Move, frame: Frame, run: Run) -> Json:
    """Has the value kept; from then on the run reads it too."""
    value = evaluate(cast("Json", move.to), run.state.scope(frame))
    if run.plan.is_dry:
        run.state.cursors[move.cursor] = value
        run.state.leave_undone(move, frame, "a dry run moves a cursor for itself alone", {"to": value})
        return None
    asking = Asking(step=frame.path + move.id, of=name_of("cursor", move.cursor), word=MOVE, data={"to": value})
    await run.runtime.share(asking)
    run.state.cursors[move.cursor] = value
    return None
