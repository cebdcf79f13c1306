"""Runs nodes as an engine does, against a served simulator."""

import math
from time import monotonic
from typing import Any, Final

from pydantic import TypeAdapter

from resolute.execution.executor import NodeExecutor
from resolute.plan.context import CallContext
from resolute.plan.errors import NodeError
from resolute.plan.expressions import encode
from resolute.writing.node import NodeFactory
from resolute_slack import Slack
from resolute_slack.simulator import Simulator

ATTEMPTS: Final = 6


class Bench:
    """A provider on the bench, with the simulator that it talks to. `errors` are those of attempts that failed."""

    def __init__(self, sim: Simulator, provider: Slack) -> None:
        self.sim = sim
        self.provider = provider
        self.executor = NodeExecutor([], [provider])
        self.beats: list[Any] = []
        self.errors: list[NodeError] = []

    async def run(
        self,
        factory: NodeFactory[..., Any],
        *,
        step: str = "step",
        attempt: int = 1,
        within: float = math.inf,
        **given: Any,
    ) -> Any:
        """One attempt of a node, which is given up after some seconds; its output as its model."""
        definition = factory.definition
        call = CallContext(
            flow="flow",
            run_id="run",
            step=step,
            node=definition.name,
            attempt=attempt,
            heartbeat=lambda *details: self.beats.append(details),
            last_heartbeat=self.beats[-1] if self.beats else (),
            deadline=monotonic() + within,
            last_deadline=math.inf,
        )
        arguments: Any = encode(given)
        output = await self.executor.execute(call, arguments)
        return TypeAdapter(definition.result_type).validate_python(output)

    async def insist(
        self, factory: NodeFactory[..., Any], *, step: str = "step", within: float = math.inf, **given: Any
    ) -> Any:
        """As `run`, tried again after every error that is retryable, as the engine would."""
        for attempt in range(1, ATTEMPTS):
            try:
                return await self.run(factory, step=step, attempt=attempt, within=within, **given)
            except NodeError as error:
                self.errors.append(error)
                if not error.retryable:
                    raise
                within = math.inf
        return await self.run(factory, step=step, attempt=ATTEMPTS, **given)

    def sent(self, method: str) -> list[Any]:
        """What was given to a method, in order."""
        return [each.arguments for each in self.sim.requests if each.method == method]
