"""The way from workers to their server, which can be cut."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Final

HOST: Final = "127.0.0.1"


@dataclass
class Wire:
    """Passes bytes on between loopback and a server's port. While it is cut, nothing gets through or connects."""

    to: int
    port: int = 0
    whole: bool = True
    open: set[asyncio.StreamWriter] = field(default_factory=set[asyncio.StreamWriter])

    def cut(self) -> None:
        """Breaks every connection, in the middle of whatever it carries, and refuses new ones."""
        self.whole = False
        for writer in self.open:
            writer.transport.abort()

    def mend(self) -> None:
        """Lets connections through again."""
        self.whole = True

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either end closes it."""
        self.open.add(writer)
        try:
            if self.whole:
                there, back = await asyncio.open_connection(HOST, self.to)
                self.open.add(back)
                try:
                    await asyncio.gather(_passed(reader, back), _passed(there, writer))
                finally:
                    self.open.discard(back)
                    back.transport.abort()
        except OSError:
            pass  # the server is away, or the wire was cut: the end of the connection says so
        finally:
            self.open.discard(writer)
            writer.transport.abort()


@contextlib.asynccontextmanager
async def wired(to: int) -> AsyncGenerator[Wire]:
    """A wire to a port for the length of an `async with`."""
    wire = Wire(to)
    server = await asyncio.start_server(wire.carry, HOST, 0)
    wire.port = int(server.sockets[0].getsockname()[1])
    try:
        yield wire
    finally:
        server.close()
        wire.cut()


async def _passed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.transport.abort()
