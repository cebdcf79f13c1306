"""What the embedded server gives away: to a page of a foreign origin, and to another user of the machine."""

import asyncio
import json
import os
import re
import stat
import subprocess
import sys
import urllib.parse
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from temporalio.client import Client

from resolute_worker.embedded import EmbeddedServer
from tests.house.reading import ROOT
from tests.keys import KEY
from tests.patience import PATIENCE
from tests.worker.processes import Process, started

FLOW = """
from resolute import flow, manual, node, secret

from pathlib import Path

@node
async def tell(address: str, words: str) -> str:
    Path(address).write_text(words)
    return "told"

telling = flow("telling").triggered_by(manual("tell")).then(tell("told", secret("CHAT_TOKEN"))).build()
"""
SECRETS = {
    "CHAT_TOKEN": "token-in-the-environment-of-the-worker",
    "RESOLUTE_PLAN_KEYS": f"{KEY}-too",
}
FREE = {"RESOLUTE_HTTP_PORT": "0", "RESOLUTE_EMBEDDED_PORT": "0"}


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedServer]:
    """A server with its web interface, as `resolute dev` has it."""
    async with EmbeddedServer(tmp_path_factory.mktemp("state"), port=0, pages=True) as server:
        yield server


def listening(pid: int) -> list[str]:
    """Every address and port on which a process listens, as `host:port`."""
    inodes = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
    found: list[str] = []
    for fields in (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]):
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
            address, port = fields[1].split(":")
            host = ".".join(str(byte) for byte in reversed(bytes.fromhex(address)))
            found.append(f"{host}:{int(port, 16)}")
    return found


async def test_no_http_interface_starts_runs(server: EmbeddedServer) -> None:
    """On no port that a page can find does the server take what a page can send without asking: text by POST."""
    client = await Client.connect(server.address)
    ports = [place for place in listening(server.pid or 0) if place.startswith("127.0.0.1:")]
    body = json.dumps({"workflowType": {"name": "telling"}, "taskQueue": {"name": "resolute"}})
    answers: dict[str, int] = {}
    async with httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as http:
        for place in ports:
            url = f"http://{place}/api/v1/namespaces/default/workflows/from-a-page"
            try:
                answer = await http.post(url, content=body, headers={"content-type": "text/plain"})
            except httpx.HTTPError:  # not HTTP at all
                continue
            answers[place] = answer.status_code
    started = [run.id async for run in client.list_workflows()]

    assert 403 in answers.values()  # the HTTP interface is there, and takes no request
    assert not [place for place, status in answers.items() if status < 400]
    assert [] == started


async def test_the_web_interface_is_where_no_page_finds_it(server: EmbeddedServer) -> None:
    """The web interface itself, which checks nothing, listens on an address that is different at each start."""
    async with asyncio.timeout(PATIENCE):
        while not (hidden := [each for each in listening(server.pid or 0) if not each.startswith("127.0.0.1:")]):
            await asyncio.sleep(0.05)  # it comes up beside the server, and announces nothing
    async with httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as http:
        itself = await http.get(f"http://{hidden[0]}/api/v1/settings", headers={"host": "evil.example"})

    assert 1 == len(hidden)
    assert hidden[0].startswith("127.")
    assert 200 == itself.status_code  # this is why


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {}, 200),
        ("GET", {"host": "localhost:PORT"}, 200),
        ("GET", {"origin": "http://127.0.0.1:PORT", "sec-fetch-site": "same-origin"}, 200),
        ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, 200),
        ("GET", {"host": "evil.example:PORT"}, 403),
        ("GET", {"host": "127.0.0.1.nip.io:PORT"}, 403),
        ("GET", {"host": "127.0.0.1"}, 403),
        ("GET", {"origin": "https://evil.example"}, 403),
        ("GET", {"origin": "null"}, 403),
        ("GET", {"origin": "http://127.0.0.1:1"}, 403),
        ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, 403),
        ("GET", {"sec-fetch-site": "same-site"}, 403),
        ("POST", {"origin": "https://evil.example"}, 403),
        ("POST", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, 403),
        ("OPTIONS", {"origin": "https://evil.example", "access-control-request-method": "POST"}, 403),
    ],
)
async def test_the_guard_of_the_web_interface(
    server: EmbeddedServer, method: str, headers: dict[str, str], status: int
) -> None:
    """What a page of another origin, or under another name, sends to the web interface is refused; people are not."""
    port = str(urllib.parse.urlsplit(server.ui_url).port)
    given = {name: value.replace("PORT", port) for name, value in headers.items()}
    async with httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as http:
        answer = await http.request(method, f"{server.ui_url}/api/v1/settings", headers=given)

    assert status == answer.status_code
    assert (status == 200) is ("DefaultNamespace" in answer.text)


async def test_the_web_interface_works_behind_its_guard(server: EmbeddedServer) -> None:
    """Its page, the scripts of the page, and what they ask for come through; no frame may hold it."""
    async with httpx.AsyncClient(timeout=PATIENCE, trust_env=False, follow_redirects=True) as http:
        page = await http.get(f"{server.ui_url}/")
        scripts = re.findall(r'"(?:\.)?(/_app/[^"]+\.js)"', page.text)
        script = await http.get(f"{server.ui_url}{scripts[0]}")
        namespaces = await _connected(http, f"{server.ui_url}/api/v1/namespaces")
        sent = await http.post(
            f"{server.ui_url}/api/v1/namespaces/default/workflows/by-hand",
            json={"workflowType": {"name": "telling"}, "taskQueue": {"name": "resolute"}},
            headers={"origin": server.ui_url or "", **_csrf(http)},
        )

    assert [200, 200, 200] == [page.status_code, script.status_code, namespaces.status_code]
    assert "javascript" in script.headers["content-type"]
    assert "DENY" == page.headers["x-frame-options"]
    assert "default" in namespaces.text
    assert 200 == sent.status_code, sent.text


async def _connected(http: httpx.AsyncClient, url: str) -> httpx.Response:
    """The answer of the web interface, once it has found the server that it was started beside."""
    async with asyncio.timeout(PATIENCE):
        while (answer := await http.get(url)).status_code == 503:
            await asyncio.sleep(0.1)
    return answer


def _csrf(http: httpx.AsyncClient) -> dict[str, str]:
    token = http.cookies.get("_csrf")
    return {"x-csrf-token": token} if token else {}


async def test_the_server_has_no_secret_in_its_environment(tmp_path: Path) -> None:
    """What the worker reads as secrets is not in the environment of the server that it starts, nor is its key."""
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "telling.py").write_text(FLOW)
    async with started("worker", "--embedded", folder=tmp_path, **SECRETS, **FREE) as worker:
        await worker.url()
        [child] = worker.children()
        environ = Path(f"/proc/{child}/environ").read_bytes()
        listens = listening(child)
        await worker.stopped()

    assert b"PATH=" in environ
    assert not [name for name, value in SECRETS.items() if value.encode() in environ or name.encode() in environ]
    assert {"127.0.0.1"} == {place.partition(":")[0] for place in listens}  # and no web interface


@pytest.mark.parametrize("command", ["worker", "dev"])
async def test_the_state_is_for_its_user_alone(tmp_path: Path, command: str) -> None:
    """The state folder has mode 0700 and the key in it 0600, whatever made the folder, and however open it was."""
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "telling.py").write_text(FLOW)
    state = tmp_path / ".resolute"
    state.mkdir(mode=0o755)
    state.chmod(0o755)
    arguments = ["worker", "--embedded"] if command == "worker" else ["dev"]
    async with started(*arguments, folder=tmp_path, CHAT_TOKEN="any-token-at-all", **FREE) as process:
        await _ready(process)
        await process.stopped()

    assert 0o700 == stat.S_IMODE(state.stat().st_mode)
    assert 0o600 == stat.S_IMODE((state / "plan.keys").stat().st_mode)


async def _ready(process: Process) -> None:
    await process.line("task queue")


def test_the_audit_log_makes_a_folder_for_its_user_alone(tmp_path: Path) -> None:
    """Also where a command with an audit log is what runs first."""
    program = (
        "from pathlib import Path; from resolute.providing.audit import AuditFile;"
        "AuditFile(Path('.resolute/audit.jsonl'))"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)  # our own program

    assert 0o700 == stat.S_IMODE((tmp_path / ".resolute").stat().st_mode)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can become another user")
async def test_another_user_of_the_machine(tmp_path: Path) -> None:
    """Another user reaches Temporal's port, and gets neither key, database, log and environment, nor any secret."""
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "telling.py").write_text(FLOW)
    async with started("worker", "--embedded", folder=tmp_path, **SECRETS, **FREE) as worker:
        await worker.url()
        address = await worker.temporal()
        [child] = worker.children()
        wanted = [
            *(tmp_path / ".resolute" / name for name in ("plan.keys", "temporal.db", "temporal.log")),
            *(Path(f"/proc/{pid}/environ") for pid in (child, worker.process.pid)),
        ]
        for folder in (tmp_path, *list(tmp_path.parents)[:2]):  # so that it is the state folder alone that stops them
            folder.chmod(0o755)
        said = await _output(
            *(sys.executable, "-m", "tests.attacks.as_nobody", address, str(tmp_path / "leak"), *map(str, wanted))
        )
        await worker.stopped()

    refused = ["UnsealedPlanError", "UnsealedPlanError", "UnsealedCallError"]
    assert ["refused"] * len(wanted) + refused == said.splitlines()
    assert not (tmp_path / "leak").exists()


async def _output(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(PATIENCE):
        printed, _ = await process.communicate()
    return printed.decode()
