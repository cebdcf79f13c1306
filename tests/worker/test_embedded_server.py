"""The embedded Temporal server: on loopback, durable, one per folder."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from resolute.plan.errors import ConfigurationError
from resolute_worker.embedded import RETENTION, EmbeddedServer
from resolute_worker.embedded.restarts import PAUSES, STEADY, Restarts
from tests.patience import PATIENCE
from tests.worker.first_starts import kill_first_start, retention_of


async def test_closed_runs_are_kept_longer_than_webhooks_come_again(client: Client) -> None:
    """PagerDuty delivers again for 48 hours; the ids that stop a second run are kept for at least 72."""
    assert timedelta(hours=72) <= await retention_of(client)


async def test_a_server_that_dies_is_started_again_in_its_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """After kill -9 of the server a client that is connected goes on, finds what was accepted, and two lines say so."""
    caplog.set_level(logging.INFO, "resolute_worker.embedded")
    async with EmbeddedServer(tmp_path, port=0) as server:
        client = await Client.connect(server.address)
        handle = await client.start_workflow("waits", id="survivor", task_queue="nobody")
        before, address = server.pid, server.address
        os.kill(before or 0, signal.SIGKILL)
        async with asyncio.timeout(PATIENCE):
            description = await handle.describe()
            while "runs continue where they were" not in caplog.text:  # it is said when the server has been asked too
                await asyncio.sleep(0.01)
        after = server.pid

    assert WorkflowExecutionStatus.RUNNING == description.status
    assert before != after
    assert address == server.address
    assert [
        "the embedded Temporal server ended with exit code -9: restarting it",
        "runs continue where they were",
    ] == [record.getMessage().rpartition(" s: ")[2] for record in caplog.records]


async def test_a_server_that_cannot_come_back_is_given_up(tmp_path: Path) -> None:
    """Where starting again cannot help, the worker is told what to do instead of trying for ever."""
    async with EmbeddedServer(tmp_path, port=0) as server:
        (tmp_path / "temporal.db-wal").unlink()
        (tmp_path / "temporal.db").write_bytes(b"not a database" * 1000)
        os.kill(server.pid or 0, signal.SIGKILL)
        async with asyncio.timeout(PATIENCE):
            error = await server.lost()

    assert isinstance(error, ConfigurationError)
    assert f"the database of the embedded Temporal server in {tmp_path} is damaged" in str(error)


def test_the_pauses_between_starts_grow_to_a_bound() -> None:
    """A first death is answered at once, each further one of a row later, and a server that keeps dying is given up."""
    restarts = Restarts()

    pauses = [restarts.pause(served=0) for _ in range(len(PAUSES) + 1)]

    assert 0 == pauses[0]
    assert pauses[:-1] == sorted(pause for pause in pauses if pause is not None)
    assert None is pauses[-1]


def test_a_death_after_good_service_is_a_first_one() -> None:
    """A server that is killed once an hour is never given up."""
    restarts = Restarts()

    assert [0.0] * 100 == [restarts.pause(served=STEADY) for _ in range(100)]


@pytest.mark.parametrize("delay", [0.0, 0.03, 0.06, 0.1, 0.2])
async def test_a_first_start_that_was_killed_starts_again(tmp_path: Path, delay: float) -> None:
    """Whenever the very first start is killed, the next one finds nothing that is half done."""
    state = tmp_path / "state"
    await kill_first_start(state, delay)

    async with EmbeddedServer(state, port=0) as server:
        client = await Client.connect(server.address)
        started = await client.start_workflow("waits", id="first", task_queue="nobody")
        retention = await retention_of(client)

    assert "first" == started.id
    assert RETENTION == retention


async def test_a_damaged_database_is_told_of_and_kept(tmp_path: Path) -> None:
    """What cannot be read is never overwritten: the message says what to do with it."""
    content = b"not a database" * 1000
    (tmp_path / "temporal.db").write_bytes(content)
    with pytest.raises(
        ConfigurationError, match=r"is damaged \(.*\): restore a backup of that folder, or move it away"
    ):
        async with EmbeddedServer(tmp_path, port=0):
            pass

    assert content == (tmp_path / "temporal.db").read_bytes()


async def test_a_folder_that_cannot_be_made_is_told_of(tmp_path: Path) -> None:
    """The message names the folder, the reason and the setting."""
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"file/state cannot be used \(Not a directory\).*RESOLUTE_STATE_DIR"):
        async with EmbeddedServer(tmp_path / "file" / "state", port=0):
            pass


async def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    """Who owns the folder could read and change every run in it."""
    folder = Path("/usr")
    if os.geteuid() == 0:
        folder = tmp_path
        os.chown(folder, 54321, 54321)
    with pytest.raises(ConfigurationError, match=r"belongs to .*: run as that user, or set RESOLUTE_STATE_DIR"):
        async with EmbeddedServer(folder, port=0):
            pass


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("size=1m", "is on a disk that is full: free some space"),
        ("size=8m,ro", "is on a file system that is read-only: make it writable"),
    ],
)
async def test_a_disk_that_takes_nothing_is_told_of(tmp_path: Path, options: str, said: str) -> None:
    """On a disk that is full or read-only the server does not start, and the message says which it is."""
    mounted = await asyncio.create_subprocess_exec("mount", "-t", "tmpfs", "-o", options, "none", str(tmp_path))
    if await mounted.wait():
        pytest.skip("only root may mount a disk")
    try:
        with pytest.raises(ConfigurationError, match=f"the state folder {tmp_path} {said}.*RESOLUTE_STATE_DIR"):
            async with EmbeddedServer(tmp_path, port=0):
                pass
    finally:
        await (await asyncio.create_subprocess_exec("umount", str(tmp_path))).wait()


async def test_a_folder_has_one_server(server: EmbeddedServer) -> None:
    """Two servers on one database would damage it: the second is refused, and told what to do."""
    with pytest.raises(ConfigurationError, match="RESOLUTE_STATE_DIR"):
        async with EmbeddedServer(server.log_file.parent, port=0):
            pass


async def test_a_taken_port_is_said(tmp_path: Path) -> None:
    """The message names the port and the setting."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"port {port} is taken.*RESOLUTE_EMBEDDED_PORT"):
            async with EmbeddedServer(tmp_path, port=port):
                pass


async def test_nobody_else_can_reach_it(server: EmbeddedServer) -> None:
    """Every socket that the server listens on is on loopback."""
    inodes: set[str] = set()
    for link in Path(f"/proc/{server.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a file that was closed meanwhile
            inodes.add(str(link.readlink()))
    listening = [
        fields[1]
        for table in ("tcp", "tcp6")
        for fields in (line.split() for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:])
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes
    ]

    assert listening
    assert {"0100007F"} == {address.partition(":")[0] for address in listening}
