"""The audit log: nothing is sent without it, no line of it is lost, and nobody else reads it."""

import asyncio
import os
import resource
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

import resolute_pagerduty as pagerduty
from resolute.plan.errors import AuditError, ConfigurationError, ResoluteError
from resolute.providing.audit import AuditEntry, AuditFile, entry_of_now, read_audit
from resolute.providing.audit_file import LineFile
from resolute_pagerduty import PagerDuty, errors
from resolute_pagerduty.simulator import Simulator
from resolute_pagerduty.simulator.world import WORLD
from tests.patience import PATIENCE
from tests.providers.pagerduty.harness import Bench, config_for

FULL = Path("/dev/full")
"""A file of which every write says that the disk is full."""


def entry(number: int = 0) -> AuditEntry:
    return entry_of_now(account="default", operation="o", method="GET", resource=f"/{number}", outcome="refused")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_nothing_is_sent_that_cannot_be_written_down(sim: Simulator, tmp_path: Path) -> None:
    """The disk is full: nothing goes out, and the error says what to mend; once that is done the step goes on."""
    log = tmp_path / "audit.jsonl"
    log.symlink_to(FULL)
    async with PagerDuty(config_for(sim), audit_log=log) as provider:
        bench = Bench(sim, provider)
        with pytest.raises(AuditError, match=r"cannot be written \(No space left on device\)") as caught:
            await bench.run(pagerduty.send_change_event, summary="Deployed")
        with pytest.raises(AuditError, match="was not sent: fix that, or set PAGERDUTY_AUDIT_LOG"):
            await bench.run(pagerduty.list_incidents, step="other")
        unsent = list(sim.requests)
        log.unlink()
        await bench.run(pagerduty.send_change_event, summary="Deployed", attempt=2)

    assert ([], True) == (unsent, caught.value.retryable)
    assert 1 == str(caught.value).count("cannot be written")
    assert ["GET", "POST"] == [each.method for each in read_audit(log)]


async def test_what_leaves_no_trace_is_not_in_doubt_for_that(sim: Simulator, tmp_path: Path) -> None:
    """A status update that was not sent because of the log was certainly not sent: it is tried again."""
    log = tmp_path / "audit.jsonl"
    log.symlink_to(FULL)
    async with PagerDuty(config_for(sim), audit_log=log) as provider:
        bench = Bench(sim, provider)
        incident = sim.add_incident("Slow", WORLD.service)
        with pytest.raises(AuditError):
            await bench.run(pagerduty.send_status_update, incident_id=incident.id, message="x")
        log.unlink()
        await bench.run(pagerduty.send_status_update, incident_id=incident.id, message="x", attempt=2)

    assert 1 == len(sim.account.state.status_updates)


async def test_what_was_sent_is_not_sent_again_for_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The disk gets full while an answer is on its way: that fails no step, and the log knows that it was sent."""
    log = tmp_path / "audit.jsonl"
    file = AuditFile(log)
    begun = entry().model_copy(update={"outcome": "unknown"})
    await file.begin(begun)
    log.rename(tmp_path / "kept")
    log.symlink_to(FULL)
    await file.end(begun.model_copy(update={"outcome": "done", "status": 202}))

    assert [begun] == list(read_audit(tmp_path / "kept"))
    assert "it does not say that GET /0 was done" in caplog.text


async def test_a_request_that_was_cut_off_is_in_the_log(sim: Simulator, tmp_path: Path) -> None:
    """A worker that is killed, a step that is cancelled: what was on its way is there, as `unknown`."""
    log = tmp_path / "audit.jsonl"
    sim.faults.add(action="hang", method="POST")
    async with PagerDuty(config_for(sim), audit_log=log) as provider:
        bench = Bench(sim, provider)
        sent = asyncio.create_task(bench.run(pagerduty.trigger_event, summary="s", source="s", severity="info"))
        await sim.until(lambda: not sim.faults.pending(), PATIENCE)
        sent.cancel()
        await asyncio.gather(sent, return_exceptions=True)
        (found,) = read_audit(log)

    assert ("unknown", "POST", "step") == (found.outcome, found.method, found.step)


async def test_what_had_no_connection_failed(sim: Simulator, tmp_path: Path) -> None:
    """Unknown is only what may have been done."""
    log = tmp_path / "audit.jsonl"
    async with PagerDuty(config_for(sim, events_url="http://127.0.0.1:9"), audit_log=log) as provider:
        with pytest.raises(errors.UnreachableError, match="nothing was sent"):
            await Bench(sim, provider).run(pagerduty.trigger_event, summary="s", source="s", severity="info")
    (found,) = read_audit(log)

    assert ("failed", "UnreachableError") == (found.outcome, found.error)


async def test_a_torn_line_costs_no_other(tmp_path: Path) -> None:
    """What a crash left of a line is closed by the next one, left out by readers, and reported with its place."""
    log, bad = tmp_path / "audit.jsonl", list[str]()
    file = AuditFile(log)
    first, second = entry(1), entry(2)
    await file.refused(first)
    with log.open("a") as torn:
        torn.write('{"time": "20')
    before = list(read_audit(log, bad=bad.append))
    await file.refused(second)

    assert ([first], []) == (before, bad)
    assert [first, second] == list(read_audit(log, bad=bad.append))
    assert [f"{log}:2"] == bad


@pytest.mark.parametrize(
    "garbage",
    [b"hello\n", b"\xff\xfe\x00\n", b"{}\n", b"x" * 2_500_000 + b"\n", b"\n"],
    ids=["text", "no text", "no entry", "a very long line", "an empty line"],
)
async def test_lines_of_another_hand_are_left_out(tmp_path: Path, garbage: bytes) -> None:
    """Whatever stands between two entries, both are read; where nothing else stands there, it is no audit log."""
    log, bad = tmp_path / "audit.jsonl", list[str]()
    file = AuditFile(log)
    first, second = entry(1), entry(2)
    await file.refused(first)
    log.write_bytes(log.read_bytes() + garbage)
    await file.refused(second)
    (tmp_path / "other").write_bytes(garbage)

    assert [first, second] == list(read_audit(log, bad=bad.append))
    assert [f"{log}:2"] == bad
    with pytest.raises(ResoluteError, match="other:1 is not an audit entry: is this an audit log"):
        list(read_audit(tmp_path / "other"))


def test_half_a_line_is_taken_back(tmp_path: Path) -> None:
    """A disk that takes only a part of a line: the line is not there, and the ones before it are whole."""
    file = LineFile(tmp_path / "lines")
    file.append(b"one")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            file.append(b"a line that is longer than that")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    file.append(b"two")

    assert b"one\ntwo\n" == (tmp_path / "lines").read_bytes()


@pytest.mark.parametrize("before", [None, 0o644, 0o666])
async def test_the_log_is_for_its_owner(tmp_path: Path, before: int | None) -> None:
    """A new log is 0600 in a folder that is 0700; one that others could read is so no longer."""
    log = tmp_path / "state" / "audit.jsonl"
    if before is not None:
        log.parent.mkdir(mode=0o700)
        log.touch()
        log.chmod(before)
    AuditFile(log).close()

    assert (0o600, 0o700) == (mode(log), mode(log.parent))


async def test_an_audit_log_that_cannot_be_written_stops_the_worker(sim: Simulator, tmp_path: Path) -> None:
    """An audit that silently holds nothing would be worse than none: the provider does not open."""
    (tmp_path / "file").write_text("")
    provider = PagerDuty(config_for(sim), audit_log=tmp_path / "file" / "audit.jsonl")
    with pytest.raises(ConfigurationError, match="set PAGERDUTY_AUDIT_LOG"):
        async with provider:
            pass


async def test_a_full_log_is_put_aside(tmp_path: Path) -> None:
    """The newest is `.1`; the oldest goes where there are enough; all that is kept is read, the oldest first."""
    log = tmp_path / "audit.jsonl"
    entries = [entry(number) for number in range(100, 140)]
    size = len(entries[0].model_dump_json(exclude_none=True)) + 1
    file = AuditFile(log, largest=10 * size, kept=2)
    for each in entries:
        await file.refused(each)

    names = ["audit.jsonl", "audit.jsonl.1", "audit.jsonl.2", "audit.jsonl.lock"]

    assert names == sorted(each.name for each in tmp_path.iterdir())
    assert entries[-30:] == list(read_audit(log))
    assert [0o600] * 4 == [mode(each) for each in tmp_path.iterdir()]


WRITER = """
import sys
from pathlib import Path
from resolute.providing.audit_file import LineFile
file = LineFile(Path(sys.argv[1]), largest=2000, kept=1000)
for number in range(300):
    file.append(f"{sys.argv[2]}-{number} {'x' * (number % 50)}".encode())
"""


def test_processes_share_a_log(tmp_path: Path) -> None:
    """Four processes write and rotate, a program renames the file: no line is lost, torn or there twice."""
    log = tmp_path / "audit.jsonl"
    LineFile(log).prepare()
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(log), str(each)]) for each in range(4)]
    rotated: list[Path] = []
    while any(each.poll() is None for each in writers):
        target = tmp_path / f"rotated-{len(rotated)}"
        if len(rotated) < 20 and log.exists():
            try:
                log.rename(target)
            except FileNotFoundError:
                continue
            rotated.append(target)
    lines = [line for path in rotated for line in path.read_bytes().splitlines()]
    log.touch()  # the last rename may have come behind the last line
    lines += [line.rstrip(b"\n") for _, line in LineFile(log).lines()]

    expected = [f"{each}-{number} {'x' * (number % 50)}".encode() for each in range(4) for number in range(300)]

    assert [0] * 4 == [each.returncode for each in writers]
    assert sorted(expected) == sorted(lines)
    assert all(path.stat().st_size <= 2000 for path in tmp_path.iterdir())


CONFINED = """
import os, sys
from pathlib import Path
from resolute.providing.audit_file import LineFile
if os.geteuid() == 0:
    os.seteuid(65534)
file = LineFile(Path(sys.argv[1]), largest=20, kept=2)
file.prepare()
for number in range(20):
    file.append(f"line {number}".encode())
"""


def test_a_folder_of_somebody_else_will_do() -> None:
    """The worker may write the file but create none next to it: every line is written, and the file is not rotated."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "audit.jsonl"
        log.touch()
        if os.geteuid() == 0:
            os.chown(log, 65534, 65534)
        Path(folder).chmod(0o555)
        command = [sys.executable, "-c", CONFINED, str(log)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        written = log.read_text()
        Path(folder).chmod(0o755)

    assert (0, [f"line {number}" for number in range(20)]) == (done.returncode, written.splitlines())
    assert 1 == done.stderr.count("is full and cannot be rotated (Permission denied)")


async def test_a_writer_that_waits_does_not_hold_the_loop(tmp_path: Path) -> None:
    """While another process has the log locked, the worker does its other work; then the line is written."""
    import fcntl

    log = tmp_path / "audit.jsonl"
    file = AuditFile(log)
    with (tmp_path / "audit.jsonl.lock").open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        waiting: asyncio.Task[Any] = asyncio.create_task(file.refused(entry()))
        await asyncio.sleep(0)
        await asyncio.to_thread(log.stat)
        unwritten = (waiting.done(), log.stat().st_size)
    await waiting

    assert (False, 0) == unwritten
    assert 1 == len(list(read_audit(log)))
