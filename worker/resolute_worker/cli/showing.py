"""One run as a terminal shows it: each step of its plan with its input, its output, and what went wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, cast

from rich.console import Group, RenderableType
from rich.markup import escape

from resolute.plan.described import describe
from resolute.plan.step import KINDS, plan_name
from resolute.plan.values import Json
from resolute.running.pausing import said_of
from resolute.running.pictured import states_of
from resolute.running.report import Failure, Held, StepReport
from resolute.writing.diagram import outline
from resolute_worker.cli.advice import advice
from resolute_worker.cli.output import clock, coloured, lasted

if TYPE_CHECKING:
    from resolute.temporal.history.runs import RunDescription, RunSummary

_LONGEST: Final = 400
"""How many characters of a value are shown; --json has all of it."""


def rendered_run(found: RunDescription) -> RenderableType:
    """A run for a person."""
    summary = found.summary
    head = (
        f"[bold]{escape(summary.flow)}[/] {coloured(summary.status)}  {escape(summary.workflow_id)}  "
        f"{clock(summary.started_at)}  {lasted(summary.started_at, summary.ended_at)}"
        + (f"  started by {escape(summary.started_by)}" if summary.started_by else "")
    )
    if summary.mode != "live":
        head += f"\n[yellow]{'a dry run' if summary.mode == 'dry' else 'a shadow'}: nothing was written[/]"
    waiting = [f"[magenta]{escape(line)}[/]" for line in _stands(summary)]
    waiting += [
        f"[yellow]no worker polls task queue {escape(queue)}: the run continues once you start one (resolute worker)[/]"
        for queue in found.unpolled
    ]
    if found.handed_back is not None:
        waiting.append(f"[yellow]{escape(handed_back_text(found.handed_back))}[/]")
    if found.report is None or found.plan is None:
        if found.failure is None:
            return Group(head, *(waiting or ["it has not started to run its plan"]))
        why = failure_text(found.failure.model_dump())
        return Group(head, f"[red]{escape(why)}[/]", escape(advice(found.failure.error_type, "", summary.workflow_id)))
    report = found.report
    parts: list[RenderableType] = [head, *waiting, "", escape(outline(found.plan, states_of(found.plan, report)))]
    for step in report.steps:
        if step.status not in ("pending", "skipped") or step.held is not None:
            parts += ["", *_step(step, found.plan.places.get(plan_name(step.id), ""))]
    shown = {step.id for step in report.steps if step.failure is not None}
    failures = [*([report.failure] if report.failure else []), *report.compensation_failures]
    told = [failure_text(failure.model_dump()) for failure in failures if failure.step not in shown]
    parts += [f"[red]{escape(text)}[/]" for text in told]
    parts += [f"[yellow]{escape(warning)}[/]" for warning in report.warnings]
    if report.failure is not None and summary.status == "failed":
        trace = next((step.trace for step in report.steps if step.id == report.failure.step), "")
        parts += ["", escape(advice(report.failure.error_type, trace, summary.workflow_id, report.failure.message))]
    if report.result is not None:
        parts += ["", "Result", escape(json.dumps(report.result, indent=2, ensure_ascii=False))]
    return Group(*parts)


def _stands(run: RunSummary) -> Iterator[str]:
    """What keeps a run from going on, who has said so, since when and why."""
    if run.paused:
        source = str(run.paused.get("with"))
        what = {"run": "paused", "parent": "paused with the run that started it", "all": "everything is paused"}
        flow = source.removeprefix("flow:")
        yield f"{what.get(source, f'flow {flow} is paused')}, {said_of(run.paused)}"
    if run.stopped:
        undoes = ": the run waits to undo its work" if run.stopped.get("undoing") else ""
        yield f"the brake stops its writes, {said_of(run.stopped)}{undoes} (resolute brake status)"


def handed_back_text(why: Failure) -> str:
    """Why a run waits for another worker than the one that was given it."""
    return f"handed back by a worker, for another one to take it up: {failure_text(why.model_dump())}"


def failure_text(failure: Mapping[str, Any]) -> str:
    """A failure in one line."""
    where = f"step {failure['step']} ({failure['node']}): " if failure.get("step") else ""
    return f"{where}{failure['error_type']}: {failure['message']}"


def _step(step: StepReport, place: str) -> Iterator[str]:
    took = lasted(step.started_at, step.ended_at if step.status != "running" else None)
    node = (step.node or "") if step.kind == "call" else step.kind
    tried = f"attempt {step.attempt}" if step.attempt else ""
    words = (f"[bold]{escape(step.id)}[/]", escape(node) if node != step.id else "", coloured(step.status), took, tried)
    yield "  ".join(word for word in words if word)
    if step.not_done:
        yield f"  [yellow]not done: {escape(step.not_done)}; its output is made up[/]"
    if step.held is not None:
        yield f"  {_held(step.held)}"
    if step.run:
        yield f"  its run: {escape(step.run)}"
    if step.counts:
        yield f"  {', '.join(f'{count:,} {status}' for status, count in sorted(step.counts.items()))}"
    yield from _gate(step)
    for name, value in step.compared.items():
        yield f"  {escape(name)} was {_value(value)}"
    if step.taken:
        yield f"  took {step.taken}"
    if isinstance(step.arguments, Mapping):
        for name, value in step.arguments.items():
            yield f"  {escape(str(name))} = {escape(_short(describe(value)))}"
    if step.counts:
        yield "  " + ", ".join(f"{count:,} {status}" for status, count in step.counts.items())
    elif (step.status == "completed" and _has_output(step)) or (step.held is not None and step.held.decided == "skip"):
        yield f"  → {_value(step.output)}"
    if step.heartbeat:
        yield f"  heartbeat: {', '.join(_value(detail) for detail in step.heartbeat)}"
    for attempt in step.attempts:
        text = _short(f"{attempt.error_type}: {attempt.message}")
        yield f"  attempt {attempt.number} failed at {clock(attempt.at)}: {escape(text)}"
    if step.failure:
        yield f"  [red]{escape(f'{step.failure.error_type}: {step.failure.message}')}[/]"
        if place:
            yield f"  written at {escape(place)}"
    if step.trace:
        yield escape(step.trace)


def would_lines(undone: list[dict[str, Any]] | None) -> Iterator[str]:
    """What a dry run would have done, a line for each step."""
    if undone is None:
        return
    yield "It would have done:" if undone else "It would have changed nothing."
    for each in undone:
        given = cast("Mapping[str, Json]", each["arguments"] or {})
        arguments = ", ".join(f"{name}={_short(describe(value))}" for name, value in given.items())
        called = f"{each['node']}({arguments})" if each["node"] else ""
        yield escape(f"  {each['step']}  {called}  ({each['why not']})")


def _has_output(step: StepReport) -> bool:
    """Whether what a step gave is worth a line, null too."""
    kind = KINDS.get(step.kind)
    return kind is None or (kind.has_output and not kind.gives_null)


def _held(held: Held) -> str:
    times = f" ({held.times} times so far)" if held.times > 1 else ""
    if not held.decided:
        return f"[magenta]held since {clock(held.since)}{times}: resolute retry, skip or fail decides on it[/]"
    by = f" by {escape(held.by)}" if held.by else ""
    return f"was held at {clock(held.since)}{times}; decided{by}: {escape(held.decided)}"


def _gate(step: StepReport) -> Iterator[str]:
    """What a gate asks, of whom, and who has decided what."""
    details = cast("dict[str, Any]", step.details) if step.kind == "gate" else {}
    if ask := str(details.get("ask") or ""):
        yield f"  asks: {escape(_short(ask))}"
    if details and step.status == "running":
        approvers, until = cast("list[str] | None", details["approvers"]), cast("str | None", details["until"])
        people = "anybody" if approvers is None else ", ".join(approvers)
        end = f", until {clock(datetime.fromisoformat(until))}" if until else ""
        yield f"  waits for {details['quorum']} of {escape(people)}{end}"
    for each in cast("list[dict[str, Any]]", details.get("decisions", [])):
        why = f": {each['reason']}" if each["reason"] else ""
        form = f" {_value(cast('Json', each['form']))}" if each["form"] is not None else ""
        word = "approved" if each["approved"] else "rejected"
        at = clock(datetime.fromisoformat(str(each["at"])))
        yield f"  {word} by {escape(str(each['by']))} at {at}{escape(_short(why))}{form}"


def _value(value: Json) -> str:
    return escape(_short(json.dumps(value, ensure_ascii=False)))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({len(text):,} characters; --json has all)"
