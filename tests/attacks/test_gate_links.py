"""Links to gates: each decides once, for its person and its gate, and looking at it decides nothing."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel, Field, SecretStr
from temporalio.client import Client

from resolute import flow, gate, manual, node, sleep, text
from resolute.execution.executor import NodeExecutor
from resolute.execution.masking import LINK
from resolute.execution.secrets import Environment
from resolute.plan.errors import NodeFailedError
from resolute.providing.audit import AuditEntry, read_audit
from resolute.running.messages import Message, MessageRefusedError
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import RunHandle, start_run
from resolute.temporal.client.gates import GateOfRun, open_gates
from resolute.temporal.client.links import PATH, Ticket, link_maker, read_token
from resolute.temporal.history.runs import describe_run
from resolute.temporal.trust.seals import NO_KEYS, PlanKeys
from resolute.temporal.wire.finding import RunKey
from resolute.temporal.wire.messages import ASK, ask_run, tell_run
from resolute.temporal.worker import temporal_worker
from resolute_worker.embedded import EmbeddedServer
from resolute_worker.journal import Journal
from resolute_worker.serving.app import http_app
from resolute_worker.serving.deliveries import Deliveries
from resolute_worker.serving.gate_pages import GatePages
from resolute_worker.serving.health import Health
from resolute_worker.serving.intake import Intake
from resolute_worker.settings import Settings
from tests.keys import KEYS
from tests.patience import PATIENCE

POSTED: list[str] = []


class Change(BaseModel):
    """What is filled in."""

    region: str = Field(min_length=2, title="<b>Region</b>")
    percent: int = 10


@node
async def post(person: str, message: str) -> None:
    """Keeps what it is given."""
    POSTED.append(f"{person} {message}")


FLOW = (
    flow("link-gates")
    .triggered_by(manual("go"))
    .then(
        gate(
            "approve",
            ask="Fail over <script>alert(1)</script>?",
            form=Change,
            approvers=["ada", "grace"],
            quorum=2,
            timeout=timedelta(hours=1),
            notify=lambda link, person: post(person, text("Decide: {}", link)),
        )
    )
    .build()
)


class Site:
    """A worker with its pages, and a run that waits at its gate."""

    def __init__(self, client: Client, queue: str, http: httpx.AsyncClient, journal: Journal) -> None:
        self.journal = journal
        self.client = client
        self.http = http
        self._queue = queue

    async def run(self) -> tuple[RunHandle, dict[str, str]]:
        """Starts a run, and gives the links that people were sent."""
        POSTED.clear()
        run = await start_run(self.client, FLOW.plan, task_queue=self._queue, keys=KEYS)
        async with asyncio.timeout(PATIENCE):
            while len(POSTED) < 2:
                await asyncio.sleep(0.02)
        links = [re.fullmatch(r"(\w+) Decide: https://ops\.test(/gates/\S+)", each) for each in POSTED]
        return run, {each[1]: each[2] for each in links if each}

    def log(self) -> list[AuditEntry]:
        """What the audit log says."""
        return list(read_audit(self.journal.path)) if self.journal.path.exists() else []

    async def decisions(self, run: RunHandle) -> list[str]:
        """Who has decided."""
        report = (await describe_run(self.client, run.workflow_id)).report
        assert report is not None
        found: Any = report.step("approve").details["decisions"]
        return [each["by"] for each in found]


@pytest.fixture(scope="module")
async def site(temporal_client: Client, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """Every test has a run of its own."""
    queue = f"links-{uuid.uuid4().hex[:8]}"
    environment = Environment({})
    environment.links = link_maker(KEYS, lambda: "https://ops.test/")
    executor = NodeExecutor.for_flows([FLOW], environment=environment)
    deliveries = Deliveries(temporal_client, task_queue=queue, verifiers={}, environment=environment, keys=KEYS)
    intake, journal = Intake(), Journal(Settings(state_dir=tmp_path_factory.mktemp("links")), "links")
    app = http_app(deliveries, Health(), intake, GatePages(temporal_client, KEYS, intake, journal))
    worker = temporal_worker(
        temporal_client, Activities([FLOW], executor, KEYS), task_queue=queue, graceful_shutdown=timedelta(0)
    )
    transport = httpx.ASGITransport(app)
    async with worker, httpx.AsyncClient(transport=transport, base_url="https://ops.test", timeout=PATIENCE) as http:
        yield Site(temporal_client, queue, http, journal)


def form(**values: str) -> dict[str, str]:
    """What a browser sends."""
    return {"decision": "approve", "reason": "", "field:region": "eu", "field:percent": "", **values}


async def test_looking_decides_nothing(site: Site) -> None:
    """GET and HEAD show what is asked, escaped, without scripts, and decide nothing; nothing may keep the page."""
    run, links = await site.run()

    for method in ("GET", "HEAD", "GET"):
        answer = await site.http.request(method, f"{links['ada']}?decision=approve&field:region=eu")
        assert 200 == answer.status_code
    page = (await site.http.get(links["ada"])).text

    assert [] == await site.decisions(run)
    assert "Fail over &lt;script&gt;alert(1)&lt;/script&gt;?" in page
    assert "&lt;b&gt;Region&lt;/b&gt;" in page
    assert "<script" not in page
    headers = (await site.http.get(links["ada"])).headers
    assert "no-store" == headers["cache-control"]
    assert "noindex, nofollow" == headers["x-robots-tag"]
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "no-referrer" == headers["referrer-policy"]


async def test_two_people_decide(site: Site) -> None:
    """Each person decides once by the own link; mistakes are told field by field and decide nothing.

    What was decided and what was refused, above all a link that is used again, is in the audit log by name.
    """
    before = len(site.log())
    run, links = await site.run()

    wrong = await site.http.post(links["ada"], data=form(**{"field:region": "e", "field:percent": "many"}))
    assert (422, []) == (wrong.status_code, await site.decisions(run))
    assert "region has 1 characters, 2 is the least" in wrong.text
    assert "percent is text, not an int" in wrong.text
    assert 422 == (await site.http.post(links["ada"], data={"decision": "dance"})).status_code
    assert 200 == (await site.http.post(links["ada"], data=form())).status_code
    assert 409 == (await site.http.post(links["ada"], data=form())).status_code
    assert 409 == (await site.http.post(links["ada"], data=form(decision="reject"))).status_code
    assert 200 == (await site.http.post(links["grace"], data=form(**{"field:percent": "50"}))).status_code
    result: Any = await run.result()

    assert ["ada", "grace"] == result["approve"]["by"]
    assert {"region": "eu", "percent": 50} == result["approve"]["form"]
    assert 409 == (await site.http.get(links["ada"])).status_code
    assert 409 == (await site.http.post(links["grace"], data=form())).status_code
    found = site.log()[before:]
    assert {(run.workflow_id, FLOW.name, "approve")} == {(each.run, each.flow, each.step) for each in found}
    assert [
        ("ada", "approve", "refused"),
        ("ada", "approve", "done"),
        ("ada", "approve", "refused"),
        ("ada", "reject", "refused"),
        ("grace", "approve", "done"),
        ("grace", "approve", "refused"),
    ] == [(each.person, each.operation, each.outcome) for each in found]


async def test_forged_and_changed_links(site: Site) -> None:
    """A link that was changed, made with another key, is over, or is for another person or run decides nothing.

    Each is in the audit log, without the link itself; one of ours to a run that is not there, with its person and run.
    """
    before = len(site.log())
    run, links = await site.run()
    token = links["ada"].removeprefix(PATH)
    ticket = read_token(token, KEYS, datetime.now(UTC))
    packed = token.removeprefix(LINK)
    parts = json.loads(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
    stolen = base64.urlsafe_b64encode(json.dumps([*parts[:5], "grace", parts[6]]).encode()).decode().rstrip("=")
    others = PlanKeys((SecretStr("another-key-of-the-tests-that-nobody-has"),))
    over = replace(ticket, until=datetime.now(UTC) - timedelta(seconds=5))
    elsewhere = replace(ticket, run=str(uuid.uuid4()))
    gone = replace(ticket, workflow_id="link-gates/nobody")

    tried = {
        403: [token[:-2] + "AA", LINK + stolen, ticket.token(others), over.token(KEYS), LINK, "x" * 9000, LINK + "W10"],
        404: [elsewhere.token(KEYS), gone.token(KEYS)],
    }
    for status, tokens in tried.items():
        for each in tokens:
            assert status == (await site.http.post(PATH + each, data=form())).status_code, each[:40]

    assert 413 == (await site.http.post(links["ada"], data={"reason": "x" * 200_000})).status_code
    assert 405 == (await site.http.put(links["ada"])).status_code
    assert [] == await site.decisions(run)
    assert 404 == (await site.http.get(PATH + gone.token(KEYS))).status_code
    assert [
        *[("link", None, None)] * len(tried[403]),
        ("approve", "ada", run.workflow_id),
        ("approve", "ada", gone.workflow_id),
        ("link", "ada", gone.workflow_id),
    ] == [(each.operation, each.person, each.run) for each in site.log()[before:]]
    assert {("refused", PATH)} == {(each.outcome, each.resource) for each in site.log()[before:]}
    assert token not in site.journal.path.read_text()


async def test_links_are_nowhere(site: Site) -> None:
    """Neither the history nor a report of a run holds a link, and texts about it are masked."""
    run, links = await site.run()
    history = await run.handle.fetch_history()
    described = await describe_run(site.client, run.workflow_id)

    assert described.report is not None
    for written in (history.to_json(), described.report.model_dump_json()):
        assert LINK not in written
        assert LINK not in base64.b64encode(written.encode()).decode()
    assert "see ***" == Environment({}).mask(f"see {links['ada'].removeprefix(PATH)}")
    assert "the value itself" == Environment({}).secret_in(links["ada"])


async def test_decisions_without_a_key(site: Site) -> None:
    """An update without the seal of a key is refused, whoever it says it is from."""
    run, _ = await site.run()
    said = Message(to="gate:approve", word="approve", id="forged", data={"form": {"region": "eu"}}, by="ada")

    with pytest.raises(MessageRefusedError, match="not sealed by a key"):
        await ask_run(site.client, RunKey(run.workflow_id, run.run_id or ""), said, NO_KEYS)
    with pytest.raises(Exception, match="update failed"):
        await site.client.get_workflow_handle(run.workflow_id).execute_update(ASK, said.as_json())  # pyright: ignore[reportUnknownMemberType]  # the SDK's own types

    assert [] == await site.decisions(run)


async def test_open_gates(site: Site) -> None:
    """The open gates of all runs are found from their histories."""
    run, _ = await site.run()

    async with asyncio.timeout(PATIENCE):
        while run.workflow_id not in (found := await gates_by_run(site)):
            await asyncio.sleep(0.05)  # the list is told of a run a moment after it has begun

    mine = found[run.workflow_id]
    assert ("approve", 2, ("ada", "grace"), ()) == (mine.gate, mine.quorum, mine.approvers, mine.decisions)


async def gates_by_run(site: Site) -> dict[str, GateOfRun]:
    return {each.workflow_id: each for each in await open_gates(site.client, flow=FLOW.name)}


async def test_a_decision_by_signal(site: Site) -> None:
    """A sealed signal decides a gate like an update; one without a seal decides nothing."""
    run, _ = await site.run()
    forged = Message(to="gate:approve", word="reject", id="f", data={"reason": "forged"}, by="ada")
    await tell_run(site.client, FLOW.name, run.workflow_id, forged, NO_KEYS)
    said = replace(forged, id="s", data={"reason": "no"}, by="grace")
    await tell_run(site.client, FLOW.name, run.workflow_id, said, KEYS)

    with pytest.raises(NodeFailedError, match="grace rejected gate 'approve': no"):
        await run.result()
    assert ["grace"] == await site.decisions(run)


def pages_of(client: Client, folder: Path) -> httpx.AsyncClient:
    """A browser in front of the pages of a worker that has nothing else to do."""
    intake = Intake()
    environment = Environment({})
    deliveries = Deliveries(client, task_queue="none", verifiers={}, environment=environment, keys=KEYS)
    app = http_app(
        deliveries, Health(), intake, GatePages(client, KEYS, intake, Journal(Settings(state_dir=folder), "links"))
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://ops.test", timeout=PATIENCE)


async def test_without_temporal_nothing_is_decided(tmp_path: Path) -> None:
    """Who opens a link while Temporal is away is asked to come again; it is not their link that is wrong."""
    until = datetime.now(UTC) + timedelta(hours=1)
    ticket = Ticket(flow="links", workflow_id="links/1", run="run", gate="approve", person="ada", until=until)
    async with EmbeddedServer(tmp_path / "temporal", port=0) as server:
        client = await Client.connect(server.address)
    async with pages_of(client, tmp_path / "state") as http:
        opened = (http.request(method, f"{PATH}{ticket.token(KEYS)}", data=form()) for method in ("GET", "POST"))
        answers = await asyncio.gather(*opened)

    assert [503, 503] == [answer.status_code for answer in answers]
    assert ["5", "5"] == [answer.headers["retry-after"] for answer in answers]
    assert "Nothing has been decided" in answers[1].text


ASKED = gate("approve", ask="Go?", approvers=["ada"], notify=lambda link: post("ada", text("Decide: {}", link)))
BESIDE = (
    flow("link-beside")
    .triggered_by(manual("go"))
    .then_parallel([ASKED], [sleep(timedelta(seconds=1)), post("beside", "one"), post("beside", "two")])
    .build()
)


async def test_a_link_outlives_the_history_that_it_was_made_in(temporal_client: Client, tmp_path: Path) -> None:
    """A run that is continued while it waits is decided by the link that was sent before."""
    POSTED.clear()
    queue = f"links-{uuid.uuid4().hex[:8]}"
    environment = Environment({})
    environment.links = link_maker(KEYS, lambda: "https://ops.test/")
    worker = temporal_worker(
        temporal_client,
        Activities([BESIDE], NodeExecutor.for_flows([BESIDE], environment=environment), KEYS),
        task_queue=queue,
        graceful_shutdown=timedelta(0),
        full=lambda ended: ended >= 1,
    )
    async with worker, pages_of(temporal_client, tmp_path) as http, asyncio.timeout(PATIENCE):
        run = await start_run(temporal_client, BESIDE.plan, task_queue=queue, keys=KEYS)
        while len(POSTED) < 3:
            await asyncio.sleep(0.02)
        (link,) = [each.rpartition(" ")[2].removeprefix("https://ops.test") for each in POSTED if "Decide" in each]
        latest = await run.handle.describe()
        answer = await http.post(link, data={"decision": "approve", "reason": ""})
        result: Any = await run.result()

    assert latest.run_id != run.run_id
    assert 200 == answer.status_code
    assert result["approve"]["approved"] is True


async def test_without_an_audit_log_nothing_is_decided(site: Site, temporal_client: Client, tmp_path: Path) -> None:
    """Where it cannot be written who decides, nobody decides, and whoever has the link is told so."""
    (tmp_path / "board.audit").mkdir()
    run, links = await site.run()
    async with pages_of(temporal_client, tmp_path) as http:
        answer = await http.post(links["ada"], data=form())

    assert (503, []) == (answer.status_code, await site.decisions(run))
    assert "Nothing has been decided" in answer.text
