"""A new user's first hour: the README, command by command, in an empty folder with an empty home."""

import asyncio
import os
import re
import signal
import socket
import sys
import sysconfig
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.docs.pages import Block, Page
from tests.house.reading import ROOT
from tests.worker.processes import Process

README: Final = Page(ROOT / "README.md")
LONGEST_BLOCK: Final = 600.0
PORT_OF_THE_SHOP: Final = "8081"
SAID_TO_OTHERS: Final = "In other terminals: "


class Newcomer:
    """Types what the README shows, each block of shell commands in a terminal of its own.

    Two things differ: ports are free ones, and pip takes dependencies from the environment of the tests.
    """

    def __init__(self, place: Path) -> None:
        self.folder = place / "work"
        self._environment = self.folder / ".venv" / "bin" / "activate"
        self._home = place / "home"
        self._programs = place / "bin"
        for made in (self.folder, self._home, self._programs):
            made.mkdir()
        python = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
        self._install("python3", f'exec "{python}" "$@"')
        self._install("pytest", 'exec python3 -m pytest "$@"')
        self._port = _free_port()
        self._pasted: list[str] = []

    def _install(self, program: str, script: str) -> None:
        file = self._programs / program
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    def save(self, block: Block) -> None:
        """Saves a block that is a whole file."""
        (self.folder / str(block.file)).write_text(block.text.replace(PORT_OF_THE_SHOP, self._port))

    async def types(self, block: Block) -> str:
        """Types a block whose commands all end, and gives what they printed."""
        process = await self._shell(block)
        async with asyncio.timeout(LONGEST_BLOCK):
            code = await process.process.wait()
        await process.ended()
        assert 0 == code, f"README.md, line {block.line}:\n{process.output}"
        return process.output

    @asynccontextmanager
    async def leaves_running(self, block: Block) -> AsyncGenerator[Process]:
        """Types a block whose last command stays, and interrupts it in the end."""
        process = await self._shell(block)
        try:
            yield process
        finally:
            os.killpg(process.process.pid, signal.SIGTERM)
            await process.ended()

    async def pastes(self, dev: Process) -> None:
        """Waits until `resolute dev` is ready, and types what it says for other terminals into all later ones."""
        await dev.line("Ready.")
        self._pasted = [line.partition(SAID_TO_OTHERS)[2] for line in dev.lines if SAID_TO_OTHERS in line]

    async def _shell(self, block: Block) -> Process:
        text = block.text.replace("path/to/resolute", str(ROOT))
        text = text.replace("--simulator ", "--simulator --simulator-port 0 --port 0 --http-port 0 ")
        activated = [f". {self._environment}"] if self._environment.exists() else []
        return Process(
            await asyncio.create_subprocess_exec(
                *("sh", "-e", "-c", "\n".join([*activated, *self._pasted, text])),
                cwd=self.folder,
                env={
                    "HOME": str(self._home),
                    "PATH": os.pathsep.join([str(self._programs), os.defpath]),
                    "PYTHONPATH": sysconfig.get_path("purelib"),
                    "PYTHONUNBUFFERED": "1",
                    "PIP_NO_INDEX": "1",
                    "PIP_NO_DEPS": "1",
                    "PIP_NO_BUILD_ISOLATION": "0",  # for pip, the opposite of what it says
                },
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        )


def _free_port() -> str:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return str(found.getsockname()[1])


def _shell_blocks(section: str) -> list[Block]:
    return [block for block in README.section(section) if block.language == "sh"]


@pytest.mark.timeout(900)
async def test_the_readme_from_an_empty_folder(tmp_path: Path) -> None:
    """Installation, a new project, the README's own flow and its test: every command works as the README says."""
    newcomer = Newcomer(tmp_path)
    (install,) = _shell_blocks("Install")
    start, look = _shell_blocks("A project of your own")
    shop, dev, use = _shell_blocks("Run the flow above")
    (test,) = _shell_blocks("Test it")

    await newcomer.types(install)
    empty = newcomer.folder
    async with newcomer.leaves_running(start) as running:
        await newcomer.pastes(running)
        newcomer.folder = empty / str(re.findall(r"^cd (\S+)", start.text, re.MULTILINE)[0])
        looked = await newcomer.types(look)
    newcomer.folder = empty
    for block in [*README.section("A flow"), *README.section("Run the flow above"), *README.section("Test it")]:
        if block.file:
            newcomer.save(block)
    async with newcomer.leaves_running(shop) as service, newcomer.leaves_running(dev) as running:
        await newcomer.pastes(running)
        used = await newcomer.types(use)
        told = await service.line("On call: ")
    tested = await newcomer.types(test)

    assert re.search(r"triggered  .*no database connections left", looked)
    assert re.search(r"triggered  .*pool exhausted", used)
    assert re.search(r"done +resolve_event", used)
    assert "Ada Moreno" in told
    assert "1 passed" in tested
    assert "Traceback" not in looked + used
