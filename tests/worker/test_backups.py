"""Backups of the embedded server's state: made while it runs, put back whole, and refused where they are not."""

import asyncio
import json
import os
import shutil
import sqlite3
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from temporalio.client import Client

from resolute import flow, gate, manual, node
from resolute.plan.errors import ConfigurationError
from resolute.temporal.client.client import start_run
from resolute.temporal.client.gates import GateOfRun, decide_gate, open_gates
from resolute.temporal.wire.finding import RunKey
from resolute_worker.cli.app import run
from resolute_worker.deploying import Load
from resolute_worker.embedded import EmbeddedServer
from resolute_worker.embedded.backup import make_backup
from resolute_worker.embedded.backup_record import server_release
from resolute_worker.embedded.folder import StateFolder
from resolute_worker.embedded.restore import check_backup, restore_backup
from resolute_worker.process import running
from resolute_worker.settings import Settings
from tests.patience import PATIENCE


@node(effect="pure")
async def announce(word: str) -> str:
    """Says a word."""
    return word


APPROVED: Final = announce("after").as_("after")
ASKS: Final = flow("asks").triggered_by(manual("go")).then(gate("approve", ask="Go?")).then(APPROVED).build()


async def test_open_runs_go_on_after_the_state_was_lost_and_restored(tmp_path: Path) -> None:
    """A run that waits for a gate goes on from a backup made under the running server, by its sealed plan."""
    state, backup = tmp_path / "state", tmp_path / "backups" / "monday"
    load = Load(flows=[ASKS], released=datetime(2026, 3, 1, tzinfo=UTC))
    settings = Settings(
        embedded=True,
        embedded_port=0,
        http_port=0,
        state_dir=state,
        task_queue="backed-up",
        watch=False,
        shutdown_seconds=2,
    )
    async with running(load, settings=settings) as worker:
        asked = await start_run(worker.client, ASKS.plan, task_queue="backed-up", keys=worker.keys)
        await _gates_of(worker.client)
        made = await asyncio.to_thread(make_backup, state, backup)
        key = worker.keys.sealing_id
    shutil.rmtree(state)
    restored = await restore_backup(backup, state)

    async with running(load, settings=settings) as worker:
        (waiting,) = await _gates_of(worker.client)
        key_of_run = RunKey(waiting.workflow_id, waiting.run_id)
        await decide_gate(worker.client, key_of_run, "approve", approve=True, by="ada", keys=worker.keys)
        result = await worker.client.get_workflow_handle(asked.workflow_id).result()

    assert (asked.workflow_id, key, made) == (waiting.workflow_id, worker.keys.sealing_id, restored)
    assert "after" in json.dumps(result)


async def _gates_of(client: Client) -> list[GateOfRun]:
    async with asyncio.timeout(PATIENCE):
        while not (found := await open_gates(client)):
            await asyncio.sleep(0.05)  # the server does not announce what it has listed
    return found


async def test_a_backup_holds_what_lasts_for_its_user_alone(tmp_path: Path, prepared: Path) -> None:
    """Database, keys and whatever else is kept are in it; locks and logs are not; nobody else may read any of it."""
    state = _state_of(prepared, tmp_path)
    names = {"temporal.db", "plan.keys", "board.audit", "payloads/one"}
    passing = (
        "temporal.lock",
        "temporal.log",
        "temporal.log.1",
        "temporal.db-wal",
        "new/temporal.db",
        "plan.keys.7.ab",
    )
    for name in {*names, *passing} - {"temporal.db", "temporal.db-wal", "plan.keys"}:
        (state / name).parent.mkdir(exist_ok=True)
        (state / name).write_text("something")

    made = make_backup(state, tmp_path / "backup")
    await restore_backup(tmp_path / "backup", tmp_path / "other")

    folders = {".": 0o700, "payloads": 0o700}
    assert names == {file.name for file in made.files}
    assert {**folders, **dict.fromkeys({*names, "backup.json"}, 0o600)} == _modes(tmp_path / "backup")
    found = _modes(tmp_path / "other")
    assert {**folders, **dict.fromkeys(names, 0o600)} == {name: found[name] for name in {*folders, *names}}
    assert set(found) - names - set(folders) <= {"temporal.lock", "temporal.log"}
    assert (server_release(), made) == (made.server, check_backup(tmp_path / "backup"))


def test_the_commands_say_what_they_have_done(
    tmp_path: Path, prepared: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`backup`, `restore --check` and `restore` end with 0 and one line, or as JSON; a refusal ends with 2."""
    monkeypatch.setenv("RESOLUTE_STATE_DIR", str(_state_of(prepared, tmp_path)))
    to = str(tmp_path / "backup")
    assert (0, 0) == (run(["backup", to]), run(["restore", to, "--check"]))
    made, checked = capsys.readouterr().out.splitlines()
    assert (2, 2) == (run(["backup", to]), run(["restore", to]))
    refused = capsys.readouterr().err
    monkeypatch.setenv("RESOLUTE_STATE_DIR", str(tmp_path / "fresh"))
    assert 0 == run(["restore", to, "--json"])
    restored = json.loads(capsys.readouterr().out)

    assert f"{to} holds {tmp_path / 'state'} as of" in made
    assert f"{to} is whole, as of" in checked
    assert ("overwrites nothing" in refused, "already holds temporal.db" in refused) == (True, True)
    assert (True, 2) == (restored["has_keys"], restored["files"])


def test_a_backup_is_of_one_moment_while_the_database_is_written(tmp_path: Path) -> None:
    """What a server writes in one transaction is in the backup as a whole or not at all, and it is not held up."""
    state = tmp_path / "state"
    state.mkdir()
    server = sqlite3.connect(state / "temporal.db", isolation_level=None)
    server.execute("PRAGMA journal_mode=wal")
    server.execute("CREATE TABLE pairs (one, other)")
    server.execute("BEGIN")
    server.executemany("INSERT INTO pairs VALUES (?, ?)", [(number, number) for number in range(2000)])
    server.execute("COMMIT")
    server.execute("BEGIN")
    server.execute("UPDATE pairs SET one = -1")  # begun, not committed

    make_backup(state, tmp_path / "backup")
    server.execute("UPDATE pairs SET other = -1")
    server.execute("COMMIT")
    server.close()

    copy = sqlite3.connect(tmp_path / "backup" / "temporal.db")
    rows = copy.execute("SELECT count(*), sum(one = other), min(one) FROM pairs").fetchone()
    copy.close()
    assert (2000, 2000, 0) == rows


Harm = Callable[[Path], object]


def _flip(backup: Path) -> None:
    content = bytearray((backup / "temporal.db").read_bytes())
    content[len(content) // 2] ^= 1
    (backup / "temporal.db").write_bytes(content)


def _without(name: str) -> Harm:
    return lambda backup: (backup / name).unlink()


def _cut(name: str, length: int) -> Harm:
    return lambda backup: os.truncate(backup / name, length)


def _said(**changes: Any) -> Harm:
    def change(backup: Path) -> None:
        record = backup / "backup.json"
        record.write_text(json.dumps({**json.loads(record.read_text()), **changes}))

    return change


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (_without("backup.json"), "is not a complete backup: backup.json is missing"),
        (_cut("backup.json", 1), "is damaged: backup.json is not readable"),
        (_without("plan.keys"), "is damaged: plan.keys is missing"),
        (_cut("temporal.db", 4096), "is damaged: temporal.db has 4096 bytes instead of"),
        (_flip, "is damaged: the content of temporal.db has changed since the backup was made"),
        (_said(format=2), "in a form that this release does not know"),
        (_said(server="99.1.0"), "the one installed here is older"),
        (_said(files=[]), "is damaged: backup.json names no database"),
        (
            _said(files=[{"name": "../plan.keys", "size": 1, "sha256": "0" * 64}]),
            r"is damaged: backup.json is not readable \(files.0.name\)",
        ),
    ],
)
async def test_a_backup_that_is_not_whole_is_refused(tmp_path: Path, prepared: Path, harm: Harm, message: str) -> None:
    """A backup that is partial, damaged or of an unknown release changes nothing, and the error says why."""
    backup = tmp_path / "backup"
    shutil.copytree(prepared, backup)
    harm(backup)

    with pytest.raises(ConfigurationError, match=message):
        await restore_backup(backup, tmp_path / "state")

    assert [] == StateFolder(tmp_path / "state").kept_files()
    assert (True, False) == (StateFolder(tmp_path / "state").is_new, StateFolder(tmp_path / "state").is_half_restored())


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of a small database."""
    folder = tmp_path_factory.mktemp("prepared")
    (folder / "state").mkdir()
    with sqlite3.connect(folder / "state" / "temporal.db") as made:
        made.execute(
            "CREATE TABLE numbers AS WITH RECURSIVE n(x) AS (VALUES (1) UNION SELECT x + 1 FROM n) "
            "SELECT x FROM n LIMIT 5000"
        )
    made.close()
    (folder / "state" / "plan.keys").write_text("k" * 64)
    make_backup(folder / "state", folder / "backup")
    return folder / "backup"


async def test_a_restore_overwrites_nothing(tmp_path: Path, prepared: Path) -> None:
    """A state folder with a database, keys or an audit log is left alone, and so is one that a server uses."""
    for name in ("temporal.db", "plan.keys", "board.audit"):
        place = tmp_path / name
        place.mkdir()
        (place / name).write_text("precious")
        with pytest.raises(ConfigurationError, match=f"already holds {name}: move the folder away first"):
            await restore_backup(prepared, place)
        assert "precious" == (place / name).read_text()


async def test_an_interrupted_restore_is_repeated_and_never_begun_with_nothing(tmp_path: Path, prepared: Path) -> None:
    """After a kill in the middle no server starts with an empty database; the same command brings all of it."""
    state = tmp_path / "state"
    (state / "restoring").mkdir(parents=True)
    shutil.copy(prepared / "plan.keys", state)

    with pytest.raises(ConfigurationError, match="was interrupted: run `resolute restore` again"):
        async with EmbeddedServer(state, port=0):
            pass
    await restore_backup(prepared, state)

    assert (prepared / "temporal.db").read_bytes() == (state / "temporal.db").read_bytes()
    assert not (state / "restoring").exists()


def test_a_backup_of_nothing_or_in_a_wrong_place_is_refused(tmp_path: Path, prepared: Path) -> None:
    """No state, a place inside the state, one that is taken, and a damaged database: each error says what to do."""
    state = tmp_path / "state"
    with pytest.raises(ConfigurationError, match="holds no state of an embedded server: set RESOLUTE_STATE_DIR"):
        make_backup(state, tmp_path / "backup")
    shutil.copytree(prepared, state)
    with pytest.raises(ConfigurationError, match="lies in the state folder"):
        make_backup(state, state / "backup")
    with pytest.raises(ConfigurationError, match="exists: a backup overwrites nothing"):
        make_backup(state, prepared)
    (state / "temporal.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(ConfigurationError, match=r"is damaged .*: keep the earlier ones"):
        make_backup(state, tmp_path / "backup")

    assert [] == [each.name for each in tmp_path.iterdir() if "backup" in each.name]


def test_a_backup_that_cannot_be_written_leaves_nothing(tmp_path: Path, prepared: Path) -> None:
    """Where the place cannot be written the error names it, and no partial backup stays."""
    (tmp_path / "file").touch()

    with pytest.raises(ConfigurationError, match=r"the backup cannot be written to .*file/backup: File exists"):
        make_backup(_state_of(prepared, tmp_path), tmp_path / "file" / "backup")


def _state_of(backup: Path, folder: Path) -> Path:
    shutil.copytree(backup, folder / "state")
    (folder / "state" / "backup.json").unlink()
    return folder / "state"


def _modes(folder: Path) -> dict[str, int]:
    return {
        file.relative_to(folder).as_posix(): stat.S_IMODE(file.stat().st_mode) for file in (folder, *folder.rglob("*"))
    }
