"""The webhook server, with a real Temporal server behind it."""

import asyncio
import hashlib
import hmac
import json
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pydantic import BaseModel, Field
from temporalio.client import Client

from resolute import (
    Flow,
    bearer_token,
    by_field,
    by_header,
    flow,
    hmac_sha256,
    input_data,
    node,
    secret,
    unverified,
    webhook,
)
from resolute.execution.secrets import Environment
from resolute.plan.errors import ConfigurationError
from resolute.temporal.history.runs import describe_run, list_runs
from resolute_worker.deploying import Load
from resolute_worker.embedded import EmbeddedServer
from resolute_worker.process import Running, running
from resolute_worker.serving import deliveries
from resolute_worker.serving.seldom import LINES
from resolute_worker.settings import Settings
from tests.patience import PATIENCE
from tests.servers import frozen

SECRETS = {"HOOK_SECRET": "signing-secret-value", "TOKEN": "bearer-token-value"}
SIGNED = hmac_sha256(secret("HOOK_SECRET"), header="X-Signature")


class Deploy(BaseModel):
    service: str
    version: int = 1


class Large(Deploy):
    more: str


class Release(BaseModel):
    service_name: str = Field(alias="serviceName")
    released_at: datetime = Field(alias="releasedAt")
    versions: list[int] = Field(default_factory=lambda: [7])


@node
async def announce(service: str, version: int) -> str:
    return f"{service} {version}"


def deploy_flow(path: str, *, name: str = "deploys", **options: Any) -> Flow:
    """A flow that is started by signed deliveries to a path."""
    options.setdefault("verify", SIGNED)
    trigger = webhook(path, input=Deploy, **options)
    step = announce(input_data("service"), input_data("version")).as_("announced")
    return flow(f"{name}-{uuid4().hex[:8]}").triggered_by(trigger).then(step).build()


@asynccontextmanager
async def serving(
    client: Client, *flows: Flow, variables: Mapping[str, str] = SECRETS, shutdown_seconds: float = 1, **given: Any
) -> AsyncGenerator[Running]:
    """A worker that serves the webhooks of flows on a free port."""
    load = Load(flows=flows, released=datetime(2026, 1, 1, tzinfo=UTC))
    settings = Settings(task_queue=uuid4().hex, http_port=0, shutdown_seconds=shutdown_seconds, **given)
    async with running(load, settings=settings, environment=Environment(variables), client=client) as worker:
        yield worker


def signed(body: bytes) -> dict[str, str]:
    return {"X-Signature": hmac.new(SECRETS["HOOK_SECRET"].encode(), body, hashlib.sha256).hexdigest()}


async def post(worker: Running, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> httpx.Response:
    """Delivers a body, signed unless headers are given."""
    proof = signed(body) if headers is None else headers
    async with httpx.AsyncClient(timeout=PATIENCE) as http:
        return await http.post(worker.http.url + path, content=body, headers=proof)


async def test_a_delivery_starts_one_run_however_often_it_comes(client: Client) -> None:
    """202 for the first; 200 for each repeat, before and after the run has closed; one run with the body as input."""
    deploys = deploy_flow("/hooks/deploys")
    body = b'{"service": "api"}'
    async with serving(client, deploys) as worker:
        first = await post(worker, "/hooks/deploys", body)
        (started,) = first.json()["flows"]
        result = await client.get_workflow_handle(started["run"]).result()
        again = [await post(worker, "/hooks/deploys", body) for _ in range(3)]

        assert (202, "started") == (first.status_code, first.json()["status"])
        assert [(200, "duplicate")] * 3 == [(each.status_code, each.json()["status"]) for each in again]
        assert {started["run"]} == {each.json()["flows"][0]["run"] for each in again}
        assert {"announced": "api 1"} == result
        assert "completed" == (await describe_run(client, started["run"])).summary.status


async def test_a_header_names_a_delivery(client: Client) -> None:
    """Equal bodies of two names are two runs; another body under a known name starts nothing."""
    deploys = deploy_flow("/named", once=by_header("X-Delivery"), verify=unverified())
    body, other = b'{"service": "api"}', b'{"service": "web"}'
    async with serving(client, deploys) as worker:
        answers = [
            await post(worker, "/named", each, {"X-Delivery": name})
            for each, name in ((body, "one"), (body, "two"), (other, "one"))
        ]

        assert [202, 202, 200] == [answer.status_code for answer in answers]
        assert [f"{deploys.name}/webhook/named/one", f"{deploys.name}/webhook/named/two"] == [
            answer.json()["flows"][0]["run"] for answer in answers[:2]
        ]


async def test_a_field_names_a_delivery(client: Client) -> None:
    """Bodies with one value of the field are one delivery; where nothing names deliveries, each starts a run."""
    named = deploy_flow("/field", once=by_field(input_data(Deploy).version))
    always = deploy_flow("/always", once=None)
    bodies = [b'{"service": "api", "version": 7}', b'{"service": "web", "version": 7}', b'{"service": "api"}']
    async with serving(client, named, always) as worker:
        by_version = [(await post(worker, "/field", body)).status_code for body in bodies]
        every_time = [(await post(worker, "/always", bodies[0])).status_code for _ in range(2)]

    assert [202, 200, 202] == by_version
    assert [202, 202] == every_time


async def test_one_delivery_to_two_paths_is_two(client: Client) -> None:
    """Paths of one flow know nothing of each other's deliveries."""
    triggers = [webhook(path, input=Deploy, verify=unverified(), once=by_header("X-Id")) for path in ("/one", "/two")]
    deploys = flow(f"paths-{uuid4().hex[:8]}").triggered_by(*triggers).then(announce("api", 1)).build()
    async with serving(client, deploys) as worker:
        answers = [
            (await post(worker, path, b'{"service": "api"}', {"X-Id": "same"})).status_code
            for path in ("/one", "/two", "/one")
        ]

    assert [202, 202, 200] == answers


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b'{"service": "api"}', {}, 403),
        (b'{"service": "api"}', {"X-Signature": "0" * 64}, 403),
        (b"not json, and forged", {"X-Signature": "0" * 64}, 403),
        (b"not json", None, 400),
        (b'["a list"]', None, 400),
        (b'{"service": NaN}', None, 400),
        (b'{"service": "\\ud800"}', None, 400),
        (b"[" * 100_000, None, 400),
        (b'{"version": 2}', None, 400),
        (b'{"service": "api", "version": "two"}', None, 400),
        (b"", None, 400),
        (b"x" * 2_000_000, None, 413),
        (b'{"service": "' + "é".encode() * 400_000 + b'"}', None, 413),
        (b'{"service": "api", "more": ' + b"[" * 150 + b"]" * 150 + b"}", None, 400),
        (b'{"service": "api", "more": 1' + b"0" * 4500 + b"}", None, 400),
    ],
    ids=[
        *("unsigned", "forged", "forged and malformed", "malformed", "list", "nan", "surrogate", "deep"),
        *("field missing", "field wrong", "empty", "2 MB", "2 MB as recorded", "nested", "long number"),
    ],
)
async def test_what_is_not_a_delivery_starts_nothing(
    client: Client, body: bytes, headers: dict[str, str] | None, status: int
) -> None:
    """Forged, malformed, oversized or not what the flow takes: the right status, and no run."""
    deploys = deploy_flow("/guarded")
    async with serving(client, deploys) as worker:
        answer = await post(worker, "/guarded", body, headers)

        assert status == answer.status_code
        assert "error" in answer.json()
        assert [] == await list_runs(client, flows=[deploys.name])


async def test_a_stream_without_a_length_is_cut_at_the_limit(client: Client) -> None:
    """The limit holds while the body comes in, whatever its sender announces."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(4):
            yield b"x" * 1000

    async with (
        serving(client, deploy_flow("/small", max_bytes=2000)) as worker,
        httpx.AsyncClient(timeout=PATIENCE) as http,
    ):
        answer = await http.post(worker.http.url + "/small", content=chunks())

        assert 413 == answer.status_code


async def test_paths_and_methods(client: Client) -> None:
    """404 where no flow listens, 405 with the allowed method for anything but POST."""
    async with (
        serving(client, deploy_flow("/here")) as worker,
        httpx.AsyncClient(base_url=worker.http.url, timeout=PATIENCE) as http,
    ):
        assert 404 == (await http.post("/elsewhere", content=b"{}")).status_code
        answer = await http.get("/here")

        assert (405, "POST") == (answer.status_code, answer.headers["allow"])


async def test_flows_share_a_path(client: Client) -> None:
    """Each flow behind a path verifies a delivery its own way; one that takes it is enough for a 202."""
    body = b'{"service": "api"}'
    first = deploy_flow("/shared", name="signed")
    second = deploy_flow("/shared", name="token", verify=bearer_token(secret("TOKEN")))
    third = deploy_flow("/shared", name="open", verify=unverified())
    token = {"Authorization": f"Bearer {SECRETS['TOKEN']}"}
    async with serving(client, first, second, third) as worker:
        both = await post(worker, "/shared", body, {**signed(body), **token})
        one = await post(worker, "/shared", b'{"service": "web"}', token)

        assert [first.name, second.name, third.name] == [each["flow"] for each in both.json()["flows"]]
        assert [second.name, third.name] == [each["flow"] for each in one.json()["flows"]]
        assert (202, 202) == (both.status_code, one.status_code)


async def test_a_missing_secret_takes_nothing(client: Client) -> None:
    """What cannot be verified is answered with 503, so that the sender comes again once the secret is set."""
    async with serving(client, deploy_flow("/unset"), variables={}) as worker:
        answer = await post(worker, "/unset", b'{"service": "api"}')

        assert (503, "5") == (answer.status_code, answer.headers["retry-after"])


async def test_while_temporal_is_away_the_sender_is_asked_to_come_again(tmp_path: Path) -> None:
    """503 with Retry-After while the server is down; ready says no, live says yes; afterwards all goes on by itself."""
    body = b'{"service": "api"}'
    async with AsyncExitStack() as servers:  # the second one stays until the worker has left it
        first = await servers.enter_async_context(EmbeddedServer(tmp_path, port=0))
        client, longer = await Client.connect(first.address), 2 * PATIENCE  # until polls that failed are tried again
        async with serving(client, deploy_flow("/away"), shutdown_seconds=longer) as worker:
            await first.__aexit__(None, None, None)
            away = await post(worker, "/away", body)
            async with httpx.AsyncClient(base_url=worker.http.url, timeout=PATIENCE) as http:
                ready, live = await http.get("/readyz"), await http.get("/livez")
            await servers.enter_async_context(EmbeddedServer(tmp_path, port=first.port))
            async with asyncio.timeout(PATIENCE):
                while (back := await post(worker, "/away", body)).status_code == 503:
                    pass  # the connection is not there again yet, and the sender comes again as it was asked to
            result = await worker.client.get_workflow_handle(back.json()["flows"][0]["run"]).result()

    assert (503, "5") == (away.status_code, away.headers["retry-after"])
    assert (503, "Temporal does not answer", 200) == (ready.status_code, ready.json()["reason"], live.status_code)
    assert (202, {"announced": "api 1"}) == (back.status_code, result)


@pytest.mark.parametrize("key", [None, input_data(Deploy).service], ids=["each", "keyed"])
async def test_while_the_store_is_away_the_sender_is_asked_to_come_again(
    client: Client, tmp_path: Path, key: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """503 with Retry-After for what would be too large without the store of large values; afterwards it is taken."""
    store, away = tmp_path / "store", tmp_path / "away"
    body = json.dumps({"service": "api", "more": "x" * 100_000}).encode()
    kept = flow(f"kept-{uuid4().hex[:8]}").triggered_by(webhook("/kept", input=Large, verify=SIGNED, key=key))
    async with serving(client, kept.then(announce("api", 1)).build(), payload_store=str(store)) as worker:
        store.rename(away)
        store.touch()
        refused = await post(worker, "/kept", body)
        store.unlink()
        away.rename(store)
        back = await post(worker, "/kept", body)

    assert (503, "5", 202) == (refused.status_code, refused.headers["retry-after"], back.status_code)
    assert "webhook /kept not accepted: a value of" in caplog.text


async def test_a_store_that_refuses_ends_a_worker_that_starts(client: Client, tmp_path: Path) -> None:
    """Before it takes anything that it could not keep."""
    (tmp_path / "store").touch()
    with pytest.raises(ConfigurationError, match=r"cannot be written to .*RESOLUTE_PAYLOAD_STORE"):
        async with serving(client, deploy_flow("/refused"), payload_store=str(tmp_path / "store")):
            pass


async def test_a_worker_that_works_says_so(client: Client) -> None:
    """Started, ready and live are all well while the worker polls; ready is over as soon as it stops."""
    async with serving(client, deploy_flow("/healthy")) as worker:
        async with httpx.AsyncClient(base_url=worker.http.url, timeout=PATIENCE) as http:
            answers = [(await http.get(path)).status_code for path in ("/livez", "/readyz", "/startupz")]

        assert [200, 200, 200] == answers
    assert "stopping" == await worker.health.ready()


async def test_reloaded_webhooks_replace_the_old_ones(client: Client) -> None:
    """After a reload the new paths are served and the old ones are gone, on the same port."""
    before, after = deploy_flow("/before"), deploy_flow("/after")
    async with serving(client, before) as worker:
        await worker.replace(Load(flows=[after], released=datetime(2026, 1, 2, tzinfo=UTC)))
        body = b'{"service": "api"}'
        gone = await post(worker, "/before", body)
        taken = await post(worker, "/after", body)
        result = await client.get_workflow_handle(taken.json()["flows"][0]["run"]).result()

    assert (404, 202) == (gone.status_code, taken.status_code)
    assert {"announced": "api 1"} == result


async def test_secrets_and_signatures_are_not_recorded(client: Client) -> None:
    """Neither the secret nor the header that proves it is in the run's history."""
    body = b'{"service": "quiet"}'
    async with serving(client, deploy_flow("/quiet")) as worker:
        answer = await post(worker, "/quiet", body)
        handle = client.get_workflow_handle(answer.json()["flows"][0]["run"])
        await handle.result()
        history = json.dumps((await handle.fetch_history()).to_json_dict())

    assert SECRETS["HOOK_SECRET"] not in history
    assert signed(body)["X-Signature"] not in history


async def test_a_path_of_the_health_endpoints_is_refused(client: Client) -> None:
    """A flow cannot take the place of an answer that orchestrators rely on."""
    with pytest.raises(ConfigurationError, match="/readyz"):
        async with serving(client, deploy_flow("/readyz")):
            pass


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that gives no delivery up by itself for as long as a test lasts."""
    monkeypatch.setattr(deliveries, "PATIENCE", 10 * PATIENCE)


async def until_in_flight(worker: Running, count: int) -> None:
    """Waits until so many deliveries are in flight."""
    async with asyncio.timeout(PATIENCE):
        while worker.intake.in_flight != count:
            await asyncio.sleep(0.01)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot freeze a process")
async def test_more_deliveries_than_the_bound_are_refused_at_once(
    server: EmbeddedServer, client: Client, patient: None
) -> None:
    """While as many deliveries are in flight as the worker takes, the next gets 503 and Retry-After in no time."""
    bodies = [json.dumps({"service": f"api-{number}"}).encode() for number in range(3)]
    async with serving(client, deploy_flow("/busy"), max_deliveries=2) as worker:
        async with frozen(server.pid or 0):
            first = [asyncio.create_task(post(worker, "/busy", body)) for body in bodies[:2]]
            await until_in_flight(worker, 2)
            refused = await post(worker, "/busy", bodies[2])
            in_flight = worker.intake.in_flight
        taken = [(await each).status_code for each in first]
        again = await post(worker, "/busy", bodies[2])

    assert (503, "5") == (refused.status_code, refused.headers["retry-after"])
    assert 2 == in_flight  # it has waited for none of the two
    assert [202, 202, 202] == [*taken, again.status_code]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot freeze a process")
async def test_a_delivery_whose_sender_left_is_given_up(server: EmbeddedServer, client: Client, patient: None) -> None:
    """Nothing goes on working for a sender who has hung up: its place is free at once."""
    body = b'{"service": "api"}'
    async with serving(client, deploy_flow("/left")) as worker, frozen(server.pid or 0):
        leaving = asyncio.create_task(post(worker, "/left", body))
        await until_in_flight(worker, 1)
        leaving.cancel()
        await until_in_flight(worker, 0)


async def test_a_large_body_does_not_hold_the_loop(client: Client) -> None:
    """While a body with 200,000 mistakes is read, others are answered."""

    class Numbers(BaseModel):
        numbers: list[int]

    numbers = flow(f"numbers-{uuid4().hex[:8]}").triggered_by(webhook("/numbers", verify=unverified(), input=Numbers))
    body = json.dumps({"numbers": ["x"] * 200_000}).encode()
    async with serving(client, numbers.then(announce("api", 1)).build()) as worker:
        sending = asyncio.create_task(post(worker, "/numbers", body, {}))
        turns = 0
        while not sending.done():
            await asyncio.sleep(0.01)
            turns += 1
        answer = await sending

    assert 400 == answer.status_code
    assert "it has 200,000 mistakes" in answer.text
    assert turns > 5  # had the body held the loop, there would be one or two


async def test_every_refusal_is_a_line_of_the_log(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """Flow, path and reason of each refusal are logged, also where another flow behind the path takes the delivery."""
    strict = deploy_flow("/both", name="strict")
    lenient = flow(f"lenient-{uuid4().hex[:8]}").triggered_by(webhook("/both", verify=SIGNED)).then(announce("api", 1))
    async with serving(client, strict, lenient.build()) as worker:
        caplog.clear()
        answers = [
            (await post(worker, "/both", b'{"version": 2}')).status_code,
            (await post(worker, "/both", b"{}", {})).status_code,
            (await post(worker, "/both", b"no json")).status_code,
        ]

    refusals = [(record.getMessage(), vars(record)["flow"]) for record in caplog.records if "refused" in record.msg]
    assert [202, 403, 400] == answers
    assert 5 == len(refusals)
    assert any("/both refused (400)" in said and "service" in said and strict.name == flow for said, flow in refusals)


async def test_a_flood_of_refusals_does_not_fill_the_log(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """After a few equal lines the rest are counted."""
    async with serving(client, deploy_flow("/flood")) as worker:
        caplog.clear()
        for _ in range(20):
            await post(worker, "/flood", b"{}", {})

    assert LINES == sum("refused" in record.msg for record in caplog.records)
