import socket
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.flows.town import Town
from tests.patience import PATIENCE


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    """A town that is open for the length of a test."""
    async with Town().open() as town:
        yield town


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port at which nobody listens, nor can anybody else begin to."""
    with socket.socket() as kept:
        kept.bind(("127.0.0.1", 0))
        yield int(kept.getsockname()[1])


@pytest.fixture(autouse=True)
def looks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks at what does not answer follow each other at once, and what answers may be slow."""
    monkeypatch.setattr("flows.common.health.CONFIRM_PAUSE", 0)
    monkeypatch.setattr("flows.common.health.PROBE_TIMEOUT", PATIENCE)
    monkeypatch.setattr("flows.common.database.CONFIRM_PAUSE", 0)
    _probes_wait(monkeypatch, PATIENCE)


@pytest.fixture
def short_probes(looks_at_once: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not answer is not waited for long."""
    _probes_wait(monkeypatch, 0.2)


def _probes_wait(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr("flows.common.database.PROBE_TIMEOUT", seconds)
    monkeypatch.setattr("flows.common.diagnostics.PROBE_TIMEOUT", seconds)
