"""The indexes over the list of runs in the embedded server's database, of which it keeps those that are used.

Temporal's schema has nearly sixty, one for each attribute that runs can be searched by. Each of them is written when a
run begins and again when it ends, which is four fifths of the pages that a short run writes. Without an index a search
finds the same runs, only less quickly.
"""

from __future__ import annotations

import sqlite3
from typing import Final

KEPT: Final = frozenset(
    {
        "default_idx",  # when a run was closed and begun: the order of every list
        "by_status",
        "by_task_queue",
        "by_temporal_namespace_division",  # tells schedules from runs in every list
        "by_temporal_scheduled_by_id",
        "by_workflow_id",
        "by_workflow_type",
    }
)
"""What Resolute, and people on Temporal's pages, look for runs by."""


def drop_unused(opened: sqlite3.Connection) -> None:
    """Drops every index over the list of runs that is not kept.

    Raises:
        sqlite3.Error: the database cannot be read or written.
    """
    for name in _unused(opened):
        opened.execute(f'DROP INDEX IF EXISTS "{name}"')


def _unused(opened: sqlite3.Connection) -> list[str]:
    found = opened.execute(
        "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'executions_visibility' AND sql IS NOT NULL"
    )
    return sorted({str(name) for (name,) in found} - KEPT)
