"""Runs a budget: asks it, and gives its answer."""

from __future__ import annotations

from typing import cast

from resolute.plan.kinds.budget import Budget
from resolute.plan.values import Json
from resolute.running.evaluate import evaluate
from resolute.running.frame import Frame
from resolute.running.run import Run
from resolute.running.shared.asking import Asking, name_of
from resolute.running.shared.budgets import LOOK, TAKE


async def run_budget(budget: Budget, frame: Frame, run: Run) -> Json:
    """Gives what an `Allowance` holds. A dry run looks, and takes nothing."""
    looks = budget.take == 0
    if run.plan.is_dry and not looks:
        looks = True
        run.state.leave_undone(budget, frame, "a dry run looks at a budget and takes nothing")
    key = evaluate(cast("Json", budget.key), run.state.scope(frame))
    return await run.runtime.share(
        Asking(
            step=frame.path + budget.id,
            of=name_of("budget", budget.name, key, has_key=budget.key is not None),
            word=LOOK if looks else TAKE,
            data={"at_most": budget.at_most, "per": budget.per, "take": max(budget.take, 1)},
        )
    )
