"""What runs the nodes of a trip, with faults and deaths before, in and after each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from resolute.execution.executor import NodeExecutor
from resolute.plan.context import CallContext
from resolute.plan.errors import NodeError, TerminalError
from resolute.plan.values import Json, JsonObject
from resolute.running.made import CallStoppedError

if TYPE_CHECKING:
    from tests.simulation.run import SimulatedRun

TELLING: Final = ("tell", "ask_for")
"""Nodes by which somebody outside is heard. Where nobody is told, somebody waits for ever, and should."""

_LONGEST: Final = 0.8
"""Seconds that a quick node takes at most: so many of them are more than one trip."""


class Faulty(NodeExecutor):
    """The nodes of a world, as one trip runs them in one life of the worker."""

    def __init__(self, run: SimulatedRun, life: int) -> None:
        self._of = run.server.executor
        self.environment, self.definitions, self.providers = self._of.environment, self._of.definitions, {}
        self._run = run
        self._life = life

    async def execute(self, call: CallContext, arguments: JsonObject) -> Json:
        """Runs a node; see `NodeExecutor.execute`."""
        server, run, chance = self._run.server, self._run, self._run.server.chance
        await self._live()
        number = call.attempt - call.earlier
        run.hands.attempts[call.step] = max(run.hands.attempts.get(call.step, 0), number)
        if not call.node.endswith(TELLING) and chance.happens("permanent error"):
            run.permanent.add(call.step)
            raise TerminalError("this can not be done")
        if chance.happens("error before a call"):
            raise NodeError("not now")
        if run.parent is None and chance.happens("run cancelled in a trip"):
            server.cancel(run)
        await server.sleep(chance.lag(_LONGEST))
        await self._live()
        effect = run.begins(call.step, call.node, number, local=True)
        try:
            output = await self._of.execute(call, arguments)
        except CallStoppedError as stopped:
            run.was_stopped(effect, call.node, stopped)
            raise
        await self._live()
        return output

    async def _live(self) -> None:
        """Nothing goes on in a worker that has died, or dies now."""
        server = self._run.server
        if self._life == server.life and server.is_well and server.chance.happens("death in a workflow task"):
            server.die()
            await server.never()
        if self._life != server.life:
            await server.never()
