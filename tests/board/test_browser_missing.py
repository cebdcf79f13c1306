"""Where no browser is installed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.board.chromium import MISSING, program

ROOT = Path(__file__).parents[2]


def test_it_is_said_that_tests_were_left_out(tmp_path: Path) -> None:
    """On a machine without a browser its tests are left out, and the summary says so in one line."""
    names = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_") and name != "CI"}
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/board/test_browser.py"],
        cwd=ROOT,
        env={**names, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == ran.returncode, ran.stdout + ran.stderr
    assert [f"left out: {MISSING}"] == [
        line.partition(" ")[2] for line in ran.stdout.splitlines() if "left out" in line
    ]


def test_what_decides_on_changes_leaves_none_out(tmp_path: Path) -> None:
    """Under CI they fail instead, with the same line."""
    with pytest.raises(pytest.fail.Exception, match="install chromium"):
        program({"CI": "true", "PATH": str(tmp_path)})
