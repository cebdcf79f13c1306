"""The event loop of a process, and how signals end it."""

import asyncio
import ctypes
import platform
import signal
import sys
from pathlib import Path

import pytest
from uvloop import Loop

from resolute_worker import life
from resolute_worker.life import giving_back_memory, quick_loop
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


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries give memory back by themselves")
async def test_memory_that_nothing_uses_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a burst of work needed goes back to the system, also where something that is still used lies above it."""
    monkeypatch.setattr(life, "_SETTLED", 0.0)
    library = ctypes.CDLL(None)
    library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    library.free.argtypes = [ctypes.c_void_p]
    before = _resident()
    blocks = [library.malloc(32 * 1024) for _ in range(3000)]
    for block in blocks:
        ctypes.memset(block, 1, 32 * 1024)
    above = library.malloc(32 * 1024)
    for block in blocks:
        library.free(block)
    held = _resident() - before

    async with asyncio.timeout(PATIENCE), giving_back_memory():
        while _resident() - before > held / 2:
            await asyncio.sleep(0.01)  # the system tells nobody
    library.free(above)

    assert held > 64_000_000


def _resident() -> int:
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
