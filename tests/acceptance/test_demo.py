"""`resolute demo`, as a person starts it."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from resolute_pagerduty.simulator import Simulator
from resolute_worker.demo.evidence import evidence
from resolute_worker.demo.town import Town
from tests.patience import PATIENCE


def start(folder: Path, *options: str, **environment: str) -> subprocess.Popen[str]:
    """Starts the demo with a folder of its own for temporary files."""
    return subprocess.Popen(
        [sys.executable, "-c", "from resolute_worker.cli import main; main()", "demo", *options],
        env={**os.environ, **environment, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def without_times(text: str) -> list[str]:
    """The lines that happen at a time, without it."""
    return re.findall(r"^\d\d:\d\d:\d\d  (.*)$", text, re.MULTILINE)


def servers_in(folder: Path) -> list[str]:
    """The processes that were started for a folder and still run."""
    found = subprocess.run(["ps", "-A", "-o", "args="], check=True, capture_output=True, text=True).stdout
    return [line for line in found.splitlines() if f"{folder}/" in line]


def test_the_demo_shows_an_incident_and_ends_by_itself(tmp_path: Path) -> None:
    """It shows what the README says, ends with 0, and leaves no process and no file behind."""
    with start(tmp_path) as demo:
        said, _ = demo.communicate(timeout=PATIENCE)

    assert 0 == demo.returncode, said
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    shown = readme.partition("```text\n")[2].partition("```")[0]
    assert without_times(shown) == [line for line in without_times(said) if line in without_times(shown)]
    assert ([], []) == (servers_in(tmp_path), list(tmp_path.iterdir()))


def test_the_demo_can_be_interrupted(tmp_path: Path) -> None:
    """Ctrl-C in the middle ends everything that it had started, without a traceback and with a code that says so."""
    with start(tmp_path) as demo:
        assert demo.stdout is not None
        said = ""
        while "goes down" not in said:
            said += demo.stdout.readline()
        demo.send_signal(signal.SIGINT)
        said += demo.communicate(timeout=PATIENCE)[0]

    assert 130 == demo.returncode, said
    assert "Traceback" not in said
    assert ([], []) == (servers_in(tmp_path), list(tmp_path.iterdir()))


def test_the_demo_is_watched(tmp_path: Path) -> None:
    """With --watch it opens its board in the browser, and its story begins when somebody looks."""
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {opened}.part && mv {opened}.part {opened}\n')
    browser.chmod(0o700)
    folder = tmp_path / "demo"
    folder.mkdir()

    with start(folder, "--watch", BROWSER=str(browser)) as demo:
        assert demo.stdout is not None
        said = ""
        while "Story" not in said:
            said += demo.stdout.readline()
        address = opened.read_text()
        assert f"shows all of it, live: {address}\n" in said
        with httpx.stream("GET", f"{address}live?at=", timeout=PATIENCE) as looks:
            while "goes down" not in said:
                said += demo.stdout.readline()
            status = looks.status_code
        demo.send_signal(signal.SIGINT)
        demo.communicate(timeout=PATIENCE)

    assert (200, 130) == (status, demo.returncode)
    assert ([], []) == (servers_in(folder), list(folder.iterdir()))


@pytest.mark.parametrize("status", ["triggered", "resolved"])
async def test_the_demo_believes_only_what_happened(status: str) -> None:
    """An incident that nobody opened, told of or resolved is seen as missing: the demo can fail."""
    sim = Simulator()
    sim.trigger("something else", routing_key=sim.world.routing_key)
    if status == "resolved":
        sim.add_incident("resolved by hand", sim.world.service, resolved_at=sim.clock.now(), by=sim.world.ada)

    assert [] == [finding.what for finding in evidence(sim, Town(), []) if finding.holds]
