"""Deletes closed runs and shrinks the embedded server's database.

SQLite returns space to the file system only when nobody uses the database. The space of what is deleted while the
server runs is reused by later runs, so the file stops growing but does not shrink.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from resolute.plan.errors import ConfigurationError

log = logging.getLogger(__name__)

_BATCH: Final = 500
_AT_ONCE: Final = 8
_PATIENCE: Final = 60.0
_LOOK_EVERY: Final = 60.0
_SHARE: Final = 0.1
_MEGABYTE: Final = 1024 * 1024
_OLDEST: Final = timedelta(days=3650)


@dataclass(frozen=True)
class DatabaseSize:
    """The size of a database's files in bytes, and how much of it is in use."""

    files: int
    used: int

    @classmethod
    def of(cls, database: Path) -> DatabaseSize:
        """The size of a database, even while a server uses it."""
        files = sum(part.stat().st_size for part in database.parent.glob(f"{database.name}*") if part.is_file())
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as opened:
            page, pages, free = (
                int(opened.execute(f"PRAGMA {name}").fetchone()[0])
                for name in ("page_size", "page_count", "freelist_count")
            )
        return cls(files, page * (pages - free))


def shrink(database: Path) -> None:
    """Returns the space of what was deleted to the file system. No server may be using the database.

    Raises:
        ConfigurationError: another program uses it, or the disk has no room for the copy that SQLite makes.
    """
    try:
        with contextlib.closing(sqlite3.connect(database, timeout=10, isolation_level=None)) as opened:
            opened.execute("VACUUM")
            opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.OperationalError as error:
        raise ConfigurationError(
            f"{database} cannot be made smaller ({error}): nothing is lost. SQLite needs as much free disk space "
            "as the database has, and no other program may be using it"
        ) from None


async def count_closed(client: Client, before: datetime, task_queue: str | None = None) -> int:
    """How many runs were closed before a time; only those of one task queue, if it is given."""
    return (await client.count_workflows(_query(before, task_queue))).count


async def delete_closed(client: Client, before: datetime, task_queue: str | None = None) -> int:
    """Deletes every run that was closed before a time, waits until they are gone, and returns how many there were.

    Raises:
        RPCError: Temporal refused, or is unreachable. What is deleted stays deleted.
        ConfigurationError: it takes longer than a minute to delete some hundred runs.
    """
    deleted = 0
    while True:
        query = _query(before, task_queue)
        found = [run async for run in client.list_workflows(query, page_size=_BATCH, limit=_BATCH)]
        if not found:
            return deleted
        at_once = asyncio.Semaphore(_AT_ONCE)

        async def delete(workflow_id: str, run_id: str, turns: asyncio.Semaphore = at_once) -> None:
            async with turns:
                await _delete(client, workflow_id, run_id)

        left = await count_closed(client, before, task_queue) - len(found)
        await asyncio.gather(*(delete(run.id, run.run_id) for run in found))
        await _until_gone(client, before, task_queue, left)
        deleted += len(found)


async def _delete(client: Client, workflow_id: str, run_id: str) -> None:
    execution = WorkflowExecution(workflow_id=workflow_id, run_id=run_id)
    request = DeleteWorkflowExecutionRequest(namespace=client.namespace, workflow_execution=execution)
    try:
        await client.workflow_service.delete_workflow_execution(request, retry=True)
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise


async def _until_gone(client: Client, before: datetime, task_queue: str | None, left: int) -> None:
    """Temporal deletes after it has answered, and does not say when it is done."""
    deadline = asyncio.get_running_loop().time() + _PATIENCE
    while await count_closed(client, before, task_queue) > max(left, 0):
        if asyncio.get_running_loop().time() > deadline:
            raise ConfigurationError(
                "Temporal takes long to delete runs: it continues on its own, so clean again later"
            )
        await asyncio.sleep(0.1)


async def _oldest_share(client: Client, share: float) -> datetime | None:
    """A time before which about this share of the closed runs was closed; None if there are no closed runs."""
    late = datetime.now(UTC)
    early = late - _OLDEST
    wanted = await count_closed(client, late) * share
    if not wanted:
        return None
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) / 2
        early, late = (middle, late) if await count_closed(client, middle) < wanted else (early, middle)
    return late


def _query(before: datetime, task_queue: str | None) -> str:
    query = f"ExecutionStatus != 'Running' AND CloseTime < '{before.astimezone(UTC).isoformat()}'"
    return f"{query} AND TaskQueue = '{task_queue}'" if task_queue else query


@contextlib.asynccontextmanager
async def kept_below(
    client: Client, database: Path, megabytes: int | None, every: float = _LOOK_EVERY
) -> AsyncGenerator[None]:
    """Deletes the oldest closed runs whenever the database uses more than so many megabytes."""
    if megabytes is None:
        yield
        return
    task = asyncio.create_task(_keep_below(client, database, megabytes, every), name="database size")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _keep_below(client: Client, database: Path, megabytes: int, every: float) -> None:
    while True:
        await asyncio.sleep(every)
        try:
            used = (await asyncio.to_thread(DatabaseSize.of, database)).used
            if used <= megabytes * _MEGABYTE:
                continue
            before = await _oldest_share(client, _SHARE)
            deleted = await delete_closed(client, before) if before else 0
        except (RPCError, sqlite3.Error, ConfigurationError) as error:
            log.warning("the size of the database cannot be limited: %s", error)
            continue
        log.warning(
            "the database uses %d MB of the %d MB that RESOLUTE_DATABASE_MB allows: %s",
            used // _MEGABYTE,
            megabytes,
            f"the {deleted} oldest closed runs are deleted" if deleted else "no closed run is left to delete",
        )
