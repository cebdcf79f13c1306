"""A runtime that answers a past run's own plan, and notes what the run asked and what it wrote."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from resolute.plan.kinds.call import DECISIONS
from resolute.plan.policies import Effect
from resolute.plan.values import Json, JsonObject
from resolute.running.interpreter import Interpreter
from resolute.running.runtime import Answered, CallRequest, ChildRequest, Paused
from resolute.temporal.history.acts import Act
from resolute.temporal.history.recorded import Answer, Recorded
from resolute.temporal.history.replaying import RecordedRuntime

OWN: Final = "resolute."
"""How the names of Resolute's own activities begin, which ask what runs share: only the record answers them."""


@dataclass
class Asked:
    """What a past run asked: its calls by step, the flows that it ran as steps, and where it listened to people."""

    calls: dict[str, list[tuple[str, JsonObject, Answer]]] = field(
        default_factory=lambda: defaultdict[str, "list[tuple[str, JsonObject, Answer]]"](list)
    )
    flows: dict[str, tuple[str, Json]] = field(default_factory=dict[str, "tuple[str, Json]"])
    listened: dict[str, None] = field(default_factory=dict[str, None])


class PastRuntime(RecordedRuntime):
    """Answers a run's own plan, and notes what it asked and what it wrote."""

    def __init__(self, recorded: Recorded, effects: Mapping[str, Effect]) -> None:
        super().__init__(recorded)
        self.effects = effects
        self.asked = Asked()
        self.acts: list[Act] = []

    def effect_of(self, node: str) -> Effect:
        """What a node does to the world; what nobody knows may write."""
        if node.startswith(OWN):
            return self.effects.get(node, "read")
        return self.effects.get(node, "pure" if node.startswith(DECISIONS) else "write")

    def go_on(self, interpreter: Interpreter) -> bool:
        """Brings what came next; False where nothing did."""
        self.asked.listened |= dict.fromkeys(interpreter.open_at(""))
        return self.bring(interpreter)

    async def call(
        self, request: CallRequest, behind: Sequence[CallRequest] = (), paused: Paused | None = None
    ) -> Json:
        """As it was answered; see `RecordedRuntime.call`."""
        waiting = self._recorded.calls.get(request.step)
        self._note(request, waiting[0] if waiting else None)
        return await super().call(request)

    async def call_together(
        self, requests: Sequence[CallRequest], *, at_once: int, stops: bool, paused: Paused | None = None
    ) -> list[Answered]:
        """As they were answered; see `RecordedRuntime.call_together`."""
        for request in requests:
            self._note(request, self._recorded.answers.get(request.step))
        return await super().call_together(requests, at_once=at_once, stops=stops, paused=paused)

    async def child(self, request: ChildRequest) -> Json:
        """As it was answered; see `RecordedRuntime.child`."""
        self.asked.flows[request.step] = (request.plan.fingerprint, request.input)
        return await super().child(request)

    def _note(self, request: CallRequest, answer: Answer | None) -> None:
        if answer is None or any(noted is answer for *_, noted in self.asked.calls[request.step]):
            return  # it was never begun, or is asked for again
        self.asked.calls[request.step].append((request.node, request.arguments, answer))
        if self.effect_of(request.node) == "write":
            self.acts.append(Act(request.step, request.node, request.arguments))
