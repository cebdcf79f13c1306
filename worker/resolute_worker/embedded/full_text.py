"""The full-text indexes over the list of runs in the embedded server's database, written only where a run has words.

Temporal keeps two of them, for search attributes that are texts or lists of words, by triggers. Those write both
indexes when a run begins and twice more when it ends, though most runs have no such attribute: a seventh of the pages
that a short run writes. The triggers here find the same runs, and write for those alone that have something to find.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Final

_RUNS: Final = "executions_visibility"
_EVENTS: Final = {"ai": "INSERT", "ad": "DELETE", "au": "UPDATE"}


def narrow_triggers(opened: sqlite3.Connection) -> None:
    """Replaces Temporal's triggers. Triggers that are not exactly as Temporal is known to write them stay as they are.

    Raises:
        sqlite3.Error: the database cannot be read or written; nothing is changed then.
    """
    words = {name: _columns(opened, name) for name in (f"{_RUNS}_fts_text", f"{_RUNS}_fts_keyword_list")}
    known = {name: _temporals(name, event, words) for name, event in _triggers()}
    found = dict(opened.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"))
    if any(_bare(found.get(name, "")) != _bare(sql) for name, sql in known.items()):
        return
    opened.execute("BEGIN IMMEDIATE")
    try:
        for name, event in _triggers():
            opened.execute(f"DROP TRIGGER {name}")
            opened.execute(_narrow(name, event, words))
    except BaseException:
        opened.execute("ROLLBACK")
        raise
    opened.execute("COMMIT")


def _triggers() -> list[tuple[str, str]]:
    return [(f"{_RUNS}_{ending}", event) for ending, event in _EVENTS.items()]


def _columns(opened: sqlite3.Connection, table: str) -> list[str]:
    return [str(column[1]) for column in opened.execute(f"PRAGMA table_info({table})")]


def _temporals(name: str, event: str, words: Mapping[str, Sequence[str]]) -> str:
    """A trigger as Temporal writes it."""
    statements: list[str] = []
    for table, columns in words.items():
        if event != "INSERT":
            statements.append(
                f"{_into(table, columns, gone=True)} VALUES ('delete', {_of('OLD', ['rowid', *columns])});"
            )
        if event != "DELETE":
            statements.append(f"{_into(table, columns)} VALUES ({_of('NEW', ['rowid', *columns])});")
    return _trigger(name, event, statements)


def _narrow(name: str, event: str, words: Mapping[str, Sequence[str]]) -> str:
    """The trigger that does nothing for a run without words, nor where they stay the same."""
    statements: list[str] = []
    for table, columns in words.items():
        changed = f" AND ({_of('OLD', columns)}) IS NOT ({_of('NEW', columns)})" if event == "UPDATE" else ""
        if event != "INSERT":
            gone = f"SELECT 'delete', {_of('OLD', ['rowid', *columns])} WHERE {_has_words('OLD', columns)}{changed};"
            statements.append(f"{_into(table, columns, gone=True)} {gone}")
        if event != "DELETE":
            new = f"SELECT {_of('NEW', ['rowid', *columns])} WHERE {_has_words('NEW', columns)}{changed};"
            statements.append(f"{_into(table, columns)} {new}")
    return _trigger(name, event, statements)


def _trigger(name: str, event: str, statements: Sequence[str]) -> str:
    return f"CREATE TRIGGER {name} AFTER {event} ON {_RUNS}\nBEGIN\n" + "\n".join(statements) + "\nEND"


def _into(table: str, columns: Sequence[str], *, gone: bool = False) -> str:
    return f"INSERT INTO {table} ({', '.join([*([table] if gone else []), 'rowid', *columns])})"


def _of(row: str, columns: Sequence[str]) -> str:
    return ", ".join(f"{row}.{column}" for column in columns)


def _has_words(row: str, columns: Sequence[str]) -> str:
    return "(" + " OR ".join(f"{row}.{column} IS NOT NULL" for column in columns) + ")"


def _bare(sql: str) -> str:
    """SQL without its white space."""
    return "".join(sql.split())
