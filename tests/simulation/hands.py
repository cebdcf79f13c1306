"""Makes the calls of a run by the in-memory runtime, with faults and deaths at each boundary."""

from __future__ import annotations

import asyncio
import json
from contextvars import copy_context
from datetime import datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast

from resolute.execution.executor import FailureFacts
from resolute.memory.clock import VirtualClock
from resolute.memory.runtime import MemoryRuntime
from resolute.plan.policies import SIGN_OF_LIFE
from resolute.plan.values import Json, JsonObject
from resolute.running.made import CallStoppedError
from resolute.running.runtime import CallRequest
from resolute.running.shared.asking import Asking
from resolute.running.shared.budgets import TAKE
from resolute.running.switches import Stop
from resolute.temporal.activities.at_work import AtWork
from resolute.temporal.activities.several import Several
from resolute.temporal.trust.belief import Belief
from resolute.temporal.trust.seals import NO_KEYS
from tests.simulation.checker import Asked, Effect
from tests.simulation.faulty import TELLING, Faulty
from tests.simulation.history import Carried
from tests.simulation.network import LIFE

if TYPE_CHECKING:
    from temporalio.activity import Info

    from tests.simulation.run import SimulatedRun
    from tests.simulation.server import Server


_BELIEF: Final = Belief(NO_KEYS, ())
_AT_WORK: Final = AtWork()

METERED: Final = "budget/metered"
"""What a budget is called that all runs of a world share, and use up."""

_LOST: Final = 0.35
"""How often an answer of it is lost."""


class LoopClock(VirtualClock):
    """The time of the server. Nobody holds it: time passes in the loop alone."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._server = server

    def now(self) -> datetime:
        """The time."""
        return self._server.now()

    def busy(self) -> Any:
        """Nothing is held."""
        return _NOTHING

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        await asyncio.sleep(seconds)


class _Nothing:
    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


_NOTHING = _Nothing()


class Hands(MemoryRuntime):
    """The calls of one run. Those of the activity lane are the server's, and outlive the worker."""

    def __init__(self, run: SimulatedRun) -> None:
        server = run.server
        super().__init__(
            server.executor,
            LoopClock(server),
            flow=run.plan.name,
            run_id=run.id,
            patience=float("inf"),
            shared=server.shared,
            flows=run.flows,
        )
        self._run = run
        self._server = server
        self._local: set[str] = set()
        self._questions: set[tuple[str, str]] = set()
        self._info = cast("Info", SimpleNamespace(workflow_type=run.plan.name, workflow_id=run.id))
        self.attempts: dict[str, int] = {}
        """The attempts of each step that its policy counts."""

    async def make(self, request: CallRequest, *, local: bool) -> Json:
        """Runs a node by its policy."""
        if local:
            self._local.add(request.step)
            LIFE.set(self._server.life)
        else:
            self._local.discard(request.step)
        return await self._call(request)

    async def carry(self, number: int, arguments: JsonObject) -> Carried:
        """Makes a trip, as a worker does, and brings its record back."""
        server = self._server
        said = json.loads(json.dumps({**arguments, "run_id": self._run.id, "flows": self._run.flows}))
        several = Several(
            Faulty(self._run, server.life), _BELIEF, _AT_WORK, None, lambda call, facts: None, clock=server.loop.time
        )
        LIFE.set(server.life)
        record = await several.run(self._info, said)
        if self._dies("death in a workflow task"):
            await server.never()
        return Carried(number, json.loads(json.dumps(record)))

    async def look(self, stop: Stop) -> Json:
        """What now stops a call that was stopped, as the worker knows."""
        server, life = self._server, self._server.life
        await server.sleep(server.people.draw.random() * 0.1)
        if life != server.life or self._dies("death in a workflow task"):
            await server.never()
        now = await self.still("", stop)
        return None if now is None else now.as_json()

    async def ask(self, asking: Asking) -> Json:
        """Asks what runs share, until the answer has come."""
        server, pause = self._server, 0.2
        while True:
            await server.polled()
            if not server.chance.happens("question lost"):
                answer = await self.share(asking)
                self._note(asking, answer)
                if not (server.chance.happens("answer to a question lost") or self._is_lost(asking)):
                    return answer
            await server.sleep(pause)
            pause = min(pause * 2, 60.0)

    def _is_lost(self, asking: Asking) -> bool:
        """Whether the answer of a budget is lost that runs use up, and so of which it matters that it counts once."""
        server = self._server
        if asking.of != METERED or (self._run.id, asking.step) in self._questions:
            return False
        self._questions.add((self._run.id, asking.step))
        if not server.chance.may_go_wrong or server.questions.random() >= _LOST:
            return False
        server.chance.faults["answer to a question lost"] += 1
        return True

    def _note(self, asking: Asking, answer: Json) -> None:
        """What a budget says; when it was asked first is when it counts."""
        if asking.of != METERED or asking.word != TAKE:
            return
        server, data = self._server, cast("JsonObject", asking.data)
        name = (self._run.id, asking.step)
        first = server.asked.get(name)
        server.asked[name] = Asked(
            at=first.at if first else server.tick(),
            of=asking.of,
            run=self._run.id,
            step=asking.step,
            time=first.time if first else server.loop.time(),
            granted=cast("JsonObject", answer)["granted"] is True,
            at_most=int(cast("int", data["at_most"])),
            per=float(cast("float", data["per"])),
        )

    async def _attempt(self, request: CallRequest, attempt: int, limit: Any, heartbeat: Any, began: datetime) -> Any:
        server, chance, step = self._server, self._server.chance, request.step
        local = step in self._local
        if local and LIFE.get() != server.life:
            await server.never()  # it died in the pause before this attempt
        if local:  # where the worker dies, they begin anew
            self.attempts[step] = max(self.attempts.get(step, 0), request.made.counted + attempt)
        else:
            await server.polled()
            self.attempts[step] = self.attempts.get(step, 0) + 1
        life, before = server.life, heartbeat.details
        if self._dies("death in a workflow task" if local else "death before a call"):
            return await self._lost(limit, heartbeat, local=local)
        # Where nobody is told, somebody waits for ever, and should.
        if not request.node.endswith(TELLING) and chance.happens("permanent error"):
            self._run.permanent.add(step)
            return FailureFacts(error_type="TerminalError", message="this can not be done", retryable=False)
        if chance.happens("error before a call"):
            return FailureFacts(error_type="NodeError", message="not now", retryable=True)
        number = request.made.attempts + attempt - request.made.earlier
        effect = self._run.begins(step, request.node, number, local=local, lifted=request.lifted)
        made = super()._attempt(request, attempt, limit, heartbeat, began)
        work = self._begin(self._unless_stopped(effect, request, made), life)
        ended = server.loop.create_future()
        work.add_done_callback(lambda _: ended.done() or ended.set_result(None))
        self._run.attempts.append(ended)
        try:
            await ended
        except asyncio.CancelledError:
            if life != server.life:
                raise
            work.cancel()
            return await self._uncounted(step, work, local=local)
        finally:
            self._run.attempts.remove(ended)
        if life != server.life or self._dies("death in a workflow task" if local else "death after a call"):
            server.left.append(work)
            told = _has_failed(work) and chance.draw.random() < 0.5  # and died before the failure was recorded
            if not told and chance.happens("heartbeat lost"):
                heartbeat.details = before
            return await self._lost(limit, heartbeat, local=local, told=told)
        if not local and chance.happens("answer lost"):
            heartbeat.heard = False
            await server.sleep(limit.seconds)
            return FailureFacts(error_type="TimeoutError", message="no answer", retryable=True)
        return await self._uncounted(step, work, local=local)

    async def _unless_stopped(self, effect: Effect, request: CallRequest, work: Any) -> Any:
        """An attempt, which a switch may stop."""
        try:
            return await work
        except CallStoppedError as stopped:
            self._run.was_stopped(effect, request.node, stopped)
            raise

    async def _uncounted(self, step: str, work: asyncio.Task[Any], *, local: bool) -> Any:
        """What came of an attempt, as the server hears it: one that a switch has stopped does not count.

        It does where its worker died before the server heard so.
        """
        try:
            return await work
        except CallStoppedError:
            if not local:
                self.attempts[step] -= 1
            raise

    def _begin(self, work: Any, life: int) -> asyncio.Task[Any]:
        context = copy_context()
        context.run(LIFE.set, life)
        return self._server.loop.create_task(work, context=context)

    def _dies(self, sort: str) -> bool:
        if not self._server.is_well or not self._server.chance.happens(sort):
            return False
        self._server.die()
        return True

    async def _lost(self, limit: Any, heartbeat: Any, *, local: bool, told: bool = False) -> FailureFacts:
        """The worker died with the attempt: the server notices when there is no sign of life from it.

        `told` says that its last heartbeat was of its end.
        """
        heartbeat.heard = told
        if local:
            await self._server.never()
        await self._server.sleep(min(limit.seconds, SIGN_OF_LIFE))
        return FailureFacts(error_type="TimeoutError", message="no sign of life", retryable=True)


def _has_failed(work: asyncio.Task[Any]) -> bool:
    return work.done() and not work.cancelled() and not work.exception() and isinstance(work.result(), FailureFacts)
