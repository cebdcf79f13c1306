"""5,000 gates wait for people: a worker stays small with them, and is there again soon after a restart."""

from pathlib import Path
from typing import Final

import pytest

from benchmarks.gates import many_open

GATES: Final = 5_000
MOST_MEGABYTES: Final = 300
MOST_SECONDS: Final = 10
SHOWN: Final = 200

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]


async def test_thousands_of_gates_are_open(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One worker process stays below 300 MB with 5,000 open gates, and is at work again within 10 s.

    After the restart it takes a decision and `resolute gates` shows the latest ones, each as soon. Figures are printed.
    """
    found = await many_open(tmp_path, GATES)
    with capsys.disabled():
        print(f"\n{found}")  # noqa: T201  # figures

    assert found.memory < MOST_MEGABYTES
    assert found.ready < MOST_SECONDS
    assert found.answered < MOST_SECONDS
    assert found.listed < MOST_SECONDS
    assert SHOWN == found.shown
