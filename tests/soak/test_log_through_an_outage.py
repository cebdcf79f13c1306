"""Half an hour of a worker's log, most of it without Temporal: readable by programs, quiet, and without a secret."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from resolute_worker.embedded import EmbeddedServer
from tests.worker.processes import started

MINUTES: Final = (3, 24, 3)
"""With Temporal, without it, and with it again."""

TOKEN: Final = "never-to-be-shown-4711"  # a test's

FLOW: Final = """
import logging
from datetime import timedelta
from resolute import TerminalError, every, flow, node, secret

log = logging.getLogger("watch")

@node
async def look(token: str) -> str:
    log.info("looking with %s", token)
    raise TerminalError(f"refused {token}")

watch = flow("watch").triggered_by(every(timedelta(seconds=15))).then(look(secret("TOKEN")).as_("look")).build()
"""

pytestmark = pytest.mark.soak


async def test_half_an_hour_of_a_log(tmp_path: Path) -> None:
    """Every line is JSON, none holds the secret, and no minute has more than a line a second."""
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "watch.py").write_text(FLOW)
    variables = {"RESOLUTE_HTTP_PORT": "0", "RESOLUTE_LOG_FORMAT": "json", "TOKEN": TOKEN}
    before, without, after = MINUTES
    async with EmbeddedServer(tmp_path / "state", port=0) as first:
        worker_of = started("worker", folder=tmp_path, TEMPORAL_ADDRESS=first.address, **variables)
        async with worker_of as worker:
            await worker.url()
            await asyncio.sleep(before * 60)
            await first.__aexit__(None, None, None)
            await asyncio.sleep(without * 60)
            async with EmbeddedServer(tmp_path / "state", port=first.port):
                await worker.line("runs are picked up again")
                await asyncio.sleep(after * 60)
                code = await worker.stopped()
    lines = [json.loads(line) for line in worker.lines]
    minutes = Counter(str(line["time"])[:16] for line in lines)
    said = [line["message"] for line in lines]

    assert 0 == code
    assert not [line for line in worker.lines if TOKEN in line]
    assert max(minutes.values()) <= 60
    assert 1 == said.count("runs are picked up again")
    assert len([message for message in said if message.startswith("runs are not picked up")]) == 1
    assert {"looking with ***", "run failed: step 'look' (look) failed: TerminalError: refused ***"} <= set(said)
