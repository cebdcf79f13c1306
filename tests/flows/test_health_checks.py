"""What the health checks of the ready-to-run flows see, and what they take for critical."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from flows.common.database import AddressError, check_database_health
from flows.common.health import Health, UnknownHealthError, check_http_health
from tests.flows.town import Town, call_node


async def look(town: Town, *answers: Response, confirm: int = 3) -> Any:
    """What the check finds where the endpoint gives these answers in turn."""
    town.answers = list(answers)
    return await call_node(check_http_health, {"url": f"{town.url}/health", "confirm": confirm})


async def test_an_endpoint_says_how_its_service_is(town: Town) -> None:
    """Status, message, component and figures are taken as they are; what is no figure is left out."""
    body = {"status": "critical", "message": "pool is empty", "component": "db", "metrics": {"free": 0, "on": True}}

    found = Health.model_validate(await look(town, JSONResponse(body)))

    assert ("critical", "pool is empty", "db") == (found.status, found.message, found.component)
    assert {"free", "latency_ms"} == set(found.metrics)


@pytest.mark.parametrize(
    ("word", "status"),
    [("ok", "healthy"), ("UP", "healthy"), ("degraded", "healthy"), ("warn", "healthy"), ("down", "critical"),
     ("Out of service", "critical"), ("unhealthy", "critical")],
)  # fmt: skip
async def test_usual_words_are_understood(town: Town, word: str, status: str) -> None:
    """Health endpoints of common frameworks need no change; what works badly wakes nobody."""
    assert status == (await look(town, JSONResponse({"status": word})))["status"]


@pytest.mark.parametrize(
    "answer",
    [
        JSONResponse({"status": "purple"}),
        JSONResponse({"state": "ok"}),
        PlainTextResponse("fine"),
        PlainTextResponse("not here", status_code=404),
        RedirectResponse("/login"),
    ],
)
async def test_what_says_nothing_of_health_is_neither_well_nor_ill(town: Town, answer: Response) -> None:
    """A wrong address or an unknown word fails the step for good: it neither pages nor resolves."""
    with pytest.raises(UnknownHealthError):
        await look(town, answer)


async def test_one_bad_answer_wakes_nobody(town: Town) -> None:
    """An endpoint that fails twice and then answers is healthy."""
    down = PlainTextResponse("", status_code=502)

    found = await look(town, down, down, JSONResponse({"status": "healthy"}))

    assert ("healthy", 3) == (found["status"], len(town.asked))


async def test_an_endpoint_that_keeps_failing_is_critical(town: Town) -> None:
    """Three bad answers in a row are an outage, and the message says what was seen."""
    found = await look(town, PlainTextResponse("", status_code=502))

    assert ("critical", "127.0.0.1 answers 502", 3) == (found["status"], found["message"], len(town.asked))


async def test_a_service_that_says_it_is_ill_is_believed_at_once(town: Town) -> None:
    """A 503 with a status is the service's own word and needs no second look."""
    found = await look(town, JSONResponse({"status": "fail", "message": "no disk"}, status_code=503))

    assert ("critical", "no disk", 1) == (found["status"], found["message"], len(town.asked))


async def test_nobody_at_the_door_is_critical(closed_port: int) -> None:
    """A refused connection is an outage, not an error of the monitor."""
    found = await call_node(check_http_health, {"url": f"http://127.0.0.1:{closed_port}/health"})

    assert ("critical", "127.0.0.1 cannot be reached (ConnectError)") == (found["status"], found["message"])


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner))
)
async def test_no_answer_breaks_the_check(body: Any) -> None:
    """Whatever stands beside a status that is known, it is read or left out."""
    async with Town().open() as town:
        shown = {"status": "ok", "metrics": body, "message": body, "component": body}

        assert "healthy" == (await look(town, JSONResponse(shown), confirm=1))["status"]


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


@contextlib.asynccontextmanager
async def database(talk: Talk) -> AsyncGenerator[str]:
    """A server that greets as a database does; gives its address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await talk(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


def says(greeting: bytes, after: bool = False) -> Talk:
    """A database that says this, after it was spoken to where that is its custom."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if after:
            await reader.read(1024)
        writer.write(greeting)
        await writer.drain()
        await reader.read()

    return talk


def postgres_error(code: str, message: str) -> bytes:
    """An ErrorResponse of PostgreSQL's protocol."""
    fields = f"SFATAL\0C{code}\0M{message}\0\0".encode()
    return b"E" + struct.pack("!i", len(fields) + 4) + fields


def mysql_packet(payload: bytes) -> bytes:
    """A packet of MySQL's protocol."""
    return len(payload).to_bytes(3, "little") + b"\0" + payload


@pytest.mark.parametrize(
    ("protocol", "talk"),
    [
        ("tcp", says(b"")),
        ("postgresql", says(b"R" + struct.pack("!ii", 8, 3), after=True)),
        ("postgresql", says(postgres_error("28000", "no pg_hba.conf entry"), after=True)),
        ("mysql", says(mysql_packet(b"\x0a8.4.0\0"))),
        ("redis", says(b"+PONG\r\n", after=True)),
        ("redis", says(b"-NOAUTH Authentication required.\r\n", after=True)),
    ],
)
async def test_a_database_that_greets_is_healthy(protocol: str, talk: Talk) -> None:
    """One that would let us in, and one that only does not know us, both work."""
    async with database(talk) as address:
        found = await call_node(check_database_health, {"address": address, "protocol": protocol})

    assert "healthy" == found["status"]
    assert found["metrics"]["latency_ms"] > 0


@pytest.mark.parametrize(
    ("protocol", "talk", "reason"),
    [
        (
            "postgresql",
            says(postgres_error("53300", "sorry, too many clients"), after=True),
            "too many clients (53300)",
        ),
        ("postgresql", says(postgres_error("57P03", "starting up"), after=True), "starting up (57P03)"),
        ("mysql", says(mysql_packet(b"\xff" + (1040).to_bytes(2, "little") + b"Too many connections")), "(1040)"),
        ("redis", says(b"-LOADING Redis is loading the dataset in memory\r\n", after=True), "LOADING"),
    ],
)
async def test_a_database_that_cannot_work_is_critical(protocol: str, talk: Talk, reason: str) -> None:
    """One that takes connections and refuses is out, and the message says why."""
    async with database(talk) as address:
        found = await call_node(check_database_health, {"address": address, "protocol": protocol, "confirm": 2})

    assert "critical" == found["status"]
    assert reason in found["message"]


@pytest.mark.usefixtures("short_probes")
async def test_a_database_that_keeps_silent_is_critical() -> None:
    """One that takes connections and says nothing is out, and the message says for how long it was waited for."""
    async with database(says(b"", after=True)) as address:
        found = await call_node(check_database_health, {"address": address, "protocol": "redis", "confirm": 2})

    assert ("critical", f"{address}: no answer within 0.2 s") == (found["status"], found["message"])


async def test_a_database_that_is_away_is_critical(closed_port: int) -> None:
    """A refused connection is an outage."""
    address = f"127.0.0.1:{closed_port}"

    found = await call_node(check_database_health, {"address": address})

    assert ("critical", f"{address}: cannot be reached (ConnectionRefusedError)") == (found["status"], found["message"])


@pytest.mark.parametrize("address", ["db", "db:", ":5432", "db:port"])
async def test_an_address_without_a_port_is_a_mistake(address: str) -> None:
    """It is said once, and never taken for an outage."""
    with pytest.raises(AddressError):
        await call_node(check_database_health, {"address": address})
