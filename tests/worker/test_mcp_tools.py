"""What agents are given: tools that read at once, and tools that write through a worker, each call once."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from mcp import Client
from mcp_types import TextContent, Tool
from pydantic import BaseModel, SecretStr
from temporalio.client import Client as Temporal

import resolute_pagerduty as pagerduty
from resolute import flow, input_data, manual, node
from resolute.execution.executor import NodeExecutor
from resolute.plan.errors import TerminalError
from resolute.providing.audit import read_audit
from resolute.writing.flow import Flow
from resolute_pagerduty import PagerDuty, PagerDutyConfig
from resolute_pagerduty.simulator import Limits, Simulator
from resolute_pagerduty.simulator.world import WORLD
from resolute_worker.agents.durable import Durable
from resolute_worker.agents.flows import flow_tools
from resolute_worker.agents.reads import read_tools
from resolute_worker.agents.server import agent_server
from resolute_worker.agents.tools import ACTOR
from resolute_worker.agents.writes import write_tools
from resolute_worker.calling import Caller
from resolute_worker.deploying import Load
from resolute_worker.process import running
from resolute_worker.settings import Settings
from tests.keys import KEYS
from tests.patience import PATIENCE


@pytest.fixture(scope="module")
async def served() -> AsyncIterator[Simulator]:
    async with Simulator.serve(limits=Limits.none()) as sim:
        yield sim


@pytest.fixture
def sim(served: Simulator) -> Simulator:
    served.reset()
    return served


def provider_for(sim: Simulator, folder: Path, **options: Any) -> PagerDuty:
    config = PagerDutyConfig(
        api_key=SecretStr(WORLD.account_key),
        from_email=WORLD.from_email,
        routing_key=SecretStr(WORLD.routing_key),
        api_url=sim.url,
        events_url=sim.events_url,
        settle_seconds=2,
    )
    return PagerDuty(config, audit_log=folder / "audit.jsonl", **options)


@dataclass(frozen=True)
class Said:
    """What a tool answered: the result as JSON where it is some, the hints after it, and whether it is an error."""

    value: Any
    hints: str
    is_error: bool


@dataclass(frozen=True)
class Agent:
    """An agent with its tools."""

    client: Client
    tools: dict[str, Tool]

    async def call(self, tool: str, **arguments: Any) -> Said:
        result = await self.client.call_tool(tool, arguments)
        texts = [part.text for part in result.content if isinstance(part, TextContent)]
        value = texts[0] if result.is_error or not texts[0].startswith(("{", "[")) else json.loads(texts[0])
        return Said(value, " ".join(texts[1:]), bool(result.is_error))


@asynccontextmanager
async def agent_of(
    provider: PagerDuty, *, durable: Durable | None = None, flows: tuple[Flow, ...] = (), size: int = 30_000
) -> AsyncGenerator[Agent]:
    """An agent of a provider; with `durable`, one that may write."""
    async with provider:
        tools = read_tools(provider, Caller(NodeExecutor([], [provider]), ACTOR), size=size)
        if durable is not None:
            tools += [*write_tools(provider, durable), *flow_tools(flows, durable)]
        async with Client(agent_server(tools)) as client:
            listed = (await client.list_tools()).tools
            yield Agent(client, {tool.name: tool for tool in listed})


def durable_on(temporal: Temporal, **changes: Any) -> Durable:
    usual = Durable(client=temporal, task_queue=f"agents-{uuid4().hex[:8]}", keys=KEYS, patience=PATIENCE, size=30_000)
    return replace(usual, **changes)


@asynccontextmanager
async def worker_for(durable: Durable, provider: PagerDuty, *flows: Flow) -> AsyncGenerator[None]:
    """A worker on the queue of an agent's runs."""
    settings = Settings(task_queue=durable.task_queue, http_port=0, plan_keys=KEYS.keys)
    load = Load(flows=flows, released=datetime.now(UTC))
    async with running(load, settings=settings, providers=[provider], client=durable.client):
        yield


def key() -> str:
    return uuid4().hex


async def test_without_being_asked_no_tool_writes(sim: Simulator, tmp_path: Path) -> None:
    """By default there are only tools that read, and they say so."""
    async with agent_of(provider_for(sim, tmp_path)) as agent:
        assert len(agent.tools) > 20
        assert {True} == {bool(tool.annotations and tool.annotations.read_only_hint) for tool in agent.tools.values()}
        assert [] == [
            name for name in agent.tools if name.split("_")[1] in ("create", "update", "add", "delete", "trigger")
        ]


async def test_tools_take_no_secret_and_no_path(sim: Simulator, temporal: Temporal, tmp_path: Path) -> None:
    """No secret passes through an agent, and an agent never chooses a file on the worker."""
    async with agent_of(provider_for(sim, tmp_path), durable=durable_on(temporal)) as agent:
        fields = {field for tool in agent.tools.values() for field in tool.input_schema["properties"]}

    assert "summary" in fields
    assert set() == fields & {"routing_key", "secret_file", "key_file", "account"}


@pytest.fixture
async def temporal(client: Temporal) -> Temporal:
    """The tests' Temporal, told apart from the agents' clients."""
    return client


async def test_an_agent_finds_who_is_on_call(sim: Simulator, tmp_path: Path) -> None:
    """The question that agents ask most: a team's escalation policy, and who is on call by it."""
    async with agent_of(provider_for(sim, tmp_path)) as agent:
        teams = await agent.call("pagerduty_list_teams", query="payments")
        policies = await agent.call(
            "pagerduty_list_escalation_policies", team_ids=[each["id"] for each in teams.value["teams"]]
        )
        on_calls = await agent.call(
            "pagerduty_get_on_calls",
            escalation_policy_ids=[each["id"] for each in policies.value["escalation_policies"]],
        )

    assert ["Ada Moreno", "Chen Wei"] == [each["user"]["summary"] for each in on_calls.value["oncalls"]]


@pytest.mark.parametrize("size", [2_000, 6_000, 30_000])
async def test_a_long_list_is_read_in_parts_and_whole(sim: Simulator, tmp_path: Path, size: int) -> None:
    """However short results have to be, each says where to read on; who does, sees everything once."""
    for number in range(40):
        sim.add_incident(f"Slow {number}", WORLD.service)
    titles: list[str] = []
    async with agent_of(provider_for(sim, tmp_path), size=size) as agent:
        more: dict[str, int] = {}
        while len(titles) < 100:
            said = await agent.call("pagerduty_list_incidents", limit=30, **more)
            assert len(json.dumps(said.value, separators=(",", ":"))) <= size
            titles += [each["title"] for each in said.value["incidents"]]
            if "offset=" not in said.hints:
                break
            more = {"offset": int(said.hints.split("offset=")[1].split(",")[0])}

    assert [f"Slow {number}" for number in range(40)] == sorted(titles, key=lambda title: int(title.split()[1]))


async def test_wrong_arguments_are_named_and_nothing_is_sent(sim: Simulator, tmp_path: Path) -> None:
    """An agent that guesses a field is told which one, so that it can mend its call."""
    async with agent_of(provider_for(sim, tmp_path)) as agent:
        unknown = await agent.call("pagerduty_list_incidents", state="open")
        wrong = await agent.call("pagerduty_list_incidents", statuses=["open"])
        missing = await agent.call("pagerduty_get_incident")
        nothing = await agent.call("pagerduty_list_incident")

    assert [True, True, True, True] == [each.is_error for each in (unknown, wrong, missing, nothing)]
    assert "state" in unknown.value
    assert "statuses.0" in wrong.value
    assert "missing id" in missing.value
    assert "pagerduty_list_incidents" in nothing.value
    assert [] == list(sim.requests)


async def test_what_the_service_refuses_is_an_error_to_read(sim: Simulator, tmp_path: Path) -> None:
    """The agent gets the reason, not a broken connection."""
    async with agent_of(provider_for(sim, tmp_path)) as agent:
        said = await agent.call("pagerduty_get_incident", id="PNOTHERE")

    assert said.is_error
    assert "404" in said.value


async def test_only_what_is_granted_is_offered(sim: Simulator, temporal: Temporal, tmp_path: Path) -> None:
    """A tool that the grants would refuse is not there at all, whether it reads or writes."""
    provider = provider_for(sim, tmp_path, grants=["incidents:read", "notes:write"])
    async with agent_of(provider, durable=durable_on(temporal)) as agent:
        writing = [
            name for name, tool in agent.tools.items() if not (tool.annotations and tool.annotations.read_only_hint)
        ]
        reading = sorted(set(agent.tools) - set(writing))

    assert ["pagerduty_add_note", "pagerduty_delete_note", "pagerduty_update_note"] == sorted(writing)
    assert [
        "pagerduty_get_alert",
        "pagerduty_get_incident",
        "pagerduty_get_log_entry",
        "pagerduty_get_outlier_incident",
        "pagerduty_get_past_incidents",
        "pagerduty_get_related_incidents",
        "pagerduty_list_account_log_entries",
        "pagerduty_list_alerts",
        "pagerduty_list_incidents",
        "pagerduty_list_log_entries",
        "pagerduty_list_notes",
        "run_status",
    ] == reading


async def test_a_note_is_added_once_for_its_key(sim: Simulator, temporal: Temporal, tmp_path: Path) -> None:
    """The call is repeated, and even made by several at the same time: one note, one run, and every call gets it."""
    incident = sim.add_incident("Slow", WORLD.service)
    durable, provider = durable_on(temporal), provider_for(sim, tmp_path)
    call = {"incident_id": incident.id, "content": "Looked at it", "idempotency_key": key()}
    async with worker_for(durable, provider_for(sim, tmp_path)), agent_of(provider, durable=durable) as agent:
        together = await asyncio.gather(*(agent.call("pagerduty_add_note", **call) for _ in range(4)))
        later = await agent.call("pagerduty_add_note", **call)
        notes = await agent.call("pagerduty_list_notes", incident_id=incident.id)

    assert 1 == len(notes.value["notes"])
    assert {notes.value["notes"][0]["id"]} == {said.value["note_id"] for said in (*together, later)}
    assert "an earlier call" in later.hints


async def test_a_lost_answer_is_one_effect_and_all_is_audited(
    sim: Simulator, temporal: Temporal, tmp_path: Path
) -> None:
    """PagerDuty did it and its answer was lost: the worker tries again, there is one note, and the log tells of it."""
    incident = sim.add_incident("Slow", WORLD.service)
    sim.faults.add(action="reset", method="POST", path="/incidents/*/notes", after=True)
    durable, provider = durable_on(temporal), provider_for(sim, tmp_path)
    async with worker_for(durable, provider_for(sim, tmp_path)), agent_of(provider, durable=durable) as agent:
        await agent.call("pagerduty_add_note", incident_id=incident.id, content="Looked", idempotency_key=key())
        notes = await agent.call("pagerduty_list_notes", incident_id=incident.id)

    written = [each for each in read_audit(tmp_path / "audit.jsonl") if each.operation == "createIncidentNote"]
    assert 1 == len(notes.value["notes"])
    assert [("agent", "add_note", "unknown")] == [(each.flow, each.step, each.outcome) for each in written]


async def test_a_key_is_for_one_intention(sim: Simulator, temporal: Temporal, tmp_path: Path) -> None:
    """The same key with other arguments is a mistake of the agent: it is told, and nothing is done."""
    incident = sim.add_incident("Slow", WORLD.service)
    durable, provider, same = durable_on(temporal), provider_for(sim, tmp_path), key()
    async with worker_for(durable, provider_for(sim, tmp_path)), agent_of(provider, durable=durable) as agent:
        await agent.call("pagerduty_add_note", incident_id=incident.id, content="One", idempotency_key=same)
        said = await agent.call("pagerduty_add_note", incident_id=incident.id, content="Two", idempotency_key=same)
        notes = await agent.call("pagerduty_list_notes", incident_id=incident.id)

    assert said.is_error
    assert "use a new one" in said.value
    assert 1 == len(notes.value["notes"])


async def test_what_an_agent_writes_is_never_looked_up(
    sim: Simulator, temporal: Temporal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent cannot read the worker's secrets by writing what a flow's author would write to get them."""
    monkeypatch.setenv("SOMETHING_SECRET", "do-not-tell-anybody")
    durable, provider = durable_on(temporal), provider_for(sim, tmp_path)
    details = {"look": {"$secret": "SOMETHING_SECRET"}, "and": {"$env": "SOMETHING_SECRET"}}
    async with worker_for(durable, provider_for(sim, tmp_path)), agent_of(provider, durable=durable) as agent:
        said = await agent.call(
            "pagerduty_trigger_event",
            summary="Slow",
            source="agent",
            severity="error",
            custom_details=details,
            idempotency_key=key(),
        )

    assert not said.is_error
    assert details == json.loads(sim.requests[-1].body)["payload"]["custom_details"]


async def test_a_write_that_fails_for_good_says_what_to_do(sim: Simulator, temporal: Temporal, tmp_path: Path) -> None:
    """PagerDuty's reason, and that this key is used up."""
    durable, provider = durable_on(temporal), provider_for(sim, tmp_path)
    async with worker_for(durable, provider_for(sim, tmp_path)), agent_of(provider, durable=durable) as agent:
        said = await agent.call("pagerduty_update_incident", id="PNOTHERE", status="resolved", idempotency_key=key())

    assert said.is_error
    assert "404" in said.value
    assert "new idempotency_key" in said.hints


async def test_a_worker_with_fewer_grants_refuses(sim: Simulator, temporal: Temporal, tmp_path: Path) -> None:
    """What counts in the end are the grants of the worker that does it; nothing is sent, and its log says so."""
    incident = sim.add_incident("Slow", WORLD.service)
    durable, provider = durable_on(temporal), provider_for(sim, tmp_path)
    reader = provider_for(sim, tmp_path / "worker", read_only=True)
    async with worker_for(durable, reader), agent_of(provider, durable=durable) as agent:
        said = await agent.call("pagerduty_add_note", incident_id=incident.id, content="x", idempotency_key=key())

    assert "notes:write" in said.value
    assert [] == list(sim.requests)
    assert ["refused"] == [each.outcome for each in read_audit(tmp_path / "worker" / "audit.jsonl")]


async def test_without_a_worker_the_call_waits_to_be_done(sim: Simulator, temporal: Temporal, tmp_path: Path) -> None:
    """The agent is told that nobody has taken it; once a worker is there it is done, and the same call gets it."""
    incident = sim.add_incident("Slow", WORLD.service)
    durable, provider = durable_on(temporal, patience=0.5), provider_for(sim, tmp_path)
    call = {"incident_id": incident.id, "content": "Looked at it", "idempotency_key": key()}
    async with agent_of(provider, durable=durable) as agent:
        before = await agent.call("pagerduty_add_note", **call)
    async with (
        worker_for(durable, provider_for(sim, tmp_path)),
        agent_of(provider, durable=replace(durable, patience=PATIENCE)) as agent,
    ):
        after = await agent.call("pagerduty_add_note", **call)
        shown = await agent.call("run_status", run=before.value["run"])

    assert "running" == before.value["status"]
    assert "no worker has picked it up" in before.hints
    assert "note_id" in after.value
    assert "completed" == shown.value["status"]


class Order(BaseModel):
    """What to restart."""

    service: str
    force: bool = False


RESTARTED: list[str] = []


@node
async def restart(service: str, force: bool) -> str:
    if service == "none":
        raise TerminalError("there is nothing to restart")
    RESTARTED.append(service)
    return f"restarted {service}{' by force' if force else ''}"


restarting = (
    flow("restart.service", description="Restarts a service")
    .triggered_by(manual("restart", input=Order))
    .then(restart(input_data("service"), input_data("force")).as_("done"))
    .build()
)


async def test_a_flow_is_a_tool(sim: Simulator, temporal: Temporal, tmp_path: Path) -> None:
    """A flow with a manual trigger takes what its trigger takes, starts one real run for a key and gives its result."""
    durable, provider, same = durable_on(temporal), provider_for(sim, tmp_path), key()
    async with (
        worker_for(durable, provider_for(sim, tmp_path), restarting),
        agent_of(provider, durable=durable, flows=(restarting,)) as agent,
    ):
        schema = agent.tools["flow_restart_service"].input_schema
        first = await agent.call("flow_restart_service", service="checkout", idempotency_key=same)
        again = await agent.call("flow_restart_service", service="checkout", idempotency_key=same)
        other = await agent.call("flow_restart_service", service="search", idempotency_key=same)
        failed = await agent.call("flow_restart_service", service="none", idempotency_key=key())
        shown = await agent.call("run_status", run=f"restart.service/{ACTOR}/{same}")

    assert ["service", "force", "idempotency_key"] == list(schema["properties"])
    assert {"done": "restarted checkout"} == first.value == again.value
    assert "use a new one" in other.value
    assert "there is nothing to restart" in failed.value
    assert ("restart.service", "completed") == (shown.value["flow"], shown.value["status"])


async def test_an_agent_tries_a_flow_and_nothing_is_written(sim: Simulator, temporal: Temporal, tmp_path: Path) -> None:
    """A dry run is a tool that reads: it says what the flow would have written, and no node that may write is run."""
    durable, provider = durable_on(temporal), provider_for(sim, tmp_path)
    page = pagerduty.trigger_event(summary="Restarted", source="ci", severity="info", dedup_key="r").as_("page")
    tried = (
        flow("tried")
        .triggered_by(manual("restart", input=Order))
        .then(restart(input_data("service"), input_data("force")).as_("done"))
        .then(page)
        .build()
    )
    RESTARTED.clear()
    async with (
        worker_for(durable, provider_for(sim, tmp_path), tried),
        agent_of(provider, durable=durable, flows=(tried,)) as agent,
    ):
        tool = agent.tools["dry_run_tried"]
        said = await agent.call("dry_run_tried", service="checkout")
        refused = await agent.call("dry_run_tried", service=7)

    assert tool.annotations is not None
    assert (True, ["service", "force"]) == (tool.annotations.read_only_hint, list(tool.input_schema["properties"]))
    assert ("completed", ["done", "page"]) == (
        said.value["status"],
        [each["step"] for each in said.value["would_have_done"]],
    )
    assert "checkout" == said.value["would_have_done"][0]["arguments"]["service"]
    assert "nothing was written" in said.hints
    assert ([], [], True) == (RESTARTED, sim.incidents(), refused.is_error)


async def test_a_flow_refuses_input_that_does_not_fit(sim: Simulator, temporal: Temporal, tmp_path: Path) -> None:
    """The input is checked before a run is started."""
    durable, provider = durable_on(temporal), provider_for(sim, tmp_path)
    async with agent_of(provider, durable=durable, flows=(restarting,)) as agent:
        said = await agent.call("flow_restart_service", service=7, idempotency_key=key())
        keyless = await agent.call("flow_restart_service", service="checkout")

    assert "service: is not of type string" in said.value
    assert "missing idempotency_key" in keyless.value


async def test_a_run_that_is_not_there_is_said(sim: Simulator, temporal: Temporal, tmp_path: Path) -> None:
    """An agent that makes up a run is told."""
    async with agent_of(provider_for(sim, tmp_path), durable=durable_on(temporal)) as agent:
        said = await agent.call("run_status", run="made-up")

    assert said.is_error
    assert "no run 'made-up'" in said.value
