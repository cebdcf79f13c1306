import gc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client

from resolute_worker.embedded import EmbeddedServer


@pytest.fixture(scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedServer]:
    """One embedded Temporal server for all tests."""
    async with EmbeddedServer(tmp_path_factory.mktemp("temporal"), port=0) as server:
        yield server
    gc.collect()


@pytest.fixture(scope="session")
async def client(server: EmbeddedServer) -> Client:
    """A client of that server."""
    return await Client.connect(server.address)


@pytest.fixture
def flows(tmp_path: Path) -> Path:
    """An empty folder for flows, in a folder to run commands in."""
    folder = tmp_path / "flows"
    folder.mkdir()
    return folder
