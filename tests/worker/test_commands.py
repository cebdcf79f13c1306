"""The command line, as a process of its own: what it prints, and with which code it ends."""

import asyncio
import json
import os
import re
import socket
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.client import Client

from resolute_worker.embedded import EmbeddedServer
from tests.patience import PATIENCE
from tests.worker.listing import listed
from tests.worker.processes import resolute, started

FLOWS = """
from datetime import timedelta
from pydantic import BaseModel
from resolute import NodeError, TerminalError, flow, input_data, manual, node, schedule

class Person(BaseModel):
    name: str
    age: int = 30

@node
async def greet(name: str, age: int) -> str:
    return f"hello {name}, {age}"

@node
async def refuse() -> str:
    raise TerminalError("the door is shut")

@node(timeout=timedelta(seconds=30))
async def never() -> str:
    raise NodeError("not yet")

greeting = (
    flow("greeting").triggered_by(manual("greet", input=Person))
    .then(greet(input_data("name"), input_data("age")).as_("words")).build()
)
failing = flow("failing").triggered_by(manual("fail")).then(refuse().as_("door")).build()
waiting = flow("waiting").triggered_by(manual("wait")).then(never().as_("patience")).build()
ticking = flow("ticking").triggered_by(schedule("0 0 1 1 *")).then(greet("clock", 1).as_("words")).build()
"""

BROKEN = "from resolute import flow, manual\nlost = flow('lost').triggered_by(manual('go')).build()\n"


@pytest.fixture
def folder(flows: Path) -> Path:
    """A folder with four good flows."""
    (flows / "people.py").write_text(FLOWS)
    return flows.parent


async def test_check_lists_flows(folder: Path) -> None:
    """Good flows are listed, each with what starts it, its steps, its fingerprint and its file; the code is 0."""
    code, printed, said = await resolute("check", "flows", "--json", folder=folder)
    report = json.loads(printed)

    assert (0, "") == (code, said)
    assert ["greeting", "failing", "waiting", "ticking"] == [each["flow"] for each in report["flows"]]
    assert {"triggers": ["0 0 1 1 * UTC"], "steps": 1, "file": "flows/people.py"}.items() <= report["flows"][3].items()


async def test_check_names_every_mistake(folder: Path) -> None:
    """One broken file: its mistakes with place and hint, the good flows all the same, code 1, no traceback."""
    (folder / "flows" / "broken.py").write_text(BROKEN)
    (folder / "flows" / "worse.py").write_text("import nowhere_to_be_found\n")
    code, printed, said = await resolute("check", folder=folder)

    assert 1 == code
    assert "greeting" in printed
    assert "flows/broken.py:2: 1 problem in flow 'lost'" in said
    assert "the flow has no step (add one with .then(node))" in said
    assert "flows/worse.py:1: ModuleNotFoundError: No module named 'nowhere_to_be_found'" in said
    assert "Traceback" not in printed + said


async def test_check_holds_flows_against_the_grants_here(folder: Path) -> None:
    """Where PagerDuty may only be read, a flow that writes is a mistake of its file, and one that reads is none."""
    writes = "import resolute_pagerduty as pagerduty\nfrom resolute import flow, manual\n"
    writes += "note = pagerduty.add_note(incident_id='PT4KHLK', content='seen')\n"
    writes += "noted = flow('noted').triggered_by(manual('note')).then(note).build()\n"
    (folder / "flows" / "writes.py").write_text(writes)
    reader, _, said = await resolute("check", folder=folder, PAGERDUTY_READ_ONLY="true")
    writer, _, _ = await resolute("check", folder=folder)

    assert (1, 0) == (reader, writer)
    assert "flows/writes.py: flow 'noted': pagerduty.AddNote needs the grant notes:write" in said
    assert "1 of 2 file(s) have mistakes" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "greeting", "--input", "{name"), "the input is not JSON"),
        (("run", "greeting", "--input", "@missing.json"), "the input cannot be read"),
        (("run", "greting", "--local"), "there is no flow 'greting' (did you mean 'greeting'?)"),
        (("graph", "nothing"), "there is no flow 'nothing'"),
        (("check", "nowhere"), "nowhere does not exist"),
        (("runs", "--status", "asleep"), "asleep"),
        (("frobnicate",), "frobnicate"),
    ],
    ids=["input", "file", "misspelt flow", "unknown flow", "path", "status", "command"],
)
async def test_a_mistake_in_the_call_is_one_line(folder: Path, arguments: tuple[str, ...], said: str) -> None:
    """A wrong argument is code 2 and says what is wrong, without a traceback."""
    code, printed, lines = await resolute(*arguments, folder=folder)

    assert 2 == code
    assert said in lines
    assert "Traceback" not in printed + lines


@pytest.mark.parametrize("command", [("runs",), ("run", "greeting", "--input", '{"name": "Ada"}'), ("worker",)])
async def test_an_unreachable_temporal_is_one_line(folder: Path, command: tuple[str, ...]) -> None:
    """Where no server answers: code 2, and one line that says where was looked and what to do."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # and does not listen: nobody else takes the port, and nobody answers at it
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        code, _, said = await resolute(*command, folder=folder, TEMPORAL_ADDRESS=address, RESOLUTE_HTTP_PORT="0")
    (line,) = said.strip().splitlines()

    assert 2 == code
    assert line.startswith(f"resolute: no Temporal server answers at {address}")
    assert "TEMPORAL_ADDRESS" in line


async def test_a_missing_secret_keeps_a_worker_from_starting(flows: Path, server: EmbeddedServer) -> None:
    """Before a run can fail for it, the worker says which secret is missing and which flow reads it."""
    content = FLOWS.replace('greet("clock", 1)', 'greet(secret("CLOCK_KEY"), 1)').replace(
        "node, sch", "node, secret, sch"
    )
    (flows / "people.py").write_text(content)
    code, _, said = await resolute("worker", folder=flows.parent, TEMPORAL_ADDRESS=server.address)

    assert 2 == code
    assert said.startswith("resolute: secret CLOCK_KEY is not set (flow ticking)")


async def test_a_taken_port_is_one_line(folder: Path, server: EmbeddedServer) -> None:
    """A port that something else uses: code 2, and the setting that chooses another one."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, _, said = await resolute("worker", "--http-port", port, folder=folder, TEMPORAL_ADDRESS=server.address)
    line = next(line for line in said.splitlines() if line.startswith("resolute:"))

    assert 2 == code
    assert f"port {port} of 127.0.0.1 cannot be used" in line
    assert "RESOLUTE_HTTP_PORT" in line


def damaged(folder: Path) -> dict[str, str]:
    (folder / ".resolute").mkdir()
    (folder / ".resolute" / "temporal.db").write_bytes(b"not a database" * 1000)
    return {}


def of_nobody(folder: Path) -> dict[str, str]:
    if os.geteuid() == 0:
        (folder / ".resolute").mkdir()
        os.chown(folder / ".resolute", 54321, 54321)
        return {}
    return {"RESOLUTE_STATE_DIR": "/usr"}


def no_folder(folder: Path) -> dict[str, str]:
    return {"RESOLUTE_STATE_DIR": str(folder / "flows" / "people.py" / "state")}


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (damaged, "resolute: the database of the embedded Temporal server in .resolute is damaged"),
        (of_nobody, "belongs to "),
        (no_folder, "people.py/state cannot be used (Not a directory): make it a folder that can be written"),
    ],
)
async def test_a_state_folder_that_cannot_be_used_is_one_line(
    folder: Path, prepare: Callable[[Path], dict[str, str]], said: str
) -> None:
    """Damaged, of somebody else, no folder at all: code 2, and one line that says what to do."""
    variables = {"RESOLUTE_HTTP_PORT": "0", "RESOLUTE_EMBEDDED_PORT": "0", **prepare(folder)}
    code, _, printed = await resolute("worker", "--embedded", folder=folder, **variables)

    assert (2, 1) == (code, len(printed.strip().splitlines())), printed
    assert said in printed


async def test_a_taken_port_of_the_embedded_server_is_one_line(folder: Path) -> None:
    """Code 2, and the setting that chooses another one."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        variables = {"RESOLUTE_HTTP_PORT": "0", "RESOLUTE_EMBEDDED_PORT": port}
        code, _, printed = await resolute("worker", "--embedded", folder=folder, **variables)

    assert (2, 1) == (code, len(printed.strip().splitlines())), printed
    assert f"port {port} is taken" in printed


async def test_a_namespace_that_is_not_there_is_one_line(folder: Path, server: EmbeddedServer) -> None:
    """The namespace is named, and how to make it."""
    code, _, said = await resolute(
        "runs", folder=folder, TEMPORAL_ADDRESS=server.address, TEMPORAL_NAMESPACE="elsewhere"
    )

    assert (2, 1) == (code, len(said.strip().splitlines()))
    assert "Temporal has no namespace 'elsewhere'" in said


async def test_an_api_key_turns_tls_on(folder: Path, server: EmbeddedServer) -> None:
    """Temporal's own variables decide: with an API key the connection is TLS, so a server without it is refused."""
    with_key = {"TEMPORAL_ADDRESS": server.address, "TEMPORAL_API_KEY": "temporal-api-key-value"}
    code, _, said = await resolute("runs", folder=folder, **with_key)
    plain_code, _, _ = await resolute("runs", folder=folder, **with_key, TEMPORAL_TLS="false")

    assert (2, 0) == (code, plain_code)
    assert "no Temporal server answers" in said
    assert "temporal-api-key-value" not in said


async def test_a_profile_file_says_where_temporal_is(folder: Path, server: EmbeddedServer) -> None:
    """Temporal's profile file is read; a profile that is not in it is one line."""
    file = folder / "temporal.toml"
    file.write_text(f'[profile.staging]\naddress = "{server.address}"\nnamespace = "default"\n')
    known = await resolute("runs", folder=folder, TEMPORAL_CONFIG_FILE=str(file), TEMPORAL_PROFILE="staging")
    unknown = await resolute("runs", folder=folder, TEMPORAL_CONFIG_FILE=str(file), TEMPORAL_PROFILE="production")

    assert (0, 2) == (known[0], unknown[0])
    assert 1 == len(unknown[2].strip().splitlines())


async def test_a_client_certificate_that_cannot_be_read_is_one_line(folder: Path, server: EmbeddedServer) -> None:
    """TLS settings of Temporal's own variables are used, and a wrong path is said."""
    code, _, said = await resolute(
        "runs", folder=folder, TEMPORAL_ADDRESS=server.address, TEMPORAL_TLS_CLIENT_CERT_PATH="nowhere.pem"
    )

    assert (2, 1) == (code, len(said.strip().splitlines()))
    assert "nowhere.pem" in said


async def test_runs_are_started_followed_and_shown(folder: Path, server: EmbeddedServer, client: Client) -> None:
    """A run that completes ends with 0 and its result; one that fails with 1 and why; a wrong input with 2."""
    place = {"TEMPORAL_ADDRESS": server.address, "RESOLUTE_TASK_QUEUE": uuid4().hex, "RESOLUTE_HTTP_PORT": "0"}
    async with started("worker", folder=folder, **place) as worker:
        await worker.url()
        good, failed, wrong, scheduled, unknown, beside = await asyncio.gather(
            resolute("run", "greeting", "--input", '{"name": "Ada"}', "--json", folder=folder, **place),
            resolute("run", "failing", "--json", folder=folder, **place),
            resolute("run", "greeting", "--input", '{"age": "old"}', folder=folder, **place),
            resolute("run", "ticking", "--json", folder=folder, **place),
            resolute("run", "greting", folder=folder, **place),
            resolute("run", "ticking", "--input", "{}", folder=folder, **place),
        )
        code = await worker.stopped()

    assert [0, 1, 2, 0, 2, 2, 0] == [good[0], failed[0], wrong[0], scheduled[0], unknown[0], beside[0], code]
    assert "no flow 'greting' on this worker (did you mean 'greeting'?)" in unknown[2]
    assert re.search(r"started by hand, run greting/\S+ is cancelled instead", " ".join(unknown[2].split()))
    assert "is started by its schedule and takes no input: leave it out" in beside[2]
    assert {"words": "hello Ada, 30"} == json.loads(good[1])["result"]
    assert {
        "step": "door",
        "node": "refuse",
        "error_type": "TerminalError",
        "message": "the door is shut",
    } == json.loads(failed[1])["failure"]
    assert "name: Field required; age: Input should be a valid integer" in wrong[2]
    assert {"words": "hello clock, 1"} == json.loads(scheduled[1])["result"]

    run = json.loads(failed[1])["run"]
    await listed(client, run, status="Failed")
    shown = await resolute("show", run, folder=folder, **place)
    found = await resolute("runs", "failing", "--status", "failed", "--json", folder=folder, **place)

    assert 0 == shown[0]
    assert "✗ door: refuse" in shown[1]
    assert "TerminalError: the door is shut" in shown[1]
    assert run in [each["workflow_id"] for each in json.loads(found[1])]


async def test_a_run_is_shown_while_its_worker_is_down(folder: Path, server: EmbeddedServer) -> None:
    """Attempts and the reason of the last failure are there without any worker."""
    place = {"TEMPORAL_ADDRESS": server.address, "RESOLUTE_TASK_QUEUE": uuid4().hex, "RESOLUTE_HTTP_PORT": "0"}
    async with started("worker", folder=folder, **place) as worker:
        await worker.url()
        begun = await resolute("run", "waiting", "--no-wait", "--json", folder=folder, **place)
        await worker.line("step patience failed")
        await worker.stopped()
    shown = await resolute("show", json.loads(begun[1])["run"], "--json", folder=folder, **place)
    (step,) = json.loads(shown[1])["report"]["steps"]

    assert ("running", "patience") == (step["status"], step["id"])
    assert step["attempt"] >= 2
    assert {"error_type": "NodeError", "message": "not yet"}.items() <= step["failure"].items()


async def test_without_a_worker_a_run_says_what_it_waits_for(folder: Path, server: EmbeddedServer) -> None:
    """Whoever waits for a run that nobody works on is told so."""
    place = {"TEMPORAL_ADDRESS": server.address, "RESOLUTE_TASK_QUEUE": uuid4().hex}
    async with started("run", "failing", folder=folder, **place) as run:
        assert "start one" in await run.line("no worker polls task queue")


async def test_schedules_are_listed_paused_and_resumed(folder: Path, server: EmbeddedServer) -> None:
    """What a worker deployed can be looked at and stopped from a terminal."""
    place = {"TEMPORAL_ADDRESS": server.address, "RESOLUTE_TASK_QUEUE": uuid4().hex, "RESOLUTE_HTTP_PORT": "0"}
    content = FLOWS.replace('"ticking"', '"ticking-alone"')
    (folder / "flows" / "people.py").write_text(content)
    async with started("worker", folder=folder, **place) as worker:
        await worker.url()

    async def entry() -> dict[str, object]:
        async with asyncio.timeout(PATIENCE):
            while True:  # Temporal's list lags behind
                _, printed, _ = await resolute("schedules", "--json", folder=folder, **place)
                if found := [each for each in json.loads(printed) if each["flow"] == "ticking-alone"]:
                    return found[0]

    before = await entry()
    paused = await resolute("schedules", "pause", "ticking-alone", "--note", "holidays", folder=folder, **place)
    between = await entry()
    resumed = await resolute("schedules", "unpause", "ticking-alone", folder=folder, **place)
    unknown = await resolute("schedules", "pause", "nothing", folder=folder, **place)

    assert [0, 0, 2] == [paused[0], resumed[0], unknown[0]]
    assert (False, True, "holidays") == (before["paused"], between["paused"], between["note"])
    assert False is (await entry())["paused"]


async def test_graphs_are_drawn(folder: Path) -> None:
    """A flow as text, as Mermaid, and as its plan."""
    text = await resolute("graph", "ticking", folder=folder)
    mermaid = await resolute("graph", "ticking", "--format", "mermaid", folder=folder)
    plan = await resolute("graph", "ticking", "--json", folder=folder)

    assert "on 0 0 1 1 * UTC" in text[1]
    assert "flowchart" in mermaid[1]
    assert "ticking" == json.loads(plan[1])["name"]
