"""Has the embedded server's database write less for each run, and find the same."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from pathlib import Path
from typing import Final

from resolute_worker.embedded.full_text import narrow_triggers
from resolute_worker.embedded.indexes import drop_unused

_SECONDS: Final = 5.0

log = logging.getLogger(__name__)


def lighten(database: Path) -> None:
    """Drops indexes that nobody uses, and narrows triggers. No server may be using the database.

    A database that cannot be written or is damaged is left as it is: the server finds that out as well, and says so.
    """
    try:
        with contextlib.closing(sqlite3.connect(database, timeout=_SECONDS, isolation_level=None)) as opened:
            drop_unused(opened)
            narrow_triggers(opened)
    except sqlite3.Error as error:
        log.debug("%s keeps its indexes: %s", database, error)
