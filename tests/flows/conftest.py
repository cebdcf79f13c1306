from collections.abc import AsyncIterator

import pytest

from tests.flows.town import Town


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    """A town that is open for the length of a test."""
    async with Town().open() as town:
        yield town


@pytest.fixture(autouse=True)
def hasty_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks at what does not answer follow each other at once, and none is waited for long."""
    monkeypatch.setattr("flows.common.health.CONFIRM_PAUSE", 0)
    monkeypatch.setattr("flows.common.database.CONFIRM_PAUSE", 0)
    monkeypatch.setattr("flows.common.database.PROBE_TIMEOUT", 0.2)
    monkeypatch.setattr("flows.common.diagnostics.PROBE_TIMEOUT", 0.2)
