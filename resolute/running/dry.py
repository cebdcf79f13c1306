"""What a worker answers in a dry run: a node's output, or one that was made up because the node was not run.

A dry run reads and computes, and writes nothing. The worker decides, by what its own node says of itself: it alone
knows the code that would run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast

from resolute.plan.values import Json, JsonObject

_OUTPUT: Final = "output"
_NOT_DONE: Final = "not done"


@dataclass(frozen=True)
class DryAnswer:
    """The output of a call in a dry run; `not_done` says why the node was not run, and is empty where it was."""

    output: Json
    not_done: str = ""

    def as_json(self) -> Json:
        """As a worker records it."""
        return {_OUTPUT: self.output, _NOT_DONE: self.not_done} if self.not_done else {_OUTPUT: self.output}

    @classmethod
    def of(cls, recorded: Json) -> DryAnswer:
        """What `as_json` wrote."""
        held = cast("JsonObject", recorded)
        return cls(held[_OUTPUT], str(held.get(_NOT_DONE, "")))
