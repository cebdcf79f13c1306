"""A call of a node."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, cast

from pydantic import Field, JsonValue

from resolute.plan.described import describe
from resolute.plan.policies import Effect, Lane, Policy
from resolute.plan.step import Block, Step, name_problems, walk
from resolute.plan.values import Json

DECISIONS: Final = "decision."
"""How the names of decision nodes begin. They are not for an author's nodes."""

EVALUATE: Final = "resolute.Evaluate"
"""The node that evaluates a condition which only the worker can know."""


class Call(Step):
    """Run a node. `id` is the step's name and Temporal's activity id; the node's output is kept under it.

    `queue` is the provider's queue whose rate limit the call counts against. `undo` are calls that run, where this one
    completed and the run fails later. `effect` is what the node said of itself when the flow was built, for people:
    what a call may do is decided by what the worker's own node says. `contract` is the digest of what the node took and
    gave when the flow was built, so that an edit of it is noticed (`NodeDefinition.contract`).
    """

    kind: Literal["call"] = "call"
    id: str
    node: str
    arguments: dict[str, JsonValue] = Field(default={})
    policy: Policy = Policy.model_construct()
    lane: Lane = "activity"
    queue: str | None = None
    effect: Effect = Field(default="write", exclude_if=lambda value: value == "write")
    contract: str | None = Field(default=None, exclude_if=lambda value: value is None)
    undo: tuple[Call, ...] = ()

    @property
    def title(self) -> str:
        """The step's name, with the node or the condition behind it where they say more."""
        if self.node == EVALUATE:
            return f"{self.id}: {describe(cast('Json', self.arguments.get('condition')))}"
        if self.node.startswith(DECISIONS):
            _, named, function = self.node.partition(":")
            return f"{self.id}: function {function}" if named else f"{self.id}: function"
        return self.id if self.node.rsplit(".", 1)[-1] == self.id else f"{self.id}: {self.node}"

    @property
    def node_name(self) -> str | None:
        """The node."""
        return self.node

    def blocks(self) -> tuple[Block, ...]:
        """What undoes the step."""
        return (Block("side", self.undo, heading="undo"),) if self.undo else ()

    def values(self) -> tuple[Json, ...]:
        """The arguments."""
        return (cast("Json", self.arguments),)

    def problems(self) -> Iterator[str]:
        """A node or queue without a proper name, and an undo step that is to be undone itself."""
        yield from name_problems("node", self.node)
        if self.queue is not None:
            yield from name_problems("queue", self.queue)
        if any(undo.undo for undo in self.undo):
            yield "an undo step has undo steps of its own"


def calls_in(steps: tuple[Step, ...]) -> list[Call]:
    """Every call in the steps, in the order of the plan, undo calls behind their step."""
    return [step for step in walk(steps) if isinstance(step, Call)]
