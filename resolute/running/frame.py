"""Where in a run a block of steps stands: what its ids begin with, what its steps can read, what they have come to."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from typing import cast

from resolute.plan.errors import NodeFailedError
from resolute.plan.values import Json, JsonObject
from resolute.running.together import OneOfTogether


@dataclass
class Kept:
    """What the steps of a block have come to: all that a run needs to be continued in another history.

    `outputs` are those of completed steps, and `done` the completed steps that have none. `failed` are the failures of
    steps beside which others still run, `parts` what a step that has begun knows so far, in its kind's own form, and
    `inner` the turns and items of a loop that are not finished, by their path. `held` are the steps that wait for a
    person, or that a person has decided on.
    """

    outputs: dict[str, Json] = field(default_factory=dict[str, Json])
    done: dict[str, None] = field(default_factory=dict[str, None])
    failed: dict[str, NodeFailedError] = field(default_factory=dict[str, NodeFailedError])
    parts: dict[str, Json] = field(default_factory=dict[str, Json])
    inner: dict[str, Kept] = field(default_factory=dict[str, "Kept"])
    held: dict[str, Json] = field(default_factory=dict[str, Json])

    def as_json(self) -> JsonObject:
        """As plain data, without what is empty."""
        data: dict[str, Json] = {
            "outputs": self.outputs,
            "done": list(self.done),
            "failed": {step: error.facts() for step, error in self.failed.items()},
            "parts": self.parts,
            "inner": {path: kept.as_json() for path, kept in self.inner.items()},
            "held": self.held,
        }
        return {name: value for name, value in data.items() if value}


def kept_from(data: JsonObject) -> Kept:
    """What `Kept.as_json` wrote.

    Raises:
        KeyError, TypeError, AttributeError: it is not what any release writes.
    """
    part = {
        name: dict(cast("JsonObject", data.get(name, {}))) for name in ("outputs", "failed", "parts", "inner", "held")
    }
    return Kept(
        outputs=part["outputs"],
        done=dict.fromkeys(str(step) for step in cast("list[Json]", data.get("done", []))),
        failed={step: NodeFailedError.from_facts(cast("JsonObject", facts)) for step, facts in part["failed"].items()},
        parts=part["parts"],
        inner={path: kept_from(cast("JsonObject", kept)) for path, kept in part["inner"].items()},
        held=part["held"],
    )


@dataclass(frozen=True)
class Frame:
    """One block of steps in a run.

    `path` is what the ids of its steps begin with: `certs[3].`; empty at the top. `outputs` is what its steps can read,
    the outputs of the blocks around it among them. `items` are the items of the loops around it, and `last` the outputs
    of the turn before. `alone` says that nothing else of the run is at work while its steps are, and `collected` that
    the flow itself says what becomes of their failures. `together` makes the calls of its steps with those of other
    items; None where each is made by itself.
    """

    kept: Kept
    outputs: MutableMapping[str, Json]
    path: str = ""
    items: Mapping[str, Json] = field(default_factory=dict[str, Json])
    last: JsonObject = field(default_factory=dict[str, Json])
    alone: bool = True
    collected: bool = False
    together: OneOfTogether | None = None

    def beside_others(self) -> Frame:
        """The same block, where other steps are at work at the same time."""
        return replace(self, alone=False) if self.alone else self

    def alone_again(self) -> Frame:
        """The same block, when nothing else of the run is at work any more."""
        return replace(self, alone=True, together=None)

    def inside(
        self,
        place: str,
        *,
        items: Mapping[str, Json] | None = None,
        last: JsonObject | None = None,
        alone: bool,
        collected: bool = False,
    ) -> Frame:
        """The block of one item or turn, whose place is `certs[3]` or `poll#7`.

        What its steps come to is kept apart, and can be let go of as a whole (see `forget`).
        """
        kept = self.kept.inner.setdefault(place, Kept())
        return Frame(
            kept=kept,
            outputs=ChainMap(kept.outputs, self.outputs),
            path=f"{self.path}{place}.",
            items={**self.items, **(items or {})},
            last=self.last if last is None else last,
            alone=alone,
            collected=self.collected or collected,
        )

    def forget(self, place: str) -> None:
        """Lets go of an item or turn that has ended, and whose result its loop has taken."""
        self.kept.inner.pop(place, None)


def top_frame(kept: Kept) -> Frame:
    """The frame of the flow's own steps."""
    return Frame(kept=kept, outputs=kept.outputs)
