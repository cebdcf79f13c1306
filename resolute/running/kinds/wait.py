"""Runs a wait for an event."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

from resolute.plan.errors import FlowError
from resolute.plan.fitting import misfit, with_defaults
from resolute.plan.kinds.wait import Wait
from resolute.plan.shapes import Shape
from resolute.plan.texts import text_of
from resolute.plan.values import Json, JsonObject
from resolute.running.evaluate import is_true
from resolute.running.frame import Frame
from resolute.running.messages import EVENT, Listener, Message, MessageRefusedError
from resolute.running.run import Run


async def run_wait(wait: Wait, frame: Frame, run: Run) -> Json:
    """Gives the event, or null after the timeout; a run that is continued waits until the same time."""
    return await _Waiting(wait, frame, run).ended()


class _Waiting:
    """One wait. Of several steps that wait for an event, the first one in the plan that wants it takes it."""

    def __init__(self, wait: Wait, frame: Frame, run: Run) -> None:
        self._wait = wait
        self._frame = frame
        self._run = run
        self._step_id = frame.path + wait.id
        self._to = tuple(EVENT + name for name in wait.events)
        schema = cast("dict[str, Any]", wait.accepts)
        self._shape = Shape(schema, schema.get("$defs", {}))

    async def ended(self) -> Json:
        """Waits for the event."""
        parts, run = self._frame.kept.parts, self._run
        if self._wait.id not in parts:
            length = self._wait.timeout
            until = None if length is None else run.runtime.now() + timedelta(seconds=length)
            parts[self._wait.id] = {"until": until.isoformat() if until else None}
        if self._taken is None and (message := run.inbox.pick(self._to, self._wants_kept)):
            self._take(message)
        if self._taken is None:
            listener = Listener(self._check, self._take, self._wants)
            order = (run.state.position(self._wait), self._frame.path)
            for to in self._to:
                run.inbox.listen(to, listener, order)
            try:
                await run.wait(self._step_id, self._until)
            finally:
                for to in self._to:
                    run.inbox.close(to, listener)
        taken = self._taken
        return taken[0] if taken else None

    @property
    def _part(self) -> JsonObject:
        return cast("JsonObject", self._frame.kept.parts[self._wait.id])

    @property
    def _taken(self) -> list[Json] | None:
        """The event, in a list, since it may be null itself."""
        return cast("list[Json] | None", self._part.get("event"))

    @property
    def _until(self) -> datetime | None:
        until = self._part["until"]
        return None if until is None else datetime.fromisoformat(str(until))

    def _take(self, message: Message) -> Json:
        event = with_defaults(message.data, self._shape)
        self._frame.kept.parts[self._wait.id] = {**self._part, "event": [event]}
        self._run.wake(self._step_id)
        return {"taken": True, "step": self._step_id}

    def _check(self, message: Message) -> None:
        if why := misfit(message.data, self._shape, "event"):
            name = message.to.removeprefix(EVENT)
            raise MessageRefusedError(f"event {name!r} does not fit what step {self._step_id!r} waits for: {why}")

    def _wants(self, message: Message) -> bool:
        if self._taken is not None:
            return False
        if self._wait.where is None:
            return True
        scope = self._run.state.scope(self._frame)
        event = with_defaults(message.data, self._shape)
        try:
            return is_true(cast("Json", self._wait.where), replace(scope, items={**scope.items, self._wait.id: event}))
        except FlowError as error:
            raise MessageRefusedError(
                f"the condition of step {self._step_id!r} cannot be evaluated for the event: {text_of(error)}"
            ) from None

    def _wants_kept(self, message: Message) -> bool:
        """Whether the step takes an event that came before it waited. What no step can take is left where it is."""
        try:
            self._check(message)
            return self._wants(message)
        except MessageRefusedError as error:
            self._run.state.warn([f"an event that was kept is not taken: {error}"])
            return False
