"""Runs an alarm: looks at its conditions, and opens or closes its incident where the state has changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Final, cast

from pydantic import ValidationError

from resolute.plan.alarmed import CheckOutcome
from resolute.plan.errors import EvaluationError, NodeFailedError
from resolute.plan.kinds.alarm import Alarm
from resolute.plan.kinds.call import Call
from resolute.plan.muted import Muted
from resolute.plan.step import walk
from resolute.plan.triggers import Schedule
from resolute.plan.values import Json, JsonObject, digest
from resolute.running.evaluate import evaluate
from resolute.running.frame import Frame
from resolute.running.hold import skipped_by
from resolute.running.kinds.watching import (
    Signal,
    Watched,
    checked,
    has_lapsed,
    is_due,
    is_late,
    is_to_be_closed,
    is_to_be_opened,
    raised,
    watched_from,
)
from resolute.running.notebook import MOST_ENTRIES
from resolute.running.report import SAID
from resolute.running.run import Run
from resolute.running.shared.asking import Asking
from resolute.running.shared.mutes import MUTED, MUTES, text_of_mute
from resolute.running.truth import truth_of

TELLS_SKIPPED: Final = 5
"""The first interpreter by which a check whose page a person has skipped has not paged.

A flow may go on by what its check came to, so what older ones said must come again in a replay.
"""

_LONGEST_KEY: Final = 150


async def run_alarm(alarm: Alarm, frame: Frame, run: Run) -> Json:
    """Gives how it stands; a run that is continued does not look again.

    Raises:
        EvaluationError: an item has no key, or that of another item.
        NodeFailedError: the incident could not be opened or closed. The next run tries that again.
    """
    return await _Check(alarm, frame, run).ended()


class _Check:
    """One check of one alarm."""

    def __init__(self, alarm: Alarm, frame: Frame, run: Run) -> None:
        self._alarm = alarm
        self._frame = frame
        self._run = run
        self._part: dict[str, Json] = dict(cast("JsonObject", frame.kept.parts.get(alarm.id) or {}))

    async def ended(self) -> Json:
        """The check, to its end."""
        if not self._part:
            self._look()
        after = checked(self._alarm, self._before, self._signal, self._now, is_late=self._is_late())
        muted = is_due(self._alarm, after, self._signal) and await self._is_silent()
        if not self._remembers(after):
            self._leave_out()
            return self._output(replace(after, state="ok", bad=0), "unremembered")
        if is_due(self._alarm, after, self._signal) and not muted:
            after = raised(after)
        after, did = await self._with_incident(after)
        if did and self._is_skipped(did):
            return self._output(after, "held")
        return self._output(after, self._outcome(after, did, muted=muted))

    def _look(self) -> None:
        """What the conditions say, and what was known before: both are looked at once."""
        alarm, run, scope = self._alarm, self._run, self._run.state.scope(self._frame)
        run.state.look(alarm, self._frame, [cast("Json", alarm.bad), cast("Json", alarm.clear)])
        bad = truth_of(cast("Json", alarm.bad), scope)
        clear = (
            (None if bad is None else not bad) if alarm.clear is None else truth_of(cast("Json", alarm.clear), scope)
        )
        signal: Signal = "neither"
        if bad or clear:
            signal = "bad" if bad else "clear"
        elif bad is None or clear is None:
            signal = "unknown"
        key = _key_of(alarm, evaluate(cast("Json", alarm.key), scope))
        if run.notebook.is_taken(alarm.id, key, self._frame.path):
            what = f"two items of alarm {alarm.id!r} have the key {key!r}"
            raise EvaluationError(f"{what}: give alarm(..., key=...) what tells them apart")
        known_by = evaluate(cast("Json", alarm.incident), scope)
        self._part.update(
            signal=signal,
            now=run.runtime.now().isoformat(),
            key=key,
            known_by="" if known_by is None else _shortened(str(known_by)),
        )
        self._part["own"] = run.notebook.has_written(alarm.id, key)
        self._part["before"] = run.notebook.read(alarm.id, key) or self._adopted()
        self._keep()

    def _adopted(self) -> JsonObject | None:
        """What is known of the same incident under another name, which the alarm had in earlier runs."""
        known_by, names = self._part["known_by"], _names(self._run)
        for name, key, entry in self._run.notebook.others(names) if known_by else ():
            if entry.get("known_by") == known_by:
                self._run.notebook.forget(name, key)
                return entry
        return None

    async def _is_quiet(self) -> bool:
        if self._alarm.quiet is None:
            return False
        if "quiet" not in self._part:
            await self._run.block(self._alarm.quiet_decision, self._frame)
            # Where nobody knows whether it is quiet, people are told.
            self._part["quiet"] = truth_of(cast("Json", self._alarm.quiet), self._run.state.scope(self._frame)) is True
            self._keep()
        return self._part["quiet"] is True

    async def _is_silent(self) -> bool:
        """Whether nobody wants to be called now; the report says who says so, and until when."""
        if await self._is_quiet():
            return True
        said = await self._mute() or await self._muted_by()
        if said:
            self._run.state.tell(self._alarm, self._frame, {SAID: said})
        return bool(said)

    async def _mute(self) -> str:
        """How somebody has muted the flow or the alarm. Where nobody can say, people are told."""
        if "muted" not in self._part:
            alarm, flow = self._alarm.id, self._run.plan.name
            names: Json = [flow, alarm, f"{flow}/{alarm}"]
            step = f"run:muted:{self._frame.path}{alarm}"
            try:
                found = await self._run.runtime.share(Asking(step=step, of=MUTES, word=MUTED, data={"names": names}))
            except NodeFailedError as error:
                found = None
                self._warn_unmuted(error)
            self._part["muted"] = text_of_mute(found)
            self._keep()
        return str(self._part["muted"])

    async def _muted_by(self) -> str:
        """How the alarm's own step says that it is muted. Where that fails, people are told."""
        if "muted_by" not in self._part:
            said = ""
            try:
                # It is no reason to wait for a person that nobody can say whether there is one to be called.
                await self._run.block(self._alarm.muted_by, replace(self._frame, collected=True))
                for step in self._alarm.muted_by:
                    said = Muted.model_validate(self._frame.outputs.get(step.id)).text
            except NodeFailedError as error:
                self._warn_unmuted(error)
            except ValidationError:
                self._run.state.warn([f"alarm {self._alarm.id!r} is not muted: its step gave no {Muted.__name__}"])
            self._part["muted_by"] = said
            self._keep()
        return str(self._part["muted_by"])

    def _warn_unmuted(self, error: NodeFailedError) -> None:
        what = f"alarm {self._alarm.id!r} is not muted: nobody can say whether it is"
        self._run.state.warn([f"{what}: {error.reason}"])

    def _remembers(self, after: Watched) -> bool:
        """Whether there is room to remember what is to be remembered; without it nothing is counted or raised."""
        key, notebook = str(self._part["key"]), self._run.notebook
        if not key or self._before is not None or after.is_well or notebook.has_room(self._alarm.id, key):
            return True
        what = f"an item of alarm {self._alarm.id!r}, such as {key!r}, is bad and not counted"
        self._run.state.warn([f"{what}: the flow remembers {MOST_ENTRIES} items that are not well, and no more"])
        return False

    async def _with_incident(self, after: Watched) -> tuple[Watched, str]:
        """Opens or closes the incident, where that is due; the alarm then, and which of both was done."""
        alarm = self._alarm
        after = replace(after, known_by=str(self._part["known_by"]))
        did = ""
        if is_to_be_opened(alarm, after, self._signal):
            did = "raises"
        elif is_to_be_closed(alarm, after, self._signal):
            did = "clears"
        match did:
            case "raises":
                self._write(after if after.incident else replace(after, incident="opening"))
                await self._run.block(alarm.raises, self._frame)
                after = replace(after, incident="open", told_at=after.at)
            case "clears":
                self._write(replace(after, incident="unsure"))
                await self._run.block(alarm.clears, self._frame)
                after = replace(after, incident="")
            case _:
                pass
        self._leave_out(did)
        self._write(after)
        return after, did

    def _is_skipped(self, did: str) -> bool:
        """Whether a person has skipped a step that was to open or close the incident; the report says who, and which.

        Somebody knows then: as far as the alarm is concerned it is done, and is not tried again in the next check.
        """
        if self._run.plan.interpreter < TELLS_SKIPPED:
            return False
        frame, steps = self._frame, self._alarm.raises if did == "raises" else self._alarm.clears
        skipped = [(step, by) for step in steps if (by := skipped_by(step, frame))]
        if skipped:
            said = "; ".join(f"{by} has skipped {frame.path}{step.id}" for step, by in skipped)
            self._run.state.tell(self._alarm, frame, {SAID: said})
        return bool(skipped)

    def _outcome(self, after: Watched, did: str, *, muted: bool) -> CheckOutcome:
        alarm, signal = self._alarm, self._signal
        if did == "raises":
            return "damped" if self._was_open() else "paged"
        if after.edge == "raised" and not alarm.raises:
            return "paged"
        if after.edge == "cleared" and (did == "clears" or not alarm.raises):
            return "held" if did and self._is_held() else "resolved"
        if has_lapsed(alarm, self._before, signal, self._now):
            self._run.state.warn([_lapsed(alarm, str(self._part["key"]))])
            return "lapsed"
        if signal == "unknown":
            return "broken"
        if after.is_raised:
            return "damped"
        if after.state == "pending":
            return "muted" if muted else "pending"
        return "quiet"

    def _was_open(self) -> bool:
        """Whether the incident was opened before, and nothing says that it had to be opened again."""
        before = self._before
        if before is None or not before.is_raised or before.incident != "open":
            return False
        output = self._frame.outputs.get(self._alarm.raises[-1].id)
        return not (isinstance(output, Mapping) and output.get("already_open") is False)

    def _is_held(self) -> bool:
        """Whether the incident stays open, as what was to close it says."""
        output = self._frame.outputs.get(self._alarm.clears[-1].id)
        return isinstance(output, Mapping) and output.get("kept_open") is True

    def _output(self, after: Watched, outcome: CheckOutcome) -> JsonObject:
        return {
            "state": after.state,
            "raised": after.edge == "raised",
            "cleared": after.edge == "cleared",
            "since": after.since.isoformat(),
            "bad": after.bad,
            "clear": after.clear,
            "outcome": outcome,
        }

    def _write(self, after: Watched) -> None:
        """Writes down how it stands; what a run that ends well has seen is done."""
        key = str(self._part["key"])
        told = replace(after, edge="")
        well, unwell = (None if key and each.is_well else each.as_json() for each in (told, after))
        self._run.notebook.write(self._alarm.id, key, well=well, unwell=unwell, path=self._frame.path)

    def _leave_out(self, did: str = "") -> None:
        left: dict[str, tuple[Call, ...]] = {"raises": self._alarm.raises, "clears": self._alarm.clears}
        self._run.state.leave_out([step for name, steps in left.items() if name != did for step in steps], self._frame)
        for name, steps in (("quiet", self._alarm.quiet_decision), ("muted_by", self._alarm.muted_by)):
            if name not in self._part:
                self._run.state.leave_out(list(steps), self._frame)

    def _keep(self) -> None:
        self._frame.kept.parts[self._alarm.id] = dict(self._part)

    def _is_late(self) -> bool:
        """Whether there may have been a run since the last one that is known: not between two turns of this one."""
        if self._part.get("own"):
            return False
        schedules = [trigger for trigger in self._run.plan.triggers if isinstance(trigger, Schedule)]
        due = self._run.state.scheduled_for
        return self._before is not None and is_late(self._before, self._now, due, schedules)

    @cached_property
    def _before(self) -> Watched | None:
        return watched_from(self._part["before"])

    @property
    def _signal(self) -> Signal:
        return cast("Signal", self._part["signal"])

    @property
    def _now(self) -> datetime:
        return datetime.fromisoformat(str(self._part["now"]))


def _names(run: Run) -> frozenset[str]:
    return frozenset(step.id for step in walk(run.plan.steps) if step.remembers)


def _key_of(alarm: Alarm, value: Json) -> str:
    if alarm.key is None:
        return ""
    parts = value if isinstance(value, (list, tuple)) else [value]
    if not parts or any(isinstance(part, (Mapping, list, tuple)) or part in (None, "") for part in parts):
        raise EvaluationError(
            f"the key of an item of alarm {alarm.id!r} is empty, or no text or number: what tells items apart is "
            "given with alarm(..., key=...)"
        )
    return _shortened("/".join(str(part) for part in parts))


def _shortened(key: str) -> str:
    return key if len(key) <= _LONGEST_KEY else f"{key[: _LONGEST_KEY - 20]}~{digest(key)}"


def _lapsed(alarm: Alarm, key: str) -> str:
    what = f"item {key!r} of alarm {alarm.id!r}" if key else f"alarm {alarm.id!r}"
    return f"{what} was bad, and has since been neither bad nor clear for too long: it is no longer pending"
