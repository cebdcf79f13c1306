"""Requests that are refused before an application sees them."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from resolute_worker.serving.crowd import Crowd
from resolute_worker.serving.refusals import LONGEST_BODY, Pace, Post, post_in
from resolute_worker.serving.server import HttpServer
from tests.patience import PATIENCE

ANSWER = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"
HEAD = b"POST /hook HTTP/1.1\r\nHost: here\r\nContent-Length: 5\r\n\r\n"
BODY = b"12345"


def post(fields: bytes, *, line: bytes = b"POST /hook HTTP/1.1") -> bytes:
    return line + b"\r\nHost: here\r\n" + fields + b"\r\n\r\n" + BODY


PLAIN = [
    (HEAD, Post("/hook", rest=5)),
    (HEAD + BODY[:2], Post("/hook", rest=3)),
    (HEAD + BODY, Post("/hook", rest=0)),
    (post(b"content-length:5", line=b"POST /hook?a=b HTTP/1.1"), Post("/hook", rest=0)),
    (post(b"Connection: keep-alive\r\nContent-Length: 5\r\nX: \xc3\xa4"), Post("/hook", rest=0)),
]

OTHERS = {
    "half a head": HEAD[:-2],
    "two requests": HEAD + BODY + HEAD,
    "no length": post(b"X: y"),
    "two lengths": post(b"Content-Length: 5\r\nContent-Length: 6"),
    "a list of lengths": post(b"Content-Length: 5, 5"),
    "a length that is none": post(b"Content-Length: +5"),
    "chunks": post(b"Content-Length: 5\r\nTransfer-Encoding: chunked"),
    "a body that waits": post(b"Content-Length: 5\r\nExpect: 100-continue"),
    "a connection that ends": post(b"Content-Length: 5\r\nConnection: close"),
    "an upgrade": post(b"Content-Length: 5\r\nUpgrade: websocket"),
    "a folded line": post(b"X: y\r\n Content-Length: 9\r\nContent-Length: 5"),
    "a space before the colon": post(b"Content-Length : 5"),
    "a bare line feed": post(b"X: y\nContent-Length: 5"),
    "a letter that is none": post(b"Content-Length: 5\r\nX: \x00"),
    "another method": post(b"Content-Length: 5", line=b"PUT /hook HTTP/1.1"),
    "an old version": post(b"Content-Length: 5", line=b"POST /hook HTTP/1.0"),
    "an escaped path": post(b"Content-Length: 5", line=b"POST /%68ook HTTP/1.1"),
    "a whole address": post(b"Content-Length: 5", line=b"POST http://here/hook HTTP/1.1"),
    "a huge body": post(b"Content-Length: %d" % (LONGEST_BODY + 100)),
    "a huge head": post(b"X: " + b"y" * 20_000 + b"\r\nContent-Length: 5"),
}


@pytest.mark.parametrize(("data", "expected"), PLAIN)
def test_a_plain_post_is_read_at_once(data: bytes, expected: Post) -> None:
    """Path and missing bytes of a POST whose head is whole."""
    assert expected == post_in(data)


@pytest.mark.parametrize("data", OTHERS.values(), ids=OTHERS.keys())
def test_whatever_is_not_plain_is_left_to_the_parser(data: bytes) -> None:
    """What could be read in two ways, or needs more than one answer, is not refused here."""
    assert post_in(data) is None


class Connection:
    """Notes when it is refused."""

    def __init__(self) -> None:
        self.refused = asyncio.Event()

    def refuse(self) -> None:
        self.refused.set()


async def test_refusals_beyond_the_pace_wait_their_turn() -> None:
    """What is saved up goes out at once; the rest follows at the pace, first come, first refused."""
    pace = Pace(per_second=100)  # five are saved up
    loop = asyncio.get_running_loop()
    asked = loop.time()
    at_once = sum(pace.is_open() for _ in range(20))
    meanwhile = loop.time() - asked
    late = [Connection() for _ in range(10)]
    for each in late:
        pace.add(each)
    overtaken = pace.is_open()
    began = loop.time()
    async with asyncio.timeout(PATIENCE):
        await late[4].refused.wait()
        first = [each.refused.is_set() for each in late[:5]]
        await late[9].refused.wait()
    took = loop.time() - began

    assert 5 <= at_once <= 5 + 100 * meanwhile
    assert not overtaken
    assert all(first)
    assert took >= 0.05  # ten at 100 a second, five of which may have been saved up by a slow machine


class Guarded:
    """A server whose POSTs to /hook are refused while `full`, and what its application was asked."""

    def __init__(self) -> None:
        self.full = True
        self.bodies: list[bytes] = []

        async def take(request: Request) -> PlainTextResponse:
            self.bodies.append(await request.body())
            return PlainTextResponse("taken")

        app = Starlette(routes=[Route("/hook", take, methods=["GET", "POST"])])
        self.crowd = Crowd(refusal=lambda path: ANSWER if self.full and path == "/hook" else None)
        self.http = HttpServer(app, "127.0.0.1", 0, crowd=self.crowd)

    @asynccontextmanager
    async def client(self) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """One connection to it, for some seconds."""
        async with self.http, asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.http.port)
            yield reader, writer
            writer.close()
            await writer.wait_closed()


async def test_a_refused_connection_is_kept() -> None:
    """A client is refused on a connection, sends the rest of its body, and is served on the same connection later."""
    server = Guarded()
    async with server.client() as (reader, writer):
        writer.write(HEAD)
        refused = await reader.readexactly(len(ANSWER))
        writer.write(BODY[:2])
        await writer.drain()
        writer.write(BODY[2:] + HEAD + BODY)
        again = await reader.readexactly(len(ANSWER))
        server.full = False
        writer.write(HEAD)
        writer.write(b"abcde")
        taken = await reader.readuntil(b"taken")

    assert (ANSWER, ANSWER) == (refused, again)
    assert taken.startswith(b"HTTP/1.1 200 ")
    assert [b"abcde"] == server.bodies


async def test_a_request_that_has_begun_is_served() -> None:
    """A request of which the parser holds a part is not refused in the middle."""
    server = Guarded()
    server.full = False
    async with server.client() as (reader, writer):
        writer.write(HEAD + BODY + HEAD[:9])
        await reader.readuntil(b"taken")
        server.full = True
        writer.write(HEAD[9:] + b"abcde")
        taken = await reader.readuntil(b"taken")

    assert taken.startswith(b"HTTP/1.1 200 ")
    assert [BODY, b"abcde"] == server.bodies


async def test_whoever_stops_in_a_refused_body_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of a refused body is waited for no longer than the next request."""
    monkeypatch.setattr("resolute_worker.serving.server.IDLE_SECONDS", 0.2)
    server = Guarded()
    async with server.client() as (reader, writer):
        writer.write(HEAD + b"1")
        received = await reader.read()
        count = len(server.crowd)

    assert ANSWER == received
    assert 0 == count


async def test_a_server_that_stops_answers_whom_it_lets_wait() -> None:
    """A client that waits for its refusal gets it when the server stops."""
    server = Guarded()
    server.crowd.pace = Pace(per_second=1e-6)
    async with server.http:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.http.port)
        async with asyncio.timeout(PATIENCE):
            writer.write(HEAD + BODY)
            while not len(server.crowd.pace):
                await asyncio.sleep(0)
    received = await reader.read()
    writer.close()
    await writer.wait_closed()

    assert ANSWER == received


async def test_clients_that_come_again_at_once_are_slowed_down() -> None:
    """However many clients ask again as soon as they are refused: refusals keep their pace, and others are served."""
    server = Guarded()
    server.crowd.pace = Pace(per_second=200)
    refused, over = 0, asyncio.Event()

    async def insist() -> None:
        nonlocal refused
        reader, writer = await asyncio.open_connection("127.0.0.1", server.http.port)
        while not over.is_set():
            writer.write(HEAD + BODY)
            await reader.readexactly(len(ANSWER))
            refused += 1
        writer.close()
        await writer.wait_closed()

    loop = asyncio.get_running_loop()
    async with server.client() as (reader, writer):
        began = loop.time()
        async with asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(insist())
            for _ in range(20):
                writer.write(b"GET /hook HTTP/1.1\r\nHost: here\r\n\r\n")
                await reader.readuntil(b"taken")
                await asyncio.sleep(0.025)
            over.set()
        took = loop.time() - began

    assert 20 == len(server.bodies)
    assert 20 <= refused <= 200 * (took + 0.1)
