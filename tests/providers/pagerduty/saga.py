"""A saga on the simulator: what it makes and undoes, what goes wrong with it, and what has to come of it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from pydantic import BaseModel

from resolute import CallContext, Flow, branch, each, flow, input_data, manual, now, text
from resolute.execution.executor import NodeExecutor
from resolute.plan.values import Json, JsonObject
from resolute.running.report import RunReport
from resolute_pagerduty import (
    add_note,
    create_incident,
    create_maintenance_window,
    delete_maintenance_window,
    delete_note,
    update_incident,
)
from resolute_pagerduty.simulator import Fault, Simulator
from resolute_pagerduty.simulator.world import WORLD

NOTES: Final = ("first", "second")
MADE: Final = ("window", "opened", "notes[0].written", "notes[1].written", "handed_over")
"""The steps that make something, each of which has an undo step."""

CALLS: Final = 2 * len(MADE)
"""About how many calls a saga makes that fails in the middle."""

WRITES: Final = (
    ("POST", "/maintenance_windows"),
    ("POST", "/incidents"),
    ("POST", "/incidents/*/notes"),
    ("DELETE", "/maintenance_windows/*"),
    ("PUT", "/incidents/*"),
    ("DELETE", "/incidents/*/notes/*"),
)

FAULTS: Final[Sequence[dict[str, Any]]] = (
    {"action": "reset"},
    {"action": "status", "status": 500},
    {"action": "rate_limit", "reset_seconds": 0},
)


class Work(BaseModel):
    """What is to be done, by a name that no other run has."""

    name: str


def planned_work() -> Flow:
    """Keeps a service quiet, opens an incident on another, and writes notes in it, all at the same time or in turn."""
    pause = timedelta(milliseconds=20)
    name = input_data(Work).name
    window = create_maintenance_window(
        service_ids=[WORLD.search_service], start_time=now(), end_time=now() + timedelta(hours=1), description=name
    ).as_("window")
    opened = create_incident(title=name, service_id=WORLD.service).as_("opened")
    incident = opened.output.incident.id

    def noted(item: Any) -> Any:
        written = add_note(incident_id=incident, content=text("{}: {}", name, item)).as_("written")
        undone = delete_note(incident_id=incident, note_id=written.output.note_id).as_("undo_written")
        return written.retry(3, initial=pause, maximum=pause).on_failure(undone.retry(3, initial=pause, maximum=pause))

    handed = add_note(incident_id=incident, content=text("{}: over to you", name)).as_("handed_over")
    unhanded = delete_note(incident_id=incident, note_id=handed.output.note_id).as_("undo_handed_over")
    closed = delete_maintenance_window(id=window.output.maintenance_window.id).as_("undo_window")
    resolved = update_incident(id=incident, status="resolved").as_("undo_opened")
    return (
        flow("planned-work")
        .triggered_by(manual("start", input=Work))
        .then(window.retry(3, initial=pause, maximum=pause).on_failure(closed.retry(3, initial=pause, maximum=pause)))
        .then(opened.retry(3, initial=pause, maximum=pause).on_failure(resolved.retry(3, initial=pause, maximum=pause)))
        .then_parallel(
            each(list(NOTES), noted).as_("notes"),
            branch().then(
                handed.retry(3, initial=pause, maximum=pause).on_failure(
                    unhanded.retry(3, initial=pause, maximum=pause)
                )
            ),
        )
        .build()
    )


@dataclass(frozen=True)
class Trouble:
    """What goes wrong with one run: faults of the service, and a cancel so long after so many calls."""

    faults: tuple[Fault, ...] = ()
    cancel_at: int = 0
    after: float = 0.0

    @classmethod
    def of(cls, seed: int, *, in_real_time: bool) -> Trouble:
        """Trouble by chance, the same for the same seed. A used up rate limit ends in real time alone."""
        chance, kinds = random.Random(seed), FAULTS if in_real_time else FAULTS[:2]
        faults = tuple(_fault(chance, kinds) for _ in range(chance.choice([0, 1, 1, 2])))
        cancels = chance.random() < 0.5
        at, after = chance.randint(1, CALLS), chance.choice([0.0, 0.001, 0.003, 0.006])
        return cls(faults, at if cancels else 0, after)


def _fault(chance: random.Random, kinds: Sequence[dict[str, Any]]) -> Fault:
    (method, path), kind = chance.choice(WRITES), chance.choice(kinds)
    # A request that is refused for its rate has not been carried out.
    after = kind["action"] != "rate_limit" and chance.random() < 0.5
    return Fault(method=method, path=path, after=after, times=chance.choice([1, 1, None]), **kind)


class Interrupted(NodeExecutor):
    """Runs nodes, and has something done shortly after a call has begun."""

    counted = 0
    at = 0
    after = 0.0
    interrupt: Callable[[], object] = staticmethod(lambda: None)

    def expect(self, trouble: Trouble, interrupt: Callable[[], object]) -> None:
        """What is to be done in the next run."""
        self.counted, self.at, self.after, self.interrupt = 0, trouble.cancel_at, trouble.after, interrupt

    async def execute(self, call: CallContext, arguments: JsonObject) -> Json:
        """See `NodeExecutor.execute`."""
        self.counted += 1
        if self.counted == self.at:
            asyncio.get_running_loop().call_later(self.after, self.interrupt)
        return await super().execute(call, arguments)


@dataclass(frozen=True)
class Left:
    """What is there after a run, by the step that made it, and how often."""

    of: dict[str, int] = field(default_factory=dict[str, int])

    @classmethod
    def by(cls, sim: Simulator, name: str) -> Left:
        """Looks for what a run has made: an incident counts as long as it is not resolved."""
        with sim.account.changed:  # a request that was given up may still be carried out
            windows = list(sim.account.state.windows.values())
        incidents = [each for each in sim.incidents() if each.title == name]
        notes = [note.content for each in incidents for note in each.notes]
        found = {
            "window": sum(each.description == name and each.end > sim.clock.now() for each in windows),
            "opened": sum(each.status != "resolved" for each in incidents),
            "handed_over": sum(note.startswith(f"{name}: over") for note in notes),
        }
        for index, word in enumerate(NOTES):
            found[f"notes[{index}].written"] = sum(note.startswith(f"{name}: {word}") for note in notes)
        return cls({step: times for step, times in found.items() if times})


def named_in(report: RunReport) -> Collection[str]:
    """The steps whose work may still be there, as the report says it."""
    not_undone = {failure.step.replace("undo_", "") for failure in report.compensation_failures}
    given_up = {step for step in MADE for warning in report.warnings if f"step {step!r} was given up" in warning}
    failed = {step.id for step in report.steps if step.status == "failed"}
    return {*not_undone, *given_up, *failed}
