"""What a simulated world has shown, as the values that the checker reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from resolute.plan.plan import Plan
from resolute.plan.step import walk
from resolute.plan.values import JsonObject
from resolute.running.runtime import CallRequest
from resolute.running.saga import undo_of
from tests.simulation.checker import CALL, Check, Evidence, Read, Recorded, RunTold, Start
from tests.simulation.history import Done
from tests.simulation.run import SimulatedRun
from tests.simulation.server import Server

_DOES = {"pagerduty.TriggerEvent": "trigger", "pagerduty.ResolveEvent": "resolve", "pagerduty.AddNote": "note"}


@dataclass(frozen=True)
class _Undone:
    """The undo steps of each step of a plan, and what each of them undoes: here, and in the flows that steps run."""

    undo: dict[str, tuple[str, ...]]
    undoes: dict[str, str]
    of_children: dict[str, str]


def evidence(
    server: Server, checks: tuple[Check, ...] = (), reads: tuple[Read, ...] = (), starts: tuple[Start, ...] = ()
) -> Evidence:
    """All that the checker has to know."""
    effects = sorted((*server.effects, *server.network.effects), key=lambda effect: effect.at)
    notes = {(each.run, each.step): each.key for each in effects if each.does == "note"}
    return Evidence(
        effects=effects,
        runs=[_told(run, notes) for run in server.runs.values()],
        incidents=[incident for found in server.network.incidents.values() for incident in found],
        checks=checks,
        reads=reads,
        asked=tuple(server.asked.values()),
        starts=starts,
        halted=[*server.switches.halted(), *(each for run in server.runs.values() for each in run.heard.halted())],
        begun=server.begun,
        sent=server.sent,
        refused=server.refused,
        decided=[each for run in server.runs.values() for each in run.heard.decided],
    )


def _told(run: SimulatedRun, notes: dict[tuple[str, str], str]) -> RunTold:
    status = run.report.status if run.report else "running"
    undone = _Undone(*_undo(run.plan), _undoes_of_children(run.plan))
    steps = [_recorded(run, at, request, done, notes, undone) for at, request, done in run.ends]
    steps += [_of_child(run, at, step) for at, step in run.children_ended]
    return RunTold(
        run=run.id,
        flow=run.plan.name,
        status=status,
        began=run.began,
        ended=run.ended or float("inf"),
        holds=run.holds,
        dry=run.plan.is_dry,
        steps=tuple(sorted(steps, key=lambda step: step.at)),
    )


def _recorded(
    run: SimulatedRun,
    at: int,
    request: CallRequest,
    done: Done,
    notes: dict[tuple[str, str], str],
    undone: _Undone,
) -> Recorded:
    path, _, name = request.step.rpartition(".")
    ok = done.failure is None and not done.gone
    does = CALL if run.plan.is_dry else _DOES.get(request.node, CALL)
    key = f"{run.id}/{request.step}"
    if does == "note":
        key = notes.get((run.id, request.step), "?")
    elif does != CALL:
        held = done.output if does == "trigger" else request.arguments
        key = str(cast("JsonObject", held)["dedup_key"]) if ok else ""
    # What another flow has done is undone by the steps of its own plan, at the place of the step that ran it.
    return Recorded(
        at=at,
        step=request.step,
        ok=ok,
        does=does if ok else "",
        key=key,
        undo=tuple(f"{path}.{each}" if path else each for each in undone.undo.get(name, ())),
        undoes=undone.undoes.get(name) or undone.of_children.get(name, ""),
        attempts=run.hands.attempts.get(request.step, 1),
        most=request.policy.retry.attempts,
        known=run.order.get(request.step, 0),
    )


def _of_child(run: SimulatedRun, at: int, step: str) -> Recorded:
    child = run.children[step]
    done = [each for each in _told(child, {}).steps if each.ok and each.undo and not each.undoes]
    undo = [f"{step}.{name}" for each in reversed(done) for name in each.undo]
    return Recorded(at=at, step=step, ok=child.error is None, undo=tuple(undo))


def _undo(plan: Plan) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """The undo steps of each step of a plan, and which step each of them undoes."""
    undo = {step.id: tuple(each.id for each in undo_of(step)) for step in walk(plan.steps)}
    return undo, {each: step for step, names in undo.items() for each in names}


def _undoes_of_children(plan: Plan) -> dict[str, str]:
    return {
        name: undone for step in walk(plan.steps) for inner in step.plans() for name, undone in _undo(inner)[1].items()
    }
