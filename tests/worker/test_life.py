"""The event loop of a process, and how signals end it."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest
from uvloop import Loop

from resolute_worker.life import quick_loop
from tests.patience import PATIENCE

SCRIPT = """
import asyncio, time
from resolute_worker.life import live

async def work(signals):
    print(type(asyncio.get_running_loop()).__module__, flush=True)
    time.sleep(120)  # as a node would that blocks the loop

live(work, grace=100)
"""


def test_the_loop_is_uvloops() -> None:
    """A process runs on uvloop where that is installed, and on Python's own loop where it is not."""
    quick = quick_loop()
    quick.close()
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(sys.modules, "uvloop", None)
        other = quick_loop()
        other.close()

    assert isinstance(quick, Loop)
    assert isinstance(other, asyncio.SelectorEventLoop)


async def test_a_blocked_loop_hears_signals(tmp_path: Path) -> None:
    """A second signal ends a process at once, also while something blocks the loop that wants to hear of signals."""
    script = tmp_path / "blocked.py"
    script.write_text(SCRIPT)
    process = await asyncio.create_subprocess_exec(sys.executable, script, stdout=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(PATIENCE):
            assert process.stdout is not None
            loop = await process.stdout.readline()
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGINT)
            code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    assert b"uvloop\n" == loop
    assert code in (128 + signal.SIGTERM, 128 + signal.SIGINT)
