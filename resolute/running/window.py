"""Which steps of a plan a run may begin: all of them, those before one of them, or one alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from resolute.plan.errors import NodeFailedError
from resolute.plan.step import Step, walk
from resolute.plan.values import Json

_PLACE: Final = re.compile(r"(\[\d+\]|#\d+)\.")


@dataclass
class Window:
    """`until` is the step before which a run lets go, `only` the one step that it begins; both by their id in the run.

    `reached` says that the run has come to the step of `until`, and `carried` that the step had ended before the run
    began. `output` and `error` are what the one step has come to.
    """

    until: str = ""
    only: str = ""
    reached: bool = False
    carried: bool = False
    output: Json = None
    error: NodeFailedError | None = None

    def opens(self, step: Step, path: str) -> bool:
        """Whether a step may be begun that has no outcome yet."""
        if not self.only:
            return True
        return path + step.id == self.only or _leads_to(step, path, self.only)


def _leads_to(step: Step, path: str, wanted: str) -> bool:
    if not wanted.startswith(path):
        return False
    inner = _PLACE.split(wanted[len(path) :])[0]
    return any(each.id == inner for each in walk((step,)))
