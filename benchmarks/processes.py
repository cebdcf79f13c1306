"""What the processes cost: an idle worker's memory, and the time until `resolute dev` is ready."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Generator
from pathlib import Path

from benchmarks.figures import Figure, at_most
from benchmarks.servers import HOST, free_port

_FLOW = """
from datetime import timedelta
from resolute import every, flow, node

@node
async def look() -> str:
    return "well"

monitor = flow("monitor").triggered_by(every(timedelta(hours=1))).then(look().as_("look")).build()
"""


def measure() -> list[Figure]:
    """The figures of the processes that people start."""
    with tempfile.TemporaryDirectory(prefix="resolute-bench-") as folder:
        (Path(folder) / "monitor.py").write_text(_FLOW)
        temporal, http = free_port(), free_port()
        with started(["dev", "monitor.py", "--port", str(temporal), "--http-port", str(http)], folder) as dev:
            after = ready(dev, http)
            other = free_port()
            with started(["worker", "monitor.py", "--http-port", str(other)], folder, f"{HOST}:{temporal}") as worker:
                ready(worker, other)
                time.sleep(8)  # what it needed only to start is given back by then
                memory = resident(worker.pid)
    return [
        at_most("resolute dev is ready after", after, 6, "s", 1),
        at_most("an idle worker's memory", memory, 90, "MB"),
    ]


@contextlib.contextmanager
def started(
    arguments: list[str], folder: str, temporal: str = "", keys: str = "", **settings: str
) -> Generator[subprocess.Popen[bytes]]:
    """A process that people start, for the length of the block; what it said is shown where the block fails."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("RESOLUTE_", "TEMPORAL_"))}
    environment |= settings
    if temporal:
        environment["TEMPORAL_ADDRESS"] = temporal
    if keys:
        environment["RESOLUTE_PLAN_KEYS"] = keys
    command = [sys.executable, "-c", "from resolute_worker.cli import main; main()", *arguments]
    log = (Path(folder) / f"{arguments[0]}.log").open("wb")
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        yield process
    except BaseException:
        print((Path(folder) / f"{arguments[0]}.log").read_text()[-2000:], file=sys.stderr)
        raise
    finally:
        process.terminate()
        process.wait()
        log.close()


def ready(process: subprocess.Popen[bytes], port: int) -> float:
    """Waits until a process says that it is ready; the seconds that it took."""
    begun = time.perf_counter()
    while process.poll() is None and time.perf_counter() - begun < 60:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://{HOST}:{port}/readyz", timeout=1) as answer,
        ):
            if answer.status == 200:
                return time.perf_counter() - begun
        time.sleep(0.02)
    raise TimeoutError(f"the process on port {port} does not become ready")


def resident(pid: int) -> float:
    """Megabytes of memory that a process holds."""
    kibibytes = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], check=True, capture_output=True, text=True).stdout
    return int(kibibytes) / 1024
