"""Faults on request, over sockets and without, from Python and by curl; and serving itself."""

import json
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from resolute_pagerduty.simulator import Fault, Limits, Options, Pace, Simulator, seeding
from tests.patience import PATIENCE
from tests.providers.simulator.harness import Api, token


@pytest.fixture(params=["socket", "in process"])
async def served(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Simulator, httpx.AsyncClient]]:
    """A simulator and a client of it, over a socket and without one: faults must look alike."""
    headers = {"Authorization": token(Simulator.world.account_key), "From": Simulator.world.from_email}
    if request.param == "socket":
        async with (
            Simulator.serve(limits=Limits.none()) as sim,
            httpx.AsyncClient(base_url=sim.url, headers=headers, timeout=PATIENCE) as client,
        ):
            yield sim, client
    else:
        sim = Simulator(limits=Limits.none())
        async with httpx.AsyncClient(
            transport=sim.transport(), base_url=sim.url, headers=headers, timeout=PATIENCE
        ) as client:
            yield sim, client


Served = tuple[Simulator, httpx.AsyncClient]
NOTE = {"note": {"content": "x"}}


async def test_a_429_with_headers(served: Served):
    """It says when to come back, in the official shape."""
    sim, client = served
    sim.faults.add(action="rate_limit", reset_seconds=7)

    refused, next_one = await client.get("/services"), await client.get("/services")

    assert (429, 2020, "7") == (
        refused.status_code,
        refused.json()["error"]["code"],
        refused.headers["ratelimit-reset"],
    )
    assert 200 == next_one.status_code


async def test_a_429_without_headers(served: Served):
    """Neither headers nor body: this happens at PagerDuty too."""
    sim, client = served
    sim.faults.add(action="rate_limit", with_headers=False)

    refused = await client.get("/services")

    assert (429, b"") == (refused.status_code, refused.content)
    assert not [name for name in refused.headers if name.startswith("ratelimit")]


@pytest.mark.parametrize(("after", "notes"), [(False, 0), (True, 1)])
async def test_a_500_before_or_after_the_change(served: Served, after: bool, notes: int):
    """The answer is the same; whether the write happened is not."""
    sim, client = served
    incident = sim.add_incident("x", sim.world.service)
    sim.faults.add(action="status", status=500, method="POST", path="/incidents/*/notes", after=after)

    answer = await client.post(f"/incidents/{incident.id}/notes", json=NOTE)

    assert (500, 2000) == (answer.status_code, answer.json()["error"]["code"])
    assert notes == len(incident.notes)


@pytest.mark.parametrize(("after", "notes"), [(False, 0), (True, 1)])
@pytest.mark.parametrize(("action", "error"), [("reset", httpx.ReadError), ("hang", httpx.ReadTimeout)])
async def test_an_answer_that_never_comes(served: Served, action: str, error: type[Exception], after: bool, notes: int):
    """A broken connection or silence, before or after the write was applied."""
    sim, client = served
    incident = sim.add_incident("x", sim.world.service)
    sim.faults.add(action=action, method="POST", path="/incidents/*/notes", after=after)

    with pytest.raises(error):
        await client.post(f"/incidents/{incident.id}/notes", json=NOTE, timeout=httpx.Timeout(PATIENCE, read=0.3))
    await sim.until(lambda: len(sim.requests) == 1, PATIENCE)  # a slow machine takes longer than its client waits

    assert notes == len(incident.notes)
    assert (None, action) == (sim.requests[-1].status, sim.requests[-1].fault)
    assert 200 == (await client.get("/services")).status_code


async def test_a_gateway_answers_with_a_page(served: Served):
    """502 to 504 come as HTML, any other body can be given."""
    sim, client = served
    sim.faults.add(action="status", status=502)
    sim.faults.add(action="status", status=503, body="busy")

    page, other = await client.get("/services"), await client.get("/services")

    assert (502, "text/html", "busy") == (page.status_code, page.headers["content-type"], other.text)


async def test_a_slow_answer_is_an_answer(served: Served):
    """It waits first, and then all is as usual."""
    sim, client = served
    sim.faults.add(action="slow", seconds=0.05, path="/services")

    answer = await client.get("/services")

    assert 200 == answer.status_code
    assert answer.elapsed >= timedelta(seconds=0.05)


async def test_a_fault_hits_what_it_names_as_often_as_it_says(served: Served):
    """Method, path and count; without a count until it is cleared."""
    sim, client = served
    sim.faults.add(Fault(action="status", status=503, method="GET", path="/teams", times=2))
    sim.faults.add(Fault(action="status", status=500, path="/users", times=None))

    async def status(path: str) -> int:
        return (await client.get(path)).status_code

    assert [503, 503, 200] == [await status("/teams") for _ in range(3)]
    assert [500, 500, 500] == [await status("/users") for _ in range(3)]
    assert [None] == [fault.times for fault in sim.faults.pending()]
    sim.faults.clear()
    assert 200 == await status("/users")


async def test_a_simulator_that_stops_lets_go_whoever_waits():
    """A hanging request does not keep the simulator from stopping."""
    async with Simulator.serve() as sim:
        sim.faults.add(action="hang")
        errors: list[Exception] = []

        def wait() -> None:
            try:
                httpx.get(f"{sim.url}/services", timeout=PATIENCE)
            except httpx.HTTPError as error:
                errors.append(error)

        waiting = threading.Thread(target=wait)
        waiting.start()
        await sim.until(lambda: len(sim.requests) == 1, PATIENCE)
    waiting.join(PATIENCE)

    assert not waiting.is_alive()
    assert [False] == [isinstance(error, httpx.TimeoutException) for error in errors]


def curl(sim: Simulator, method: str, path: str, body: object = None) -> Any:
    request = urllib.request.Request(f"{sim.url}/_simulator{path}", method=method)
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(request, data) as answer:
            content = answer.read()
    except urllib.error.HTTPError as error:
        content = error.read()
    return json.loads(content) if content else None


def test_everything_can_be_done_by_curl():
    """Faults, clock, logs, deliveries and reset, for a client that blocks and in no test framework."""
    with Simulator.serve(pace=Pace(timeout=PATIENCE)) as sim:
        world = curl(sim, "GET", "")
        curl(sim, "POST", "/clock", {"freeze_at": "2026-03-02T12:00:00Z", "advance_seconds": 90})
        clock = curl(sim, "GET", "/clock")
        curl(sim, "POST", "/faults", {"action": "rate_limit", "path": "/teams"})
        waiting = curl(sim, "GET", "/faults")["faults"]
        key = {"Authorization": token(world["account_key"])}
        limited = httpx.get(f"{sim.url}/teams", headers=key, timeout=PATIENCE)
        sim.add_webhook(f"{sim.url}/hook")
        sim.trigger("Disk full", routing_key=world["routing_key"])
        sim.wait_for(lambda: sim.deliveries and sim.deliveries[0].state == "dropped", PATIENCE)
        [delivery] = curl(sim, "GET", "/deliveries")["deliveries"]
        curl(sim, "POST", f"/deliveries/{delivery['id']}/redeliver")
        sim.wait_for(lambda: len(sim.deliveries[0].attempts) == 2, PATIENCE)
        seen = [(each["method"], each["path"], each["status"]) for each in curl(sim, "GET", "/requests")["requests"]]
        curl(sim, "POST", "/clock", {"frozen": False})
        curl(sim, "POST", "/reset")

        assert sim.url == world["url"] == world["events_url"]
        assert {"now": "2026-03-02T12:01:30.000Z", "frozen": True} == clock
        assert ([("rate_limit", 1)], 429) == (
            [(fault["action"], fault["times"]) for fault in waiting],
            limited.status_code,
        )
        assert ("dropped", "incident.triggered", 404) == (
            delivery["state"],
            delivery["event"]["event_type"],
            delivery["attempts"][0]["status"],
        )
        assert [("GET", "/teams", 429), ("POST", "/hook", 404), ("POST", "/hook", 404)] == seen
        assert ([], [], False) == (sim.incidents(), sim.deliveries, sim.clock.frozen)


def test_mistakes_by_curl_are_explained():
    """A fault with unknown fields, a time that is none, a step backwards: each says what is wrong."""
    with Simulator.serve() as sim:
        fault = curl(sim, "POST", "/faults", {"action": "explode", "colour": "red"})
        time = curl(sim, "POST", "/clock", {"freeze_at": "noon"})
        step = curl(sim, "POST", "/clock", {"advance_seconds": -1})
        delivery = curl(sim, "POST", "/deliveries/none/redeliver")

    assert ["action", "colour"] == [text.partition(":")[0] for text in fault["error"]["errors"]]
    assert ["freeze_at is not a valid ISO 8601 time"] == time["error"]["errors"]
    assert ["advance_seconds must be a number that is not negative"] == step["error"]["errors"]
    assert ["There is no such delivery"] == delivery["error"]["errors"]


async def test_two_simulators_with_one_seed_are_the_same():
    """Ids and keys are made up in the same way every time; another seed makes up others."""

    async def incident(seed: str) -> str:
        sim = Simulator(seed=seed)
        return (await Api(sim, token(sim.world.account_key), sim.world.from_email).open_incident())["id"]

    assert await incident("a") == await incident("a") != await incident("b")


async def test_a_reset_begins_the_same_world_anew(served: Served):
    """After a reset the first incident is number one again, with the same id."""
    sim, client = served
    body = {
        "incident": {
            "type": "incident",
            "title": "x",
            "service": {"id": sim.world.service, "type": "service_reference"},
        }
    }
    first = (await client.post("/incidents", json=body)).json()
    sim.reset()

    again = (await client.post("/incidents", json=body)).json()

    assert first["incident"]["id"] == again["incident"]["id"]
    assert 1 == again["incident"]["incident_number"]


def certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "simulator")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certfile, keyfile = folder / "cert.pem", folder / "key.pem"
    certfile.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    keyfile.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certfile, keyfile


async def test_https_with_a_certificate(tmp_path: Path):
    """Clients that insist on https are served too, and links carry the same scheme."""
    import ssl

    certfile, keyfile = certificate(tmp_path)
    async with Simulator.serve(certfile=certfile, keyfile=keyfile) as sim:
        headers = {"Authorization": token(sim.world.account_key)}
        context = ssl.create_default_context(cafile=certfile)
        async with httpx.AsyncClient(base_url=sim.url, headers=headers, verify=context, timeout=PATIENCE) as client:
            service = (await client.get(f"/services/{sim.world.service}")).json()["service"]

    assert service["self"].startswith("https://127.0.0.1:")


def test_a_taken_port_is_an_os_error():
    """Starting on a port that somebody else has fails at once."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        Simulator.serve(port=taken.getsockname()[1]).start()


SCRIPT = """
import sys
from resolute_pagerduty.simulator import Options, run
run(Options(webhook_url="http://127.0.0.1:9/hook"), lambda sim: print(sim.url, flush=True))
"""


def test_running_it_until_it_is_told_to_stop():
    """`run` says where it is, answers, and ends cleanly on SIGTERM."""
    with subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        answer = httpx.get(f"{url}/_simulator", timeout=PATIENCE)
        process.terminate()
        code = process.wait(PATIENCE)

    assert (200, 0) == (answer.status_code, code)
    assert Options() == Options(port=0, rate_limit=960)


SEED = {
    "users": [{"name": "Eli Novak", "email": "eli@harbour.example"}],
    "teams": [{"name": "Data", "members": {"eli@harbour.example": "manager"}}],
    "schedules": [{"name": "Data Primary", "users": ["eli@harbour.example"], "team": "Data"}],
    "escalation_policies": [{"name": "Data", "levels": [["Data Primary"], ["ada@harbour.example"]], "team": "Data"}],
    "services": [{"name": "Warehouse", "escalation_policy": "Data", "routing_key": "w" * 32}],
    "incidents": [
        {
            "title": "Load is late",
            "service": "Warehouse",
            "opened_minutes_ago": 90,
            "acknowledged_after_minutes": 5,
            "resolved_after_minutes": 40,
            "by": "eli@harbour.example",
        }
    ],
}


async def test_a_seed_file_adds_to_the_world(tmp_path: Path, sim: Simulator, api: Api):
    """Names become resources, and incidents have their history."""
    file = tmp_path / "seed.json"
    file.write_text(json.dumps(SEED))

    seeding.load(sim, file)
    await api.event("trigger", "k", routing_key="w" * 32)

    past, present = sim.incidents()
    assert ("resolved", "2026-03-02T10:30:00Z", "2026-03-02T11:10:00Z") == (
        past.status,
        sim.show(past)["created_at"],
        sim.show(past)["resolved_at"],
    )
    assert "Eli Novak" == sim.show(present)["assignments"][0]["assignee"]["summary"]


@pytest.mark.parametrize(
    ("seed", "message"),
    [
        ({"users": [{"name": "x"}]}, "users.0.email: Field required"),
        ({"pets": []}, "pets: Extra inputs are not permitted"),
        ({"services": [{"name": "x", "escalation_policy": "none"}]}, "there is no escalation policy named 'none'"),
        ({"teams": [{"name": "x", "members": {"who@x.example": "manager"}}]}, "no user with the address"),
    ],
)
def test_a_seed_file_with_mistakes_says_where(tmp_path: Path, sim: Simulator, seed: dict[str, Any], message: str):
    """A wrong field or an unknown name is a ValueError with its place."""
    file = tmp_path / "seed.json"
    file.write_text(json.dumps(seed))

    with pytest.raises(ValueError, match=message):
        seeding.load(sim, file)


def test_a_seed_file_that_is_not_there_says_so(tmp_path: Path, sim: Simulator):
    """A missing file is the same kind of mistake as a wrong one."""
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        seeding.load(sim, tmp_path / "missing.json")
