"""The failover against a Patroni on loopback: its own nodes, its undo, and what happens when a step fails."""

import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from flows.common.health import Health
from flows.failover import failover
from resolute import TerminalError
from resolute.testing import FlowTester
from resolute.testing.gates import WrongDecisionError
from resolute_pagerduty import PagerDuty
from resolute_pagerduty.simulator import Limits, Simulator
from resolute_pagerduty.testing import simulated_config
from resolute_worker.serving.server import HttpServer
from tests.flows.town import CHANNEL, Town
from tests.patience import PATIENCE

ASKED = {"candidate": "db-2", "reason": "db-1 gets a new disk"}


@dataclass
class Patroni:
    """A cluster of two, whose primary can be moved; `loses` answers get lost after the move."""

    leader: str = "db-1"
    lag: int = 0
    state: str = "streaming"
    loses: int = 0
    switches: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    url: str = ""

    async def _cluster(self, request: Request) -> Response:
        members = [
            {"name": name, "role": "leader", "state": "running"}
            if name == self.leader
            else {"name": name, "role": "replica", "state": self.state, "lag": self.lag}
            for name in ("db-1", "db-2")
        ]
        return JSONResponse({"members": members, "scope": "demo"})

    async def _switchover(self, request: Request) -> Response:
        if not request.headers.get("authorization", "").startswith("Basic "):
            return PlainTextResponse("no auth header received", status_code=401)
        asked = await request.json()
        if asked["leader"] != self.leader:
            return PlainTextResponse("leader name does not match", status_code=412)
        self.leader = asked["candidate"]
        self.switches.append((asked["leader"], asked["candidate"]))
        if self.loses:
            self.loses -= 1
            return PlainTextResponse("Switchover status unknown", status_code=503)
        return PlainTextResponse(f'Successfully switched over to "{self.leader}"')

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncGenerator["Patroni"]:
        """Serves it on a free port."""
        routes = [Route("/cluster", self._cluster), Route("/switchover", self._switchover, methods=["POST"])]
        async with HttpServer(Starlette(routes=routes), "127.0.0.1", 0) as server:
            self.url = server.url
            yield self


@dataclass
class Place:
    """A cluster, the channel that reads of it, and a tester of the flow in both."""

    patroni: Patroni
    town: Town
    tester: FlowTester


@pytest.fixture
async def place(town: Town) -> AsyncGenerator[Place]:
    """All that the flow meets; the database answers as long as a test says nothing else."""
    async with (
        Patroni().open() as patroni,
        Simulator.serve(limits=Limits.none()) as sim,
        PagerDuty(simulated_config(sim)) as provider,
    ):
        env = {
            "PATRONI_URL": patroni.url,
            "PATRONI_USERNAME": "resolute",
            "DATABASE_ADDRESS": "db.internal:5432",
            "ESCALATION_POLICY": sim.world.payments_policy,
            "SLACK_CHANNEL": CHANNEL,
        }
        tester = FlowTester(failover, env=env, providers=[provider, town.slack], patience=PATIENCE)
        tester.answer("health", Health(status="healthy", message="takes connections", component="db"))
        yield Place(patroni, town, tester)


async def test_an_answer_that_is_lost_moves_nothing_twice(place: Place) -> None:
    """Patroni has moved the primary and its answer says otherwise: the next attempt sees it and goes on."""
    place.tester.decides("approve", approved=True, by="chen@harbour.example")
    place.patroni.loses = 1

    run = await place.tester.run(ASKED)

    assert "db-2" == run.result == place.patroni.leader
    assert [("db-1", "db-2")] == place.patroni.switches
    assert 2 == len(run.calls_of("promoted"))


@pytest.mark.parametrize(
    ("candidate", "lag", "state", "message"),
    [
        ("db-3", 0, "streaming", "no member 'db-3', it has db-1, db-2"),
        ("db-1", 0, "streaming", "db-1 is the primary already"),
        ("db-2", 0, "start failed", "db-2 is start failed"),
        ("db-2", 2**25, "streaming", "db-2 is 33554432 bytes behind"),
    ],
)
async def test_what_cannot_take_over_is_not_asked_about(
    place: Place, candidate: str, lag: int, state: str, message: str
) -> None:
    """Nobody is woken for a replica that is not there, is the primary, does not run or is too far behind."""
    place.tester.decides("approve", approved=True, by="chen@harbour.example")
    place.patroni.lag, place.patroni.state = lag, state

    run = await place.tester.run({**ASKED, "candidate": candidate})

    assert ("failed", "handover") == (run.status, run.failure.step if run.failure else None)
    assert message in str(run.error)
    assert not run.ran("approve_notify")
    assert not place.patroni.switches


@pytest.mark.parametrize("step", ["handover", "oncall", "approvers", "promoted", "primary", "health", "healthy"])
async def test_whatever_fails_the_old_primary_keeps_its_role(place: Place, step: str) -> None:
    """The channel reads which step has failed, and the cluster is as it was; the next run does the whole work."""
    place.tester.decides("approve", approved=True, by="chen@harbour.example")
    place.tester.fails(step, TerminalError("refused"))

    failed = await place.tester.run(ASKED)
    before: Any = place.patroni.leader
    place.tester.clear(step)
    place.tester.answer("health", Health(status="healthy", message="takes connections", component="db"))
    well = await place.tester.run(ASKED)

    assert ("failed", "db-1") == (failed.status, before)
    assert f"failover: step {step} failed: refused" in place.town.posted
    assert ("completed", "db-2") == (well.status, place.patroni.leader)


async def test_a_third_primary_is_left_alone(place: Place) -> None:
    """Where another member has become the primary while people were asked, nothing is moved."""
    place.tester.decides("approve", approved=True, by="chen@harbour.example")
    place.tester.answer("handover", {"leader": "db-9", "candidate": "db-2", "lag": 0})

    run = await place.tester.run(ASKED)

    assert ("failed", "promoted") == (run.status, run.failure.step if run.failure else None)
    assert "db-1 is the primary by now, and not db-9" in str(run.error)
    assert not place.patroni.switches


async def test_a_stranger_cannot_approve(place: Place) -> None:
    """Only those who are on call decide: the word of another person is refused, and nothing is moved."""
    place.tester.decides("approve", approved=True, by="mallory@example.com")

    with pytest.raises(WrongDecisionError, match="may not decide"):
        await place.tester.run(ASKED)
    assert not place.patroni.switches
