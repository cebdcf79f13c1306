"""The embedded server writes its full-text indexes only for runs that have words, and finds them as before."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

from temporalio.client import Client

from resolute_worker.embedded import EmbeddedServer
from tests.patience import PATIENCE

FTS = ("executions_visibility_fts_text", "executions_visibility_fts_keyword_list")
RUN = (
    "INSERT INTO executions_visibility (namespace_id, run_id, start_time, execution_time, workflow_id, "
    "workflow_type_name, status, encoding, search_attributes) VALUES ('n', ?, 0, 0, 'w', 't', 1, 'json', ?) "
    "ON CONFLICT (namespace_id, run_id) DO UPDATE SET search_attributes = excluded.search_attributes"
)


def opened(database: Path) -> contextlib.closing[sqlite3.Connection]:
    """A server's database, to be read."""
    return contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True))


def schema_of(server: EmbeddedServer) -> sqlite3.Connection:
    """An empty list of runs in memory, with the indexes and triggers of a server's."""
    memory = sqlite3.connect(":memory:")
    with opened(server.database) as database:
        for (sql,) in database.execute(
            "SELECT sql FROM sqlite_master WHERE name = 'executions_visibility' OR type = 'trigger' "
            "OR sql LIKE 'CREATE VIRTUAL TABLE executions_visibility%' ORDER BY type = 'trigger', rowid"
        ):
            memory.execute(sql)
    return memory


def found(database: sqlite3.Connection, index: str, word: str) -> list[str]:
    """The runs that a word is found in."""
    query = f"SELECT run_id FROM executions_visibility WHERE rowid IN (SELECT rowid FROM {index} WHERE {index} MATCH ?)"
    return sorted(run for (run,) in database.execute(query, (word,)))


async def test_a_run_without_words_writes_no_full_text(tmp_path: Path) -> None:
    """A run that has no text and no list of words is listed, and stands in neither full-text index."""
    async with EmbeddedServer(tmp_path, port=0) as server:
        client = await Client.connect(server.address)
        await client.start_workflow("waits", id="plain", task_queue="nobody")
        async with asyncio.timeout(PATIENCE):
            while not (runs := [run.id async for run in client.list_workflows("WorkflowType = 'waits'")]):
                await asyncio.sleep(0.05)
        with opened(server.database) as database:
            # The server's own workflows, which begin in the first moments, have words.
            plain = "SELECT rowid FROM executions_visibility WHERE workflow_id = 'plain'"
            indexed = [f"SELECT count(*) FROM {index}_docsize WHERE id IN ({plain})" for index in FTS]
            written = [database.execute(sql).fetchone()[0] for sql in indexed]

    assert ["plain"] == runs
    assert [0, 0] == written


async def test_words_are_found_as_they_change(server: EmbeddedServer) -> None:
    """A run is found by the words that it has now, whether it began with them, got, changed or lost them."""
    text, words = FTS
    seen: list[tuple[list[str], list[str], list[str]]] = []
    with contextlib.closing(schema_of(server)) as database:
        for run, attributes in (
            ("a", '{"Text01": "red apple", "KeywordList01": "tier-1"}'),
            ("b", "{}"),
            ("b", '{"Text01": "green apple"}'),
            ("a", '{"Text01": "red pear", "KeywordList01": "tier-1"}'),
            ("b", '{"Text01": "green apple", "BuildIds": "tier-1"}'),
            ("a", "{}"),
        ):
            database.execute(RUN, (run, attributes))
            seen.append(
                (found(database, text, "apple"), found(database, text, "red"), found(database, words, '"tier-1"'))
            )
        database.execute("DELETE FROM executions_visibility WHERE run_id = 'b'")
        seen.append((found(database, text, "apple"), found(database, text, "red"), found(database, words, '"tier-1"')))
        left = [database.execute(f"SELECT count(*) FROM {index}_docsize").fetchone()[0] for index in FTS]

    assert [
        (["a"], ["a"], ["a"]),
        (["a"], ["a"], ["a"]),
        (["a", "b"], ["a"], ["a"]),
        (["b"], ["a"], ["a"]),
        (["b"], ["a"], ["a", "b"]),
        (["b"], [], ["b"]),
        ([], [], []),
    ] == seen
    assert [0, 0] == left


async def test_triggers_that_are_not_known_stay_as_they_are(tmp_path: Path) -> None:
    """A trigger that another version of Temporal writes otherwise is not replaced by ours."""
    other = "CREATE TRIGGER executions_visibility_ad AFTER DELETE ON executions_visibility BEGIN SELECT 1; END"
    async with EmbeddedServer(tmp_path, port=0) as server:
        server.hurry()
    with contextlib.closing(sqlite3.connect(server.database)) as database:
        database.execute("DROP TRIGGER executions_visibility_ad")
        database.execute(other)
    async with EmbeddedServer(tmp_path, port=0) as server:
        server.hurry()
    with opened(server.database) as database:
        kept = database.execute("SELECT sql FROM sqlite_master WHERE name = 'executions_visibility_ad'").fetchone()

    assert (other,) == kept
