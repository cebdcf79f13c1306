"""First starts that are killed at random: the next start works, whatever was half done."""

import random
import shutil
from pathlib import Path
from typing import Final

import pytest

from tests.worker.first_starts import kill_after
from tests.worker.processes import RESOLUTE, started

STARTS: Final = 24
LONGEST: Final = 0.8
"""Seconds: by then a worker is ready."""

FLOW: Final = """
from resolute import every, flow, node
from datetime import timedelta

@node
async def look() -> str:
    return "all is well"

watch = flow("watch").triggered_by(every(timedelta(hours=1))).then(look().as_("look")).build()
"""

VARIABLES: Final = {"RESOLUTE_HTTP_PORT": "0", "RESOLUTE_EMBEDDED_PORT": "0", "RESOLUTE_LOG_FORMAT": "json"}

pytestmark = pytest.mark.soak


async def test_first_starts_that_are_killed_at_random_start_again(tmp_path: Path) -> None:
    """Worker and server get kill -9 at a random moment of the very first start; each time the next one works."""
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "watch.py").write_text(FLOW)
    seed = random.randrange(2**32)
    moments = random.Random(seed)
    worked = 0
    for _ in range(STARTS):
        shutil.rmtree(tmp_path / ".resolute", ignore_errors=True)
        delay = moments.uniform(0, LONGEST)
        await kill_after(delay, RESOLUTE, "worker", "--embedded", folder=tmp_path, **VARIABLES)
        async with started("worker", "--embedded", folder=tmp_path, **VARIABLES) as worker:
            await worker.url()
            worked += 0 == await worker.stopped()

    assert STARTS == worked, f"seed {seed}"
