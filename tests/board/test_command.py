"""`resolute board`: the board beside a Temporal that somebody else runs."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

import httpx
from temporalio.client import Client

from tests.board.site import TOKENS
from tests.patience import PATIENCE

COMMAND = [sys.executable, "-c", "from resolute_worker.cli import main; main()", "board"]


async def test_a_board_by_itself(temporal_client: Client, tmp_path: Path) -> None:
    """It serves the board at an address that it says, asks for a login, and ends by a signal with code 0."""
    address = temporal_client.service_client.config.target_host
    environment = {**os.environ, "RESOLUTE_BOARD_TOKEN": f"bob:viewer:{TOKENS['bob']}"}
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "--address", address, "--port", "0", cwd=tmp_path, env=environment, stderr=asyncio.subprocess.PIPE
    )
    try:
        assert process.stderr is not None
        async with asyncio.timeout(PATIENCE):
            while not (found := re.search(rb"http://\S+/board/", await process.stderr.readline())):
                assert process.returncode is None
        async with httpx.AsyncClient(timeout=PATIENCE) as http:
            answer = await http.get(found[0].decode())
            first = await http.get(found[0].decode().removesuffix("board/"))
    finally:
        process.terminate()
        async with asyncio.timeout(PATIENCE):
            await process.communicate()

    assert (303, "/board/login?to=") == (answer.status_code, answer.headers["location"])
    assert (307, "/board/") == (first.status_code, first.headers["location"])
    assert 0 == process.returncode
    assert TOKENS["bob"] not in "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())


async def test_a_board_that_nobody_could_enter_does_not_start(temporal_client: Client, tmp_path: Path) -> None:
    """Without a token and without a proxy the command says what to set, and ends with code 2."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RESOLUTE_")}
    address = temporal_client.service_client.config.target_host
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "--address", address, "--port", "0", cwd=tmp_path, env=environment, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(PATIENCE):
        _, said = await process.communicate()

    assert 2 == process.returncode
    assert b"RESOLUTE_BOARD_TOKEN" in said
    assert b"Traceback" not in said
