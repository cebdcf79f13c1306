"""A flow as it is written now, over what past runs recorded: what it would have done, against what was done.

Nothing is called but nodes that only compute. What was read then is answered as it was then; what was never asked then
is not guessed: the run is followed up to there, and the verdict says so.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

from resolute.execution.executor import NodeExecutor
from resolute.plan.errors import RunCancelledError, RunTimedOutError
from resolute.plan.kinds.call import calls_in
from resolute.plan.plan import Plan
from resolute.plan.policies import Effect
from resolute.plan.values import Json
from resolute.running.interpreter import Interpreter
from resolute.running.recall import Memory
from resolute.temporal.history.acts import Act, differences
from resolute.temporal.history.edited import EditedRuntime
from resolute.temporal.history.past import PastRuntime
from resolute.temporal.history.recorded import Recorded
from resolute.temporal.history.replaying import let_go, memory_handed
from resolute.temporal.workflows.handing_over import HAND_OVER

Word: TypeAlias = Literal["same", "different", "unknown", "left out"]

_OPEN: Final = "open"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the flow would have done in one past run, against what was done.

    `no_longer` are writes that were done and would not be, `new` those that would be and were not. `ended` is how the
    run ended and would end. `unknown` says what the record does not answer, and `assumed` which outputs of writes that
    were not done then the run went on with.
    """

    word: Word
    no_longer: tuple[Act, ...] = ()
    new: tuple[Act, ...] = ()
    ended: tuple[str, str] = ("", "")
    unknown: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Played:
    """One run that was played back: how it ended, what it wrote, and what it hands on."""

    ended: str
    acts: Sequence[Act]
    memory: Memory | None


@dataclass
class Backtest:
    """The runs of one flow, one after the other, oldest first: each hands its memory to the next.

    `executor` has the nodes of the flow as they are written now.
    """

    plan: Plan
    executor: NodeExecutor
    _memory: Memory | None = field(default=None, init=False)
    _is_followed: bool = field(default=False, init=False)

    async def judge(self, recorded: Recorded) -> Verdict:
        """What the flow would have done in the next past run."""
        own = recorded.start.plan or recorded.plan
        if own is None or HAND_OVER in recorded.answers or recorded.start.earlier.outcomes is not None:
            self._is_followed = False
            why = "it ended before its first step" if own is None else "it went on from another run, or in one"
            return Verdict(word="left out", unknown=(why,))
        if own.is_dry:
            return Verdict(word="left out", unknown=("it was dry, and has written nothing",))
        effects = self._effects(own)
        past = PastRuntime(_fresh(recorded), effects)
        was = await self._played(own, past, recorded, memory_handed(recorded, own))
        now = EditedRuntime(_fresh(recorded), effects, past.asked, self.executor)
        handed = memory_handed(recorded, own)
        chained = self._memory if self._is_followed and handed is not None else handed
        would = await self._played(self.plan.model_copy(update={"mode": "live"}), now, recorded, chained)
        unknown = [*now.unknown]
        if was.ended == _OPEN:
            unknown.append("the record of the run cannot be followed to its end")
        self._is_followed = not unknown
        self._memory = would.memory
        no_longer, new = differences(was.acts, would.acts)
        if unknown:
            no_longer = []  # they may come behind what is not known
        differs = bool(no_longer or new or (not unknown and was.ended != would.ended))
        return Verdict(
            word="different" if differs else "unknown" if unknown else "same",
            no_longer=tuple(no_longer),
            new=tuple(new),
            ended=(was.ended, "" if unknown else would.ended),
            unknown=tuple(dict.fromkeys(unknown)),
            assumed=tuple(dict.fromkeys(now.assumed)),
        )

    def _effects(self, own: Plan) -> Mapping[str, Effect]:
        """What each node does to the world: as the code says now, else as the run's plan said."""
        effects: dict[str, Effect] = {call.node: call.effect for call in calls_in((*own.steps, *own.on_failure))}
        return {**effects, **{name: definition.effect for name, definition in self.executor.definitions.items()}}

    async def _played(self, plan: Plan, runtime: PastRuntime, recorded: Recorded, memory: Memory | None) -> Played:
        interpreter = Interpreter(
            plan,
            runtime,
            input_data=recorded.start.input,
            memory=memory,
            scheduled_for=recorded.scheduled_for or recorded.began_at,
            origin=recorded.origin,
        )
        run = asyncio.ensure_future(interpreter.run())
        try:
            await runtime.settled(run)
            while not run.done() and runtime.go_on(interpreter):
                await runtime.settled(run)
            ended = _ended(run)  # before it is let go of, which looks like a cancel
            return Played(ended, tuple(runtime.acts), interpreter.handed_on())
        finally:
            await let_go(run)


def _ended(run: asyncio.Task[Json]) -> str:
    if not run.done() or run.cancelled():
        return _OPEN
    match run.exception():
        case None:
            return "completed"
        case RunCancelledError():
            return "cancelled"
        case RunTimedOutError():
            return "timed out"
        case _:
            return "failed"


def _fresh(recorded: Recorded) -> Recorded:
    """The record, to be read from its beginning once more."""
    return replace(
        recorded,
        answers={step: copy.copy(answer) for step, answer in recorded.answers.items()},
        calls={step: [copy.copy(answer) for answer in answers] for step, answers in recorded.calls.items()},
        fired={step: list(times) for step, times in recorded.fired.items()},
        said=list(recorded.said),
        ahead=list(recorded.ahead),
    )
