"""Bugs put in on purpose: each is a mistake that somebody could make in the product, and has to be found."""

# A bug takes what is there as it is, whatever its type.
# pyright: reportUnknownLambdaType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from typing import Any, Final

import resolute.execution.executor as executor
import resolute.memory.runtime as runtime
import resolute.providing.settling as settling
import resolute.running.interpreter as interpreter
import resolute.running.kinds.alarm as alarm
import resolute.running.kinds.call as call
import resolute.running.run as run
import resolute.running.shared.shared as shared
import resolute.temporal.activities.several as several
import resolute.temporal.workflows.trips as trips
import resolute_pagerduty.account.doubt as doubt
import resolute_pagerduty.account.sender as sender
import resolute_pagerduty.calls.notes as notes
import resolute_pagerduty.nodes.events as events
from resolute.execution.boundary import output_of
from resolute.execution.executor import NodeExecutor
from resolute.plan.context import current_call
from resolute.plan.kinds.call import Call
from resolute.plan.whole import Plan
from resolute.running.dry import DryAnswer
from resolute.running.frame import Kept
from resolute.running.interpreter import Interpreter
from resolute.running.line import Line
from resolute.running.messages import Inbox, Message
from resolute.running.outcomes import Ending, Outcomes
from resolute.running.pausing import Pausing
from resolute.running.run import Run
from resolute.running.runtime import CallRequest
from resolute.running.saga import Saga
from resolute.running.stopping import Stopping
from resolute.running.switches import Switches
from resolute.temporal.wire.together import Round
from resolute.temporal.workflows.rounds import Ahead
from resolute.temporal.workflows.trips import Trips


@contextmanager
def _patched(owner: Any, name: str, changed: Callable[[Any], Any]) -> Generator[None]:
    """Puts something in the place of a function, made from what was there."""
    before = owner.__dict__[name]
    setattr(owner, name, changed(before))
    try:
        yield
    finally:
        setattr(owner, name, before)


def _undo_left_out(due: Any) -> Any:
    return lambda self: due(self)[:-1]


def _undo_forwards(due: Any) -> Any:
    return lambda self: due(self)[::-1]


def _undo_begun_anew(as_json: Any) -> Any:
    def changed(self: Outcomes) -> Any:
        ending = self.ending
        if ending is None:
            return as_json(self)
        return as_json(replace(self, ending=Ending(ending.error, 0, ending.failed)))

    return changed


def _undo_of_children_lost(_: Any) -> Any:
    return lambda recorded, undo: recorded


def _undo_is_no_longer_due(as_json: Any) -> Any:
    return lambda self, state: as_json(self, state)[:-1]


def _key_of_an_attempt(derived_key: Any) -> Any:
    return lambda: f"{derived_key()}-{current_call().attempt}"


def _nothing_looked_for(_: Any) -> Any:
    async def changed(*_: object) -> None:
        return None

    return changed


def _not_settled(_: Any) -> Any:
    return lambda what, settle: None


def _only_who_was_sending(_: Any) -> Any:
    return lambda settle, *, sending: settle if sending else 0.0


def _lost_once_and_for_all(_: Any) -> Any:
    return lambda seconds: None


def _last_word_believed(current: Any) -> Any:
    return lambda: replace(current(), unheard=False)


def _outcome_forgotten(as_json: Any) -> Any:
    def changed(self: Kept) -> Any:
        return as_json(replace(self, outputs=dict(list(self.outputs.items())[:-1])))

    return changed


def _failure_forgotten(as_json: Any) -> Any:
    return lambda self: as_json(replace(self, failed={}))


def _held_forgotten(as_json: Any) -> Any:
    return lambda self: as_json(replace(self, held={}))


def _part_forgotten(as_json: Any) -> Any:
    return lambda self: as_json(replace(self, parts={}))


def _memory_of_good_runs_alone(handed_on: Any) -> Any:
    return lambda self, *, well=False: handed_on(self, well=well) if well else None


def _closed_at_the_edge_alone(is_to_be_closed: Any) -> Any:
    return lambda alarm, after, signal: is_to_be_closed(alarm, after, signal) and after.incident != "unsure"


def _not_written_before(write: Any) -> Any:
    return lambda self, after: None if after.incident in ("opening", "unsure") else write(self, after)


def _asked_twice_counts_twice(digest: Any) -> Any:
    numbers = count()
    return lambda asked: digest(f"{asked}/{next(numbers)}")


def _queue_drops_a_start(decide: Any) -> Any:
    def changed(self: Line, start: Any, now: float) -> Any:
        became = decide(self, start, now)
        if became == "queued" and len(self.waiting) > 1:
            self.waiting.pop()
        return became

    return changed


def _queue_turned_round(begin: Any) -> Any:
    def changed(self: Line) -> Any:
        self.waiting.reverse()
        return begin(self)

    return changed


def _replaced_before_its_end(decide: Any) -> Any:
    def changed(self: Line, start: Any, now: float) -> Any:
        became = decide(self, start, now)
        if became == "replaced":
            self.is_at_work = False
        return became

    return changed


def _delivery_not_known(_: Any) -> Any:
    return lambda self, start_id: None


def _told_twice(take: Any) -> Any:
    def changed(self: Inbox, message: Message) -> Any:
        self._known.pop(message.id, None)  # pyright: ignore[reportPrivateUsage]  # the bug is in there
        return take(self, message)

    return changed


def _kept_event_stays(pick: Any) -> Any:
    def changed(self: Inbox, to: Any, wanted: Any = lambda _: True) -> Any:
        message = pick(self, to, wanted)
        if message is not None:
            self._kept.insert(0, message)  # pyright: ignore[reportPrivateUsage]  # the bug is in there
        return message

    return changed


def _inbox_left_behind(_: Any) -> Any:
    return lambda self: None


def _cancel_ignored_in_loops(stop: Any) -> Any:
    return lambda self, frame=None: None if frame is not None and frame.path else stop(self, frame)


def _retries_not_counted(_: Any) -> Any:
    def left(self: CallRequest) -> Any:
        policy = self.made.policy(self.policy)
        attempts = policy.retry.attempts
        return policy.model_copy(update={"retry": policy.retry.model_copy(update={"attempts": attempts + 1})})

    return property(left)


def _time_of_the_process(prepare: Any) -> Any:
    numbers = count()

    def changed(*given: Any) -> Any:
        prepared = prepare(*given)
        if isinstance(prepared, Mapping) and "second" in prepared:
            return {**prepared, "second": next(numbers)}
        return prepared

    return changed


def _steps_carried_are_undone_no_more(restore: Any) -> Any:
    return lambda self, data, top, path="": restore(self, data if path else [], top, path)


def _ended_behind_forgotten(take: Any) -> Any:
    def changed(self: Ahead, made: Round, *times: Any) -> Any:
        first = next(iter(made.said.items()))
        return take(self, replace(made, said=dict([first])), *times)

    return changed


def _last_of_record_lost(round_in: Any) -> Any:
    return lambda record: round_in(record[:-1] if isinstance(record, list) and len(record) > 1 else record)


def _followers_run_nonetheless(_: Any) -> Any:
    return lambda said: True


def _any_call_is_quick(_: Any) -> Any:
    return lambda step: isinstance(step, Call)


def _never_ahead(_: Any) -> Any:
    return property(lambda self: False)


def _never_barred(_: Any) -> Any:
    async def changed(*_: object) -> None:
        return None

    return changed


def _nobody_woken(_: Any) -> Any:
    def changed(self: Pausing, *sources: str) -> None:
        for source in sources or tuple(self._paused):  # pyright: ignore[reportPrivateUsage]  # the bug is in there
            self._paused.pop(source, None)  # pyright: ignore[reportPrivateUsage]  # as above

    return changed


def _stopped_alone(passed: Any) -> Any:
    async def changed(self: Stopping, step_id: str, stop: Any) -> None:
        over, self._run.pausing.over = self._run.pausing.over, _never_barred(None)  # pyright: ignore[reportPrivateUsage]
        try:
            await passed(self, step_id, stop)
        finally:
            self._run.pausing.over = over  # pyright: ignore[reportPrivateUsage]

    return changed


def _brake_for_reads(stop_of: Any) -> Any:
    return lambda switches, flows, effect, **how: stop_of(switches, flows, "write", **how)


def _brake_for_none(stop_of: Any) -> Any:
    return lambda switches, flows, effect, **how: stop_of(switches, flows, "read", **how)


def _what_was_left_forgotten(made: Any) -> Any:
    return lambda **told: made(**{**told, "heartbeat": (), "unheard": False})


def _written_in_a_dry_run(_: Any) -> Any:
    async def changed(self: NodeExecutor, definition: Any, function: Any, call: Any, arguments: Any) -> Any:
        result = await self._made(definition, function, call, arguments)  # pyright: ignore[reportPrivateUsage]
        return DryAnswer(output_of(definition, result, self.environment)).as_json()

    return changed


def _decided_and_run(settled: Any) -> Any:
    async def changed(step: Any, frame: Any, of: Any) -> bool:
        await settled(step, frame, of)
        frame.kept.outputs.pop(step.id, None)
        return False

    return changed


MUTANTS: Final[Mapping[str, tuple[Any, str, Callable[[Any], Any]]]] = {
    "an undo step is left out": (Saga, "due", _undo_left_out),
    "undo steps run first step first": (Saga, "due", _undo_forwards),
    "undo begins anew in each history": (Outcomes, "as_json", _undo_begun_anew),
    "what the run of a step has done is not undone": (interpreter, "with_undo", _undo_of_children_lost),
    "the last undo step is lost when a run is continued": (Saga, "as_json", _undo_is_no_longer_due),
    "no undo step outlives a history": (Saga, "restore", _steps_carried_are_undone_no_more),
    "a dedup key for each attempt": (events, "derived_key", _key_of_an_attempt),
    "a note is not looked for": (notes, "_the_only_one", _nothing_looked_for),
    "a note is repeated before the first has settled": (sender, "check_settled", _not_settled),
    "only where an attempt was sending it is waited for": (doubt, "unsettled_for", _only_who_was_sending),
    "nobody says when a lost request has settled": (doubt, "settles_in", _lost_once_and_for_all),
    "what a dead worker has said last is believed": (settling, "current_call", _last_word_believed),
    "an outcome is not kept": (Kept, "as_json", _outcome_forgotten),
    "a failure is not kept": (Kept, "as_json", _failure_forgotten),
    "what a step knows so far is not kept": (Kept, "as_json", _part_forgotten),
    "a run that fails hands no memory on": (Interpreter, "handed_on", _memory_of_good_runs_alone),
    "an incident that may be open is not closed": (alarm, "is_to_be_closed", _closed_at_the_edge_alone),
    "an alarm writes nothing down before it opens": (alarm._Check, "_write", _not_written_before),  # pyright: ignore[reportPrivateUsage]
    "a question that is asked again counts again": (shared, "digest", _asked_twice_counts_twice),
    "a queue drops a start": (Line, "decide", _queue_drops_a_start),
    "a queue runs the last one first": (Line, "begin", _queue_turned_round),
    "a run is replaced before it has ended": (Line, "decide", _replaced_before_its_end),
    "a delivery is not known again": (Line, "known", _delivery_not_known),
    "a message that comes twice is taken twice": (Inbox, "take", _told_twice),
    "an event stays when it has been taken": (Inbox, "pick", _kept_event_stays),
    "events are lost when a run is continued": (Inbox, "as_json", _inbox_left_behind),
    "a cancel does not reach loops": (Run, "stop_where_cancelled", _cancel_ignored_in_loops),
    "one attempt more than the policy has": (CallRequest, "left", _retries_not_counted),
    "an argument that only this process knows": (call, "prepare", _time_of_the_process),
    "a step of a trip that has ended is run again": (Ahead, "take", _ended_behind_forgotten),
    "the record of a trip loses its last step": (trips, "round_in", _last_of_record_lost),
    "what follows a failed step of a trip is run nonetheless": (several, "_goes_on", _followers_run_nonetheless),
    "a trip holds a step that is not safe to repeat": (call, "is_quick", _any_call_is_quick),
    "a cancel stops a run before it knows what its trip has done": (Trips, "is_ahead", _never_ahead),
    "a paused run goes on": (Pausing, "passed", _never_barred),
    "a pause is forgotten when a run is continued": (Pausing, "as_json", lambda _: lambda self: {}),
    "a run that is resumed does not go on": (Pausing, "end", _nobody_woken),
    "a call that was stopped is made in a pause": (Stopping, "passed", _stopped_alone),
    "a paused flow goes on": (Switches, "stop", lambda _: lambda self, flows: None),
    "the brake stops nothing but requests": (executor, "stop_of", _brake_for_none),
    "the brake stops no request of what has begun": (NodeExecutor, "_check_brake", lambda _: lambda self, braked: None),
    "the brake stops what reads": (executor, "stop_of", _brake_for_reads),
    "what an attempt before the brake has left is forgotten": (runtime, "Made", _what_was_left_forgotten),
    "a dry run is a live one": (Plan, "is_dry", _never_ahead),
    "a dry run does what nodes write": (NodeExecutor, "_dry", _written_in_a_dry_run),
    "what a shadow made up is remembered": (interpreter, "memory_from", lambda _: lambda mode, given, own: own),
    "a held step is run again whatever was decided": (run, "settled", _decided_and_run),
    "a held step is not held in another history": (Kept, "as_json", _held_forgotten),
}
"""Every bug, by what it does: where it is put, and what it makes of what is there."""


@contextmanager
def mutant(name: str) -> Generator[None]:
    """Puts a bug in, for the length of a `with`."""
    with _patched(*MUTANTS[name]):
        yield
