"""Whoever reaches the HTTP server cannot keep it from serving others."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from resolute_worker.serving.connections import MOST_AHEAD
from resolute_worker.serving.crowd import Crowd
from resolute_worker.serving.server import HttpServer
from tests.patience import PATIENCE

HALF = b"POST /hook HTTP/1.1\r\nHost: here\r\nX-Half: "
WHOLE = b"GET /hello HTTP/1.1\r\nHost: here\r\n\r\n"

TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


def serving(*, most: int | None = None, head_seconds: float = 60) -> HttpServer:
    app = Starlette(routes=[Route("/hello", hello)])
    return HttpServer(app, "127.0.0.1", 0, crowd=Crowd(most, head_seconds))


@contextlib.asynccontextmanager
async def connections(port: int, count: int, data: bytes) -> AsyncGenerator[list[Streams]]:
    """Connections that have sent something, and stay."""
    made: list[Streams] = []
    try:
        for _ in range(count):
            streams = await asyncio.open_connection("127.0.0.1", port)
            streams[1].write(data)
            made.append(streams)
        yield made
    finally:
        for _, writer in made:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for _, writer in made), return_exceptions=True)


@pytest.mark.parametrize("data", [b"", b"P", HALF], ids=["nothing", "a letter", "half"])
async def test_half_a_request_has_an_end(data: bytes) -> None:
    """A client that does not finish the head of its request is told so and cut off."""
    async with serving(head_seconds=0.2) as http, connections(http.port, 1, data) as ((reader, _),):
        async with asyncio.timeout(PATIENCE):
            received = await reader.read()
            while len(http.crowd):
                await asyncio.sleep(0.01)

        assert TOO_SLOW == received


async def test_half_a_request_has_an_end_on_a_connection_that_was_of_use() -> None:
    """A client that goes on with half a request after a whole one gains no time by that."""
    async with serving(head_seconds=1) as http, connections(http.port, 1, WHOLE) as ((reader, writer),):
        async with asyncio.timeout(PATIENCE):
            await reader.readuntil(b"hello")
            writer.write(HALF)
            received = await reader.read()

        assert TOO_SLOW == received


async def test_a_head_has_an_end() -> None:
    """A client that sends header after header is told so and cut off: it fills no memory."""
    async with serving() as http, connections(http.port, 1, b"GET /hello HTTP/1.1\r\n") as ((reader, writer),):
        for number in range(200):
            writer.write(b"X-%d: " % number + b"y" * 1_000 + b"\r\n")
            with contextlib.suppress(ConnectionError):
                await writer.drain()
        async with asyncio.timeout(PATIENCE):
            received = await reader.readline()
            while len(http.crowd):
                await asyncio.sleep(0.01)

    assert b"HTTP/1.1 431 Request Header Fields Too Large\r\n" == received


async def test_a_client_sends_a_few_requests_ahead() -> None:
    """A few requests that are sent at once are answered in their order; a client that sends very many is cut off."""
    async with serving() as http:
        async with asyncio.timeout(PATIENCE), connections(http.port, 1, WHOLE * MOST_AHEAD) as ((reader, _),):
            for _ in range(MOST_AHEAD):
                await reader.readuntil(b"hello")
        async with asyncio.timeout(PATIENCE), connections(http.port, 1, WHOLE * 1_000) as ((reader, _),):
            with contextlib.suppress(ConnectionError):
                received = await reader.read()
                assert received.count(b"hello") <= MOST_AHEAD + 1
            while len(http.crowd):
                await asyncio.sleep(0.01)


async def test_a_thousand_half_requests_do_not_shut_others_out() -> None:
    """Where there are more connections than the server takes, those that wait longest make room for new ones."""
    async with (
        serving(most=50) as http,
        connections(http.port, 300, HALF),
        httpx.AsyncClient(base_url=http.url, timeout=PATIENCE) as client,
    ):
        answers = [await client.get("/hello") for _ in range(5)]
        crowd = len(http.crowd)

    assert [200] * 5 == [answer.status_code for answer in answers]
    assert crowd <= 50


async def test_requests_at_work_are_not_cut_off_for_new_ones() -> None:
    """Where each connection has a request at work, a new one is asked to come again."""
    at_work, go_on = asyncio.Queue[None](), asyncio.Event()

    async def slow(request: Request) -> PlainTextResponse:
        at_work.put_nowait(None)
        await go_on.wait()
        return PlainTextResponse("done")

    server = HttpServer(Starlette(routes=[Route("/slow", slow)]), "127.0.0.1", 0, crowd=Crowd(2))
    async with server as http, httpx.AsyncClient(base_url=http.url, timeout=PATIENCE) as client:
        first = [asyncio.create_task(client.get("/slow")) for _ in range(2)]
        for _ in first:
            await at_work.get()
        turned_away = await client.get("/slow")
        go_on.set()
        served = [(await each).status_code for each in first]

    assert (503, "5") == (turned_away.status_code, turned_away.headers["retry-after"])
    assert [200, 200] == served


SERVER = """
import asyncio, logging, resource, sys
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from resolute_worker.serving.crowd import Crowd
from resolute_worker.serving.server import HttpServer

logging.basicConfig(stream=sys.stderr, format="%(message)s")

async def hello(request):
    return PlainTextResponse("hello")

async def main():
    async with HttpServer(Starlette(routes=[Route("/hello", hello)]), "127.0.0.1", 0, crowd=Crowd(1000)) as http:
        resource.setrlimit(resource.RLIMIT_NOFILE, (30, 30))
        print(http.port, flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the files of a process")
async def test_without_file_handles_the_server_waits_in_peace(tmp_path: Path) -> None:
    """A process that may open no more files says so in a few lines, and serves again as soon as it can."""
    script = tmp_path / "server.py"
    script.write_text(SERVER)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, script, stdin=pipe, stdout=pipe, stderr=pipe)
    assert process.stdin
    assert process.stdout
    assert process.stderr
    port = int(await process.stdout.readline())
    async with connections(port, 60, HALF):
        said = [await process.stderr.readline()]
        await asyncio.sleep(2)  # as long as the server may write what it likes: that it does not is the promise
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as client:
        answer = await client.get("/hello")
    process.stdin.close()
    said += (await process.stderr.read()).splitlines()
    await process.wait()

    assert b"HTTP: no connection can be accepted: Too many open files\n" == said[0]
    assert len(said) <= 10
    assert 200 == answer.status_code
