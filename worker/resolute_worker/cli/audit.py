"""The command that reads the audit log."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Group, RenderableType
from rich.markup import escape

from resolute.plan.errors import ConfigurationError
from resolute_worker.cli.output import AsJson, clock, show, table
from resolute_worker.cli.pagerduty.moments import EXAMPLES, moment

if TYPE_CHECKING:
    from resolute.providing.audit import AuditEntry


class Outcome(StrEnum):
    """The outcome of a request."""

    done = "done"
    failed = "failed"
    unknown = "unknown"
    refused = "refused"


_BAD: Final = 5
"""How many invalid lines are listed with their place; the others are counted."""

_COLOURS: Final = {"done": "green", "failed": "red", "unknown": "yellow", "refused": "magenta"}


def audit(
    file: Annotated[
        Path | None, typer.Argument(help="The log file; default: PAGERDUTY_AUDIT_LOG.", show_default=False)
    ] = None,
    account: Annotated[str | None, typer.Option(help="Only requests to this account.", show_default=False)] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            help="Only these requests, such as POST, updateIncident or pagerduty.AddNote; can be repeated.",
            show_default=False,
        ),
    ] = None,
    flow: Annotated[
        str | None,
        typer.Option(
            help="Only requests from this flow; `terminal` is the command line, `agent` the agents.", show_default=False
        ),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(help="Only requests from this run, by its id or the beginning of it.", show_default=False),
    ] = None,
    since: Annotated[str | None, typer.Option(help=f"The start of the period: {EXAMPLES}.", show_default=False)] = None,
    until: Annotated[
        str | None, typer.Option(help="The end of the period; same formats as --since.", show_default=False)
    ] = None,
    outcome: Annotated[
        list[Outcome] | None, typer.Option(help="Only requests with this outcome; can be repeated.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="The maximum number of entries, the newest ones.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Show the requests sent to PagerDuty and Slack, and who sent them.

    Each entry has the flow, run and step, and the outcome of the request. Rotated log files are included.
    """
    now = datetime.now(UTC)
    begin, end = moment(since, now) if since else None, moment(until, now) if until else None
    methods = {each.casefold() for each in method or ()}
    outcomes = {each.value for each in outcome or ()}

    def fits(entry: AuditEntry) -> bool:
        return (
            account in (None, entry.account)
            and flow in (None, entry.flow)
            and (run is None or (entry.run or "").startswith(run))
            and (begin is None or entry.time >= begin)
            and (end is None or entry.time < end)
            and (not outcomes or entry.outcome in outcomes)
            and (not methods or not methods.isdisjoint(_names(entry)))
        )

    path = file or _configured()
    bad: list[str] = []
    found, left_out = _last(_entries(path, bad, must_exist=file is not None), fits, limit)
    for place in bad[:_BAD]:
        typer.echo(f"{place} is not an audit entry and is skipped", err=True)
    if len(bad) > _BAD:
        typer.echo(f"... and {len(bad) - _BAD:,} more lines", err=True)

    def render() -> RenderableType:
        headers = ("Time", "Outcome", "Account", "Request", "Flow", "Run", "Step", "Try", "Answer", "Request id")
        body = table(headers, [_row(each) for each in found], empty=f"no matching entry in {path}")
        return Group(f"[dim]{left_out:,} earlier ones are left out: --limit[/]", body) if left_out else body

    show(as_json, [each.model_dump(mode="json") for each in found], render)


def _configured() -> Path:
    """The log that the environment's provider writes.

    Raises:
        ConfigurationError: a variable is invalid.
    """
    from resolute_pagerduty import PagerDuty

    path = PagerDuty.from_env().audit_log
    if path is None:
        raise ConfigurationError("there is no audit log: set PAGERDUTY_AUDIT_LOG")
    return path


def _entries(path: Path, bad: list[str], *, must_exist: bool) -> Iterable[AuditEntry]:
    """The entries of a log; none if nothing was ever written. `bad` gets the places of invalid lines.

    Raises:
        ConfigurationError: it cannot be read, or the given file does not exist.
    """
    from resolute.providing.audit import read_audit

    try:
        yield from read_audit(path, bad=bad.append)
    except OSError as error:
        if must_exist or not isinstance(error, FileNotFoundError):
            raise ConfigurationError(f"the audit log {path} cannot be read: {error.strerror}") from None


def _last(
    entries: Iterable[AuditEntry], fits: Callable[[AuditEntry], bool], limit: int
) -> tuple[Sequence[AuditEntry], int]:
    """The last entries that match, and how many earlier ones match too."""
    kept: deque[AuditEntry] = deque(maxlen=limit)
    count = 0
    for entry in entries:
        if fits(entry):
            kept.append(entry)
            count += 1
    return list(kept), count - len(kept)


def _names(entry: AuditEntry) -> set[str]:
    return {entry.method.casefold(), entry.operation.casefold(), (entry.node or "").casefold()}


def _row(entry: AuditEntry) -> tuple[str, ...]:
    answer = " ".join(filter(None, (str(entry.status or ""), entry.error or "")))
    return (
        clock(entry.time),
        f"[{_COLOURS[entry.outcome]}]{entry.outcome}[/]",
        escape(entry.account + (f" ({entry.person})" if entry.person else "")),
        escape(f"{entry.method} {entry.resource}" if entry.method != "-" else entry.operation),
        escape(entry.flow or ""),
        escape(entry.run or ""),
        escape(entry.step or ""),
        str(entry.attempt or ""),
        escape(answer),
        escape(entry.request_id or ""),
    )
