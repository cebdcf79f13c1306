"""A provider on the bench: its nodes run attempt by attempt, as an engine runs them, without a flow."""

from __future__ import annotations

import math
from time import monotonic
from typing import Any, Final, Generic, TypeVar, cast

from pydantic import TypeAdapter

from resolute.execution.executor import NodeExecutor
from resolute.plan.context import CallContext
from resolute.plan.errors import NodeError
from resolute.plan.expressions import encode
from resolute.plan.provider import Provider
from resolute.plan.values import JsonObject
from resolute.writing.node import NodeFactory

P = TypeVar("P", bound=Provider)


ATTEMPTS: Final = 6
"""How often `insist` runs a node at most."""


class Bench(Generic[P]):
    """Runs the nodes of an open provider, for its own tests.

    What an attempt leaves for the next one (`leave`, heartbeats) is there for it.

    Attributes:
        provider: the provider, which is open.
        time: what a step has for all its attempts, in seconds.
        between: seconds from one attempt to the next, by the clock that they share: longer than any pause at first.
        beats: what attempts have left, the last one last.
        errors: what attempts have failed with, which `insist` tried again.
    """

    def __init__(self, provider: P) -> None:
        self.provider = provider
        self.time = math.inf
        self.between = 3600.0
        self.beats: list[Any] = []
        self.errors: list[NodeError] = []
        self._executor = NodeExecutor([], [provider])

    async def run(
        self,
        factory: NodeFactory[..., Any],
        *,
        step: str = "step",
        attempt: int = 1,
        earlier: int = 0,
        within: float = math.inf,
        unheard: bool = False,
        **given: Any,
    ) -> Any:
        """One attempt of a node; gives its output as its model.

        Args:
            factory: the node.
            step: the step that it is run as: the same step is the same work, tried again.
            attempt: which attempt of the step it is.
            earlier: how many attempts there had been when a person had the step tried again.
            within: seconds after which the attempt is given up.
            unheard: whether nothing was heard of the end of the attempt before it: its worker died, or it hung.
            **given: what the node is given.

        Raises:
            NodeError: the attempt failed.
        """
        definition = factory.definition
        call = CallContext(
            flow="flow",
            run_id="run",
            step=step,
            node=definition.name,
            attempt=attempt,
            earlier=earlier,
            heartbeat=lambda *details: self.beats.append(details),
            last_heartbeat=self.beats[-1] if self.beats else (),
            deadline=monotonic() + within,
            last_deadline=monotonic() + self.time,
            clock_offset=attempt * self.between,
            unheard=unheard,
        )
        output = await self._executor.execute(call, cast("JsonObject", encode(given)))
        return TypeAdapter(definition.result_type).validate_python(output)

    async def insist(
        self, factory: NodeFactory[..., Any], *, step: str = "step", within: float = math.inf, **given: Any
    ) -> Any:
        """As `run`, tried again at once after every error that is retryable. `within` is for the first attempt alone.

        Raises:
            NodeError: an attempt failed with what is not retried, or the last one failed.
        """
        for attempt in range(1, ATTEMPTS):
            try:
                return await self.run(factory, step=step, attempt=attempt, within=within, **given)
            except NodeError as error:
                self.errors.append(error)
                if not error.retryable:
                    raise
                within = math.inf
        return await self.run(factory, step=step, attempt=ATTEMPTS, **given)
