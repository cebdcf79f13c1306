"""Commands that back up the state of the embedded server, and put it back."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from resolute_worker.cli.output import AsJson, clock, show
from resolute_worker.cli.saying import say
from resolute_worker.settings import load_settings

if TYPE_CHECKING:
    from resolute_worker.embedded.backup_record import Backup

_MEGABYTE: Final = 1024 * 1024


@dataclass(frozen=True)
class _Told:
    """A backup: where it is, and what it says of itself."""

    backup: Path
    state: Path
    made_at: datetime
    resolute: str
    server: str
    files: int
    bytes: int
    has_keys: bool


def backup(
    to: Annotated[Path, typer.Argument(help="A new folder for the backup, best on another disk.")],
    as_json: AsJson = False,
) -> None:
    """Back up the embedded server's state (RESOLUTE_STATE_DIR), while it runs or not.

    The backup holds open and closed runs, schedules, the keys that seal plans and the board's audit log: keep it as
    secret as the state itself. Keys that are set in RESOLUTE_PLAN_KEYS or RESOLUTE_PAYLOAD_KEYS are not in it.
    """
    from resolute_worker.embedded.backup import make_backup

    state = load_settings().state_dir
    told = _told(to, state, make_backup(state, to))
    if not told.has_keys:
        say(f"{state} has no plan.keys, so the backup has none: runs are sealed with RESOLUTE_PLAN_KEYS, if with any")
    show(as_json, asdict(told), lambda: f"{to} holds {state} as of {clock(told.made_at)}: {_size(told)}")


def restore(
    backup: Annotated[Path, typer.Argument(help="A folder that `resolute backup` has written.")],
    check: Annotated[
        bool, typer.Option("--check", help="Only check that the backup is whole; change nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Put a backup into an empty state folder (RESOLUTE_STATE_DIR); then start the worker.

    Runs go on from where they were when the backup was made. The backup is checked first, and nothing is overwritten.
    """
    from resolute_worker.embedded.restore import check_backup, restore_backup

    state = load_settings().state_dir
    found = check_backup(backup) if check else asyncio.run(restore_backup(backup, state))
    told = _told(backup, state, found)
    of = f"as of {clock(told.made_at)}, Resolute {told.resolute}: {_size(told)}"
    done = f"{backup} is whole, {of}" if check else f"{state} is restored {of}. Start the worker, and its runs go on"
    show(as_json, asdict(told), lambda: done)


def _told(place: Path, state: Path, made: Backup) -> _Told:
    from resolute_worker.keys import KEY_FILE

    return _Told(
        backup=place,
        state=state,
        made_at=made.made_at,
        resolute=made.resolute,
        server=made.server,
        files=len(made.files),
        bytes=made.size,
        has_keys=any(file.name == KEY_FILE for file in made.files),
    )


def _size(told: _Told) -> str:
    return f"{told.files} files, {told.bytes / _MEGABYTE:,.1f} MB"
