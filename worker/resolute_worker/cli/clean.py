"""The command that deletes old closed runs and shrinks the embedded server's database."""

from __future__ import annotations

import asyncio
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from resolute.plan.errors import ConfigurationError
from resolute_worker.cli.asking import Yes, confirmed
from resolute_worker.cli.loading import with_temporal
from resolute_worker.cli.output import AsJson, clock, show
from resolute_worker.cli.saying import say
from resolute_worker.settings import load_settings

if TYPE_CHECKING:
    from temporalio.client import Client

    from resolute_worker.settings import Settings

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_REDELIVERED: Final = timedelta(days=3)
_MEGABYTE: Final = 1024 * 1024


@dataclass(frozen=True)
class _Cleaned:
    """What was deleted, or would be, and the database's size in bytes before and after; None if it is elsewhere."""

    before: datetime
    runs: int
    deleted: bool
    bytes_before: int | None = None
    bytes_after: int | None = None


def clean(
    older_than: Annotated[
        str, typer.Option(help="Delete runs that closed longer ago than this: 7d, 12h, 30m.")
    ] = "30d",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count the runs, but delete nothing.")] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Delete old closed runs.

    If the embedded server is stopped, its database file shrinks too. If a server is running, only closed runs of the
    task queue are deleted, and later runs reuse the space.
    """
    age = _age(older_than)
    before, settings = datetime.now(UTC) - age, load_settings()
    found = _work(settings, before, delete=False)
    if dry_run or not found.runs:
        _tell(found, as_json)
        return
    warning = " A webhook that is delivered again starts its flow again." if age < _REDELIVERED else ""
    if not yes and not confirmed(f"Delete {found.runs} runs closed before {clock(before)}?{warning}"):
        say("nothing was deleted")
        raise typer.Exit(1)
    _tell(_work(settings, before, delete=True), as_json)


def _work(settings: Settings, before: datetime, *, delete: bool) -> _Cleaned:
    from resolute_worker.embedded import is_free_to_use

    if is_free_to_use(settings.state_dir):
        return asyncio.run(_stopped(settings, before, delete=delete))
    return with_temporal(lambda client: _served(client, settings.task_queue, before, delete=delete))


async def _served(client: Client, task_queue: str | None, before: datetime, *, delete: bool) -> _Cleaned:
    """For a running server that others may use too: deletes only runs of this task queue."""
    from resolute_worker.embedded.cleaning import count_closed, delete_closed

    runs = await (delete_closed if delete else count_closed)(client, before, task_queue)
    return _Cleaned(before, runs, delete)


async def _stopped(settings: Settings, before: datetime, *, delete: bool) -> _Cleaned:
    """For a stopped embedded server: starts it for as long as this takes, and shrinks its database."""
    from temporalio.client import Client

    from resolute_worker.embedded import NAMESPACE, EmbeddedServer
    from resolute_worker.embedded.cleaning import DatabaseSize, shrink

    database = settings.state_dir / "temporal.db"
    size = DatabaseSize.of(database).files
    async with EmbeddedServer(settings.state_dir, port=0, retention=settings.retention) as server:
        client = await Client.connect(server.address, namespace=NAMESPACE)
        cleaned = await _served(client, None, before, delete=delete)
    if delete:
        await asyncio.to_thread(shrink, database)
    return _Cleaned(before, cleaned.runs, delete, size, DatabaseSize.of(database).files if delete else size)


def _age(text: str) -> timedelta:
    match = re.fullmatch(r"(\d{1,6})([smhdw])", text.strip().lower(), re.ASCII)
    if match is None:
        raise ConfigurationError(f"--older-than {text!r}: give a number and a unit, such as 7d, 12h or 30m")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _tell(cleaned: _Cleaned, as_json: bool) -> None:
    def render() -> Any:
        what = "deleted" if cleaned.deleted else "would be deleted"
        lines = [f"{cleaned.runs} runs that were closed before {clock(cleaned.before)} {what}"]
        if cleaned.bytes_before is not None and cleaned.bytes_after is not None and cleaned.deleted:
            sizes = (f"{each / _MEGABYTE:,.1f} MB" for each in (cleaned.bytes_before, cleaned.bytes_after))
            lines.append("database: " + " -> ".join(sizes))
        elif cleaned.bytes_before is not None:
            lines.append(f"database: {cleaned.bytes_before / _MEGABYTE:,.1f} MB")
        elif cleaned.deleted:
            lines.append("their space is reused; an embedded server's file shrinks when you clean while it is stopped")
        return "\n".join(lines)

    show(as_json, asdict(cleaned), render)
