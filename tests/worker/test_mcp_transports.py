"""`resolute mcp` as clients start and reach it: a process on stdio, or HTTP on loopback."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from mcp import Client, StdioServerParameters, stdio_client
from mcp_types import CallToolResult, TextContent
from temporalio.client import Client as Temporal

from resolute_pagerduty import PagerDuty
from resolute_pagerduty.simulator import Limits, Simulator
from resolute_pagerduty.simulator.world import WORLD
from resolute_pagerduty.testing import simulated_config
from resolute_worker.agents.server import agent_server, serving_http
from resolute_worker.deploying import Load
from resolute_worker.embedded import EmbeddedServer
from resolute_worker.process import running
from resolute_worker.settings import Settings
from tests.keys import KEY, KEYS
from tests.patience import PATIENCE
from tests.worker.processes import RESOLUTE, environment, resolute, started

FLOWS = """
from resolute import flow, manual, node

print("this must not get into the protocol")

@node
async def greet() -> str:
    return "hello"

greeting = flow("greeting").triggered_by(manual("greet")).then(greet().as_("words")).build()
"""


@pytest.fixture(scope="module")
async def sim() -> AsyncIterator[Simulator]:
    async with Simulator.serve(limits=Limits.none()) as sim:
        sim.add_incident("Slow", WORLD.service)
        yield sim


def variables(sim: Simulator, folder: Path) -> dict[str, str]:
    return {
        "PAGERDUTY_API_URL": sim.url,
        "PAGERDUTY_EVENTS_URL": sim.events_url,
        "PAGERDUTY_API_KEY": WORLD.account_key,
        "PAGERDUTY_FROM_EMAIL": WORLD.from_email,
        "PAGERDUTY_AUDIT_LOG": str(folder / "audit.jsonl"),
    }


def on_stdio(*arguments: str, folder: Path, **given: str) -> Client:
    """A client that starts `resolute mcp` as desktop programs and editors do."""
    parameters = StdioServerParameters(
        command=RESOLUTE, args=["mcp", *arguments], env=environment(given), cwd=str(folder)
    )
    return Client(stdio_client(parameters))


def text_of(result: CallToolResult) -> Any:
    first = result.content[0]
    assert isinstance(first, TextContent)
    return json.loads(first.text)


async def test_a_program_starts_it_on_stdio(sim: Simulator, tmp_path: Path) -> None:
    """Nothing but settings in the environment is needed; there is no Temporal and no flow."""
    async with on_stdio(folder=tmp_path, **variables(sim, tmp_path)) as client:
        tools = (await client.list_tools()).tools
        found = await client.call_tool("pagerduty_list_incidents", {"statuses": ["triggered"]})

    assert {True} == {bool(tool.annotations and tool.annotations.read_only_hint) for tool in tools}
    assert ["Slow"] == [each["title"] for each in text_of(found)["incidents"]]


async def test_it_ends_when_it_is_told_to(tmp_path: Path) -> None:
    """Ctrl-C ends it at once, though its client still holds the line."""
    process = await asyncio.create_subprocess_exec(
        RESOLUTE,
        "mcp",
        cwd=tmp_path,
        env=environment({}),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE):
        assert b"tools" in await process.stderr.readline()
        process.send_signal(signal.SIGINT)
        await process.wait()

    assert -signal.SIGINT == process.returncode


async def test_writes_on_stdio_go_through_a_worker(
    sim: Simulator, server: EmbeddedServer, client: Temporal, tmp_path: Path
) -> None:
    """With --enable-write-tools notes are written and flows are run by the worker of the task queue."""
    queue, folder = f"agents-{uuid4().hex[:8]}", tmp_path / "flows"
    folder.mkdir()
    (folder / "greeting.py").write_text(FLOWS)
    load = Load(flows=(), released=datetime.now(UTC))
    settings = Settings(task_queue=queue, http_port=0, plan_keys=KEYS.keys)
    async with (
        running(load, settings=settings, providers=[PagerDuty(simulated_config(sim))], client=client),
        on_stdio(
            "--enable-write-tools",
            "--task-queue",
            queue,
            folder=tmp_path,
            TEMPORAL_ADDRESS=server.address,
            RESOLUTE_PLAN_KEYS=KEY,
            **variables(sim, tmp_path),
        ) as agent,
    ):
        names = {tool.name for tool in (await agent.list_tools()).tools}
        note = {"incident_id": "1", "content": "Looked at it", "idempotency_key": uuid4().hex}
        noted = text_of(await agent.call_tool("pagerduty_add_note", note))
        notes = text_of(await agent.call_tool("pagerduty_list_notes", {"incident_id": "1"}))

    assert {"flow_greeting", "run_status", "pagerduty_trigger_event"} <= names
    assert [noted["note_id"]] == [each["id"] for each in notes["notes"]]


async def test_writes_without_temporal_are_refused_at_once(sim: Simulator, tmp_path: Path) -> None:
    """Who asks for tools that write is told what they need, before any agent relies on them."""
    code, printed, said = await resolute(
        "mcp", "--enable-write-tools", folder=tmp_path, TEMPORAL_ADDRESS="127.0.0.1:1", **variables(sim, tmp_path)
    )

    assert (2, "") == (code, printed)
    assert "A worker on Temporal performs the writes: start one, or leave out --enable-write-tools" in said


async def test_a_missing_setting_is_said(tmp_path: Path) -> None:
    """A wrong setting ends it with code 2 and one line that names the variable."""
    code, _, said = await resolute("mcp", folder=tmp_path, PAGERDUTY_REGION="mars")

    assert 2 == code
    assert "PAGERDUTY_REGION" in said


async def test_http_serves_several_clients(sim: Simulator, tmp_path: Path) -> None:
    """With --http any number of programs on this machine share one server; SIGTERM ends it with code 0."""
    async with started("mcp", "--http", "--port", "0", folder=tmp_path, **variables(sim, tmp_path)) as process:
        url = (await process.line("http://")).split()[-1]
        async with Client(url) as one, Client(url, mode="legacy") as other:
            found = [await each.call_tool("pagerduty_get_incident", {"id": 1}) for each in (one, other)]
        code = await process.stopped()

    assert url.startswith("http://127.0.0.1:")
    assert ["Slow", "Slow"] == [text_of(each)["incident"]["title"] for each in found]
    assert 0 == code


async def test_no_web_page_reaches_it() -> None:
    """A page in a browser that found a name for loopback is turned away by its Host and Origin."""
    async with serving_http(agent_server([]), 0) as url, httpx.AsyncClient(timeout=PATIENCE) as web:
        answers = [
            await web.post(url, json={}, headers={"host": "attacker.example"}),
            await web.post(url, json={}, headers={"origin": "https://attacker.example"}),
        ]

    assert [421, 403] == [answer.status_code for answer in answers]


async def test_a_token_can_be_asked_for() -> None:
    """Where a machine has several users, only those with the token get in."""
    async with serving_http(agent_server([]), 0, token="a-token") as url, httpx.AsyncClient(timeout=PATIENCE) as web:
        without = await web.post(url, json={})
        wrong = await web.post(url, json={}, headers={"authorization": "Bearer another"})
        authorized = httpx.AsyncClient(headers={"authorization": "Bearer a-token"}, timeout=PATIENCE)
        right = await authorized.post(url, json={})
        await authorized.aclose()

    assert [401, 401] == [without.status_code, wrong.status_code]
    assert 401 != right.status_code
