"""The way from a worker to the simulated PagerDuty, in process: requests arrive, are lost, refused, or come late."""

from __future__ import annotations

import json
from contextvars import ContextVar
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from pydantic import SecretStr

from resolute.memory.clock import START
from resolute.plan.context import current_call
from resolute.testing.simulating import Request as Arrived
from resolute_pagerduty import PagerDuty, PagerDutyConfig
from resolute_pagerduty.account.account import Account
from resolute_pagerduty.account.doubt import USUAL_SETTLE
from resolute_pagerduty.errors import UnreachableError
from resolute_pagerduty.http.exchange import Answer, Request
from resolute_pagerduty.simulator import Simulator
from resolute_pagerduty.simulator.clock import Clock
from resolute_pagerduty.simulator.limits import Limits
from tests.simulation.checker import Effect, Opened
from tests.simulation.orders import Sent

if TYPE_CHECKING:
    from tests.simulation.chance import Chance
    from tests.simulation.server import Server

LIFE: Final[ContextVar[int]] = ContextVar("life", default=0)
"""The life of the worker in which this code runs: one that has died sends nothing any more."""

_ON_ITS_WAY: Final = USUAL_SETTLE - 5.0
"""Seconds within which PagerDuty carries out what a worker has sent that died, where it adds something."""

PATIENCE: Final = 30.0
"""Seconds for which a client waits for an answer, as the real one does."""


class InProcess(PagerDuty):
    """The provider, whose requests go through a network without sockets. One serves any number of worlds."""

    def __init__(self) -> None:
        self.simulator = Simulator(clock=Clock(START), limits=Limits.none())
        world = self.simulator.world
        config = PagerDutyConfig(
            api_key=SecretStr(world.account_key),
            routing_key=SecretStr(world.routing_key),
            from_email=world.from_email,
        )
        super().__init__(config)
        self.network: Network | None = None
        self._account = Account("default", config, prefix="PAGERDUTY_", transport=self, guard=self.guard)
        self._open = {"default": self._account}
        self.incident = self.prepare()

    def prepare(self) -> str:
        """Gives the simulator its first state: with one incident, whose id is the same each time."""
        self.simulator.reset()
        return self.simulator.add_incident("Something", self.simulator.world.service).id

    async def send(self, request: Request) -> Answer:
        """Carries a request; see `Transport`."""
        assert self.network is not None, "no world is at work"
        return await self.network.send(request)


class Network:
    """The requests of one world. `effects` are those that were carried out, and `incidents` what came of them."""

    def __init__(self, server: Server, provider: InProcess) -> None:
        self.effects: list[Effect] = []
        self.incidents: dict[str, list[Opened]] = {}
        self._server = server
        self._provider = provider
        self._simulator = provider.simulator
        self._is_new = True
        provider.network = self

    async def send(self, request: Request) -> Answer:
        """Sends a request of the call that this code runs in, and gives what is answered.

        Raises:
            UnreachableError: the request or its answer is lost.
        """
        server, call, life = self._server, current_call(), LIFE.get()
        if life != server.life:
            await server.never()
        chance = server.chance
        server.say(f"{call.run_id} {call.step} sends {request.what} (attempt {call.attempt})")
        if server.people.are_there and request.method != "GET":
            server.sent.append(Sent(at=server.tick(), run=call.run_id, step=call.step, what=request.what))
        if request.method == "GET":
            server.people.meet("a read", server)
        if chance.happens("request never arrives"):
            await self._wait(chance.lag(PATIENCE), life)
            raise UnreachableError(f"{request.what}: no connection", sent=False)
        await server.sleep(chance.lag())
        writes = request.method != "GET"
        dies = writes and life == server.life and server.is_well and self._dies(request)
        if dies:
            server.die()
        if dies or life != server.life:
            if chance.draw.random() < 0.5:  # it was on its way when the worker died
                late = 0.0 if request.path == "/v2/enqueue" else _late(chance) * _ON_ITS_WAY
                server.loop.call_later(late, self._carry_out, request, call.run_id, call.step)
            await server.never()
        if chance.happens("request refused"):
            return Answer(status=chance.draw.choice((500, 503)), headers={}, content=b"{}")
        if chance.happens("request throttled"):
            return Answer(status=429, headers={}, content=b"{}")
        # PagerDuty has no way to refuse a late event: TriggerEvent says what remains.
        if writes and request.path != "/v2/enqueue" and chance.happens("request arrives late"):
            server.loop.call_later(
                PATIENCE + _late(chance) * (_ON_ITS_WAY - PATIENCE),
                self._carry_out,
                request,
                call.run_id,
                call.step,
            )
            await self._wait(PATIENCE, life)
            raise UnreachableError(f"{request.what}: no answer in time", sent=True)
        answer = self._carry_out(request, call.run_id, call.step)
        if chance.happens("death in a request"):
            server.die()
            await server.never()
        if chance.happens("answer to a request lost"):
            await self._wait(PATIENCE, life)
            raise UnreachableError(f"{request.what}: no answer in time", sent=True)
        if chance.happens("gateway hangs up"):
            return Answer(status=504, headers={}, content=b"<html>")
        await self._wait(chance.lag(), life)
        return answer

    def _dies(self, request: Request) -> bool:
        """Whether the worker dies while a request is on the way."""
        server, sort = self._server, "death on the way"
        if request.path != "/v2/enqueue" and server.people.is_deadly():
            server.people.meet("a death", server)
            server.chance.faults[sort] += 1
            return True
        return server.chance.happens(sort)

    async def _wait(self, seconds: float, life: int) -> None:
        """Lets time pass for code of a life of the worker, which goes on only in that life."""
        await self._server.sleep(seconds)
        if life != self._server.life:
            await self._server.never()

    def _carry_out(self, request: Request, run: str, step: str) -> Answer:
        sim, at = self._simulator, self._server.tick()
        if self._is_new:
            self._provider.prepare()
            self._is_new = False
        sim.clock.freeze(START + timedelta(seconds=self._server.loop.time()))
        key, does, adds = self._meaning(request)
        before = key in self._open()
        raw = b"" if request.body is None else json.dumps(request.body).encode()
        headers = dict(request.headers)
        query = urlencode(list(request.query))
        arrived = Arrived(method=request.method, path=request.path, query=query, headers=headers, body=raw)
        reply = sim.engine.answer(arrived)
        if does and 200 <= reply.status < 300:
            self._server.say(f"PagerDuty: {does} {key} for {run} {step} [{at}]")
            self.effects.append(Effect(at=at, run=run, step=step, does=does, key=key, adds=adds))
            self._note(key, before=before, now=key in self._open(), at=at)
        body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        return Answer(status=reply.status, headers=reply.headers, content=body)

    def _open(self) -> set[str]:
        return {key for _, key in self._simulator.account.state.open_alerts}

    def _note(self, key: str, *, before: bool, now: bool, at: int) -> None:
        if now and not before:
            self.incidents.setdefault(key, []).append(Opened(key=key, opened=at))
        elif before and not now:
            last = self.incidents[key].pop()
            self.incidents[key].append(Opened(key=key, opened=last.opened, closed=at))

    def _meaning(self, request: Request) -> tuple[str, str, bool]:
        """What a request is about, what it does, and whether it adds something; nothing where it reads."""
        if request.path == "/v2/enqueue":
            return request.body["dedup_key"], request.body["event_action"], False
        if request.method == "POST" and request.path.endswith("/notes"):
            return request.body["note"]["content"], "note", True
        if request.method == "DELETE":
            return request.path, "delete", False
        return "", "", False


def _late(chance: Chance) -> float:
    """How late something is, of the latest that it may be: mostly very late."""
    return 1.0 - chance.draw.random() ** 2
