"""The check of a database from outside, without a driver and without a password."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Final, Literal, TypeAlias

from flows.common.health import CONFIRM_PAUSE, Health
from resolute import Retry, TerminalError, node

Protocol: TypeAlias = Literal["tcp", "postgresql", "mysql", "redis"]

PROBE_TIMEOUT: Final = 5.0

_ALIVE: Final = ("28", "3D")
"""PostgreSQL SQLSTATE classes that mean only "not you" or "not this database". The server itself is healthy."""


class _SickError(Exception):
    """The database answered with the reason why it cannot serve."""


class AddressError(TerminalError):
    """The address of a database is not `host:port`."""


@node(timeout=timedelta(seconds=60), retry=Retry(attempts=3), effect="read")
async def check_database_health(address: str, protocol: Protocol = "tcp", confirm: int = 3) -> Health:
    """Checks whether a database accepts new connections, and how long that takes.

    It goes as far as one gets without a password: `postgresql` asks to log in and reads how the server greets (too many
    clients, starting up and shutting down are critical), `mysql` reads the server's greeting, `redis` pings, and `tcp`
    only connects. Critical is what `confirm` looks in a row, two seconds apart, find so. `metrics` holds `latency_ms`.

    Args:
        address: `host:port`, such as `db.internal:5432`.
        protocol: what the database speaks.
        confirm: how many looks have to agree that it is critical.

    Raises:
        AddressError: the address is something else.

    >>> check_database_health("db.internal:5432", "postgresql").as_("health").output.metrics
    health.metrics
    """
    host, port = _split(address)
    reason = ""
    for look in range(max(confirm, 1)):
        if look:
            await asyncio.sleep(CONFIRM_PAUSE)
        begun = time.perf_counter()
        try:
            async with asyncio.timeout(PROBE_TIMEOUT):
                await _greet(host, port, _GREETINGS[protocol])
        except TimeoutError:
            reason = f"no answer within {PROBE_TIMEOUT:g} s"
        except (OSError, EOFError) as error:
            reason = f"cannot be reached ({type(error).__name__})"
        except _SickError as error:
            reason = str(error)
        else:
            took = round((time.perf_counter() - begun) * 1000, 1)
            return Health(
                status="healthy",
                message=f"{address} takes connections in {took:g} ms",
                component=address,
                metrics={"latency_ms": took},
            )
    return Health(status="critical", message=f"{address}: {reason}", component=address)


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise AddressError(f"{address!r} is no address of a database: write it as host:port")
    return host.strip("[]"), int(port)


Greeting: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _greet(host: str, port: int, greeting: Greeting) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        await greeting(reader, writer)
    finally:
        writer.close()


async def _tcp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The connection is all that can be checked."""


async def _postgresql(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    # The startup message of protocol 3.0. A server that is full or not ready says so before it asks who we are.
    options = b"user\0resolute\0database\0postgres\0application_name\0resolute\0\0"
    writer.write(struct.pack("!ii", 8 + len(options), 196608) + options)
    await writer.drain()
    kind, size = struct.unpack("!ci", await reader.readexactly(5))
    if kind != b"E":
        return
    parts = (await reader.readexactly(size - 4)).split(b"\0")
    fields = {part[:1]: part[1:].decode(errors="replace") for part in parts if part}
    if not fields.get(b"C", "").startswith(_ALIVE):
        raise _SickError(f"{fields.get(b'M', 'refuses connections')} ({fields.get(b'C', '?')})")


async def _mysql(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    header = await reader.readexactly(4)
    packet = await reader.readexactly(int.from_bytes(header[:3], "little"))
    if packet[:1] == b"\xff":
        code = int.from_bytes(packet[1:3], "little")
        raise _SickError(f"{packet[3:].decode(errors='replace')} ({code})")


async def _redis(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"PING\r\n")
    await writer.drain()
    answer = (await reader.readuntil(b"\r\n")).decode(errors="replace").strip()
    if not answer.startswith(("+PONG", "-NOAUTH")):
        raise _SickError(answer.lstrip("-"))


_GREETINGS: Final[Mapping[Protocol, Greeting]] = {
    "tcp": _tcp,
    "postgresql": _postgresql,
    "mysql": _mysql,
    "redis": _redis,
}
