"""The audit log at a terminal: who asked PagerDuty for what, and what came of it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from resolute_pagerduty.simulator import Limits, Simulator
from resolute_pagerduty.simulator.world import WORLD
from tests.worker.terminal import Command, command, fresh


@pytest.fixture(scope="module")
def served() -> Iterator[Simulator]:
    with Simulator.serve(limits=Limits.none()) as sim:
        yield sim


@pytest.fixture
def sim(served: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Simulator:
    return fresh(served, monkeypatch, tmp_path)


@pytest.fixture
def resolute(sim: Simulator, capsys: pytest.CaptureFixture[str]) -> Command:
    assert sim.url
    return command(capsys)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log with five entries, one an hour, the last of them an hour old."""
    usual = {"account": "default", "method": "GET", "resource": "/incidents", "outcome": "done", "operation": "list"}
    entries = [
        {"flow": "watch", "run": "run-a", "step": "look"},
        {"flow": "watch", "run": "run-b", "step": "look", "account": "eu"},
        {"flow": "tidy", "run": "run-c", "step": "close", "method": "PUT", "operation": "updateIncident"},
        {"flow": "tidy", "run": "run-c", "step": "note", "method": "POST", "outcome": "unknown"},
        {"flow": "agent", "run": "run-d", "step": "note", "outcome": "refused", "error": "NotGrantedError"},
    ]
    now = datetime.now(UTC)
    times = [(now - timedelta(hours=hours)).isoformat() for hours in (5, 4, 3, 2, 1)]
    file = tmp_path / "some.jsonl"
    lines = [json.dumps({"time": time, **usual, **entry}) for time, entry in zip(times, entries, strict=True)]
    file.write_text("\n".join(lines) + "\n")
    return file


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([], ["look", "look", "close", "note", "note"]),
        (["--account", "eu"], ["look"]),
        (["--flow", "tidy"], ["close", "note"]),
        (["--run", "run-c"], ["close", "note"]),
        (["--method", "put"], ["close"]),
        (["--method", "updateIncident", "--method", "POST"], ["close", "note"]),
        (["--outcome", "unknown", "--outcome", "refused"], ["note", "note"]),
        (["--since", "150m"], ["note", "note"]),
        (["--since", "270m", "--until", "150m"], ["look", "close"]),
        (["--limit", "2"], ["note", "note"]),
        (["--flow", "tidy", "--outcome", "done"], ["close"]),
    ],
)
def test_filters_go_together(resolute: Command, log: Path, filters: list[str], expected: list[str]) -> None:
    """Each filter leaves out what does not fit; all of them have to."""
    answer = resolute("audit", str(log), "--json", *filters)

    assert 0 == answer.code
    assert expected == [each["step"] for each in answer.json]


def test_what_was_done_can_be_looked_up(resolute: Command, sim: Simulator) -> None:
    """A command of a minute ago is in the log, with its outcome and PagerDuty's request id, in one line each."""
    sim.add_incident("Slow", WORLD.service)
    resolute("pagerduty", "resolve", "1")

    lines = resolute("audit", "--method", "PUT").printed.splitlines()

    assert 2 == len(lines)
    for text in ("done", "default", "PUT /incidents/1", "terminal", "update_incident", "200"):
        assert text in lines[1]


def test_a_long_log_says_what_is_left_out(resolute: Command, log: Path) -> None:
    """The newest entries are shown, and how many there are before them."""
    assert "3 earlier ones are left out" in resolute("audit", str(log), "--limit", "2").printed


def test_nothing_is_said_as_well(resolute: Command, log: Path, tmp_path: Path) -> None:
    """No entry that fits, or no log yet, is no mistake."""
    nothing = resolute("audit", str(log), "--flow", "none")
    no_log = resolute("audit", "--json")

    assert (0, f"no matching entry in {log}\n") == (nothing.code, nothing.printed)
    assert (0, []) == (no_log.code, no_log.json)
    assert not (tmp_path / "audit.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["no-such-file"], 2, "no-such-file cannot be read"),
        (["--since", "soon"], 2, "'soon' is not a time"),
        (["--outcome", "good"], 2, "good"),
    ],
)
def test_a_wrong_call_is_code_2(resolute: Command, arguments: list[str], code: int, message: str) -> None:
    """What is wrong is said."""
    answer = resolute("audit", *arguments)

    assert (code, "") == (answer.code, answer.printed)
    assert message in answer.said


def test_a_file_that_is_no_log_is_said(resolute: Command, tmp_path: Path) -> None:
    """The line is named, and there is no traceback."""
    file = tmp_path / "other.txt"
    file.write_text("hello\n")

    answer = resolute("audit", str(file))

    assert 1 == answer.code
    assert "other.txt:1 is not an audit entry" in answer.said


def test_a_torn_line_is_left_out_and_said(resolute: Command, log: Path) -> None:
    """The entries around it are shown; the place of what is none goes to stderr, and of many only the first few."""
    lines = log.read_text().splitlines()
    log.write_text("\n".join([lines[0], '{"time": "20', *lines[1:], *["hello"] * 9]) + "\n")

    answer = resolute("audit", str(log), "--json")

    assert (0, 5) == (answer.code, len(answer.json))
    assert f"{log}:2 is not an audit entry and is skipped" in answer.said
    assert "... and 5 more lines" in answer.said
