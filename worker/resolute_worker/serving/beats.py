"""Heartbeats that the flows of a worker wait for: beats are verified and handed on, and the heartbeats deployed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Final

from temporalio.client import Client
from temporalio.service import RPCError

from resolute.execution.secrets import Environment
from resolute.plan.beats import Heartbeat
from resolute.plan.errors import ConfigurationError, FlowError
from resolute.plan.provider import Verifier
from resolute.plan.triggers import Webhook
from resolute.running.messages import MessageRefusedError
from resolute.running.shared.asking import Asking
from resolute.running.shared.attendance import ATTENDANCE, EVERY, HERE
from resolute.temporal.client.beat_changes import may_begin, terms_of, without_a_flow
from resolute.temporal.client.beating import find_heartbeat, list_heartbeats, remove_heartbeat, tell_heartbeat
from resolute.temporal.client.sharing import ask_shared_once
from resolute.temporal.schedules.change import Release
from resolute.temporal.trust.seals import PlanKeys
from resolute.temporal.workflows.beats import BEAT, EXPECT
from resolute.writing.flow import Flow
from resolute_worker.serving.deliveries import PATIENCE, use_of
from resolute_worker.serving.outcomes import Outcome, Proofs
from resolute_worker.serving.schemes import BEHIND_PATH
from resolute_worker.serving.seldom import Seldom

log = logging.getLogger(__name__)

_ROUNDS_BETWEEN_LOOKS: Final = 15
"""Words of attendance between two looks for heartbeats that are gone: five minutes."""

_DEPLOYING: Final = timedelta(seconds=10)


@dataclass(frozen=True)
class Beaten:
    """A heartbeat of a flow."""

    flow: Flow
    beat: Heartbeat

    @property
    def place(self) -> tuple[str, str]:
        """What tells it from all others."""
        return self.flow.name, self.beat.path


def heartbeats_of(flows: Iterable[Flow]) -> list[Beaten]:
    """The heartbeats of flows."""
    return [Beaten(flow, trigger) for flow in flows for trigger in flow.plan.triggers if isinstance(trigger, Heartbeat)]


class Beats:
    """The heartbeats of a worker's flows. `replace` swaps them while the server keeps running.

    A beat that follows another within a moment is answered without Temporal, so that a flood of them costs nothing.
    """

    def __init__(
        self,
        client: Client,
        *,
        task_queue: str,
        verifiers: Mapping[str, Verifier],
        environment: Environment,
        keys: PlanKeys,
        every: float = EVERY,
    ) -> None:
        self._client = client
        self._task_queue = task_queue
        self._keys = keys
        self._every = every
        self._say = Seldom(log)
        self._proofs = Proofs(verifiers, environment, self._say)
        self.taken: Mapping[str, str] = {}
        """The paths of the worker's providers, which no flow can have, and the provider behind each."""
        self._routes: dict[str, tuple[Beaten, ...]] = {}
        self._release: Release | None = None
        self._heard: dict[tuple[str, str], tuple[float, asyncio.Task[Outcome]]] = {}
        self._deployed: set[tuple[str, str]] = set()

    def replace(self, flows: Sequence[Flow], release: Release) -> None:
        """Hears the heartbeats of these flows from now on.

        Raises:
            ConfigurationError: one cannot be heard by this worker.
        """
        routes: dict[str, tuple[Beaten, ...]] = {}
        webhooks = {each.path for flow in flows for each in flow.plan.triggers if isinstance(each, Webhook)}
        for each in heartbeats_of(flows):
            path = each.beat.path
            if use := use_of(path, self.taken) or ("is that of a webhook" if path in webhooks else ""):
                raise ConfigurationError(f"flow {each.flow.name!r}: path {path} {use}; choose another one")
            self._proofs.check(each.flow.name, each.beat.verify)
            routes[path] = (*routes.get(path, ()), each)
        self._routes, self._release = routes, release
        self._heard, self._deployed = {}, set()

    def places(self) -> list[tuple[str, str]]:
        """The flows and paths of the heartbeats."""
        return [each.place for routes in self._routes.values() for each in routes]

    def hears(self, path: str) -> bool:
        """Whether a request to a path is a beat."""
        return bool(self._at(path)[0])

    def _at(self, path: str) -> tuple[tuple[Beaten, ...], str]:
        """The heartbeats at a path, and the token behind it."""
        if routes := self._routes.get(path):
            return routes, ""
        before, _, token = path.rpartition("/")
        behind = (each for each in self._routes.get(before, ()) if each.beat.verify.get("scheme") == "path_token")
        return tuple(behind), token

    async def beat(self, path: str, headers: Mapping[str, str]) -> list[Outcome]:
        """Hands a beat on to every flow behind a path. Header names are in lower case."""
        routes, token = self._at(path)
        given = {**headers, BEHIND_PATH: token}
        return list(await asyncio.gather(*(self._taken(each, given) for each in routes)))

    async def _taken(self, beaten: Beaten, headers: Mapping[str, str]) -> Outcome:
        flow, beat = beaten.flow.name, beaten.beat
        judged = self._proofs.judged(flow, f"heartbeat {beat.path}", beat.verify, headers, b"")
        if isinstance(judged, Outcome):
            return judged
        until, task = self._heard.get(beaten.place, (0.0, None))
        if task is None or task.cancelled() or (task.done() and (task.result().status != 200 or monotonic() > until)):
            task = asyncio.create_task(self._hand_on(beaten))
            self._heard[beaten.place] = (monotonic() + min(1.0, beat.every_seconds / 10), task)
        # Shielded: somebody else may wait for the same, and who does not wait for the answer has beaten as well.
        return await asyncio.shield(task)

    async def _hand_on(self, beaten: Beaten) -> Outcome:
        flow, path = beaten.place
        try:
            async with asyncio.timeout(PATIENCE):
                await self._tell(beaten, BEAT, timedelta(seconds=PATIENCE))
        except TimeoutError:
            self._say(logging.ERROR, "heartbeat %s not taken: %.0f s were not enough", path, PATIENCE, flow=flow)
            return Outcome(flow, "unavailable", 503)
        except (RPCError, MessageRefusedError) as error:
            self._say(logging.ERROR, "heartbeat %s not taken: Temporal: %s", path, error, flow=flow)
            return Outcome(flow, "unavailable", 503)
        return Outcome(flow, "heard", 200)

    async def _tell(self, beaten: Beaten, word: str, patience: timedelta) -> str:
        release = self._release
        if release is None:
            return ""
        terms = terms_of(beaten.beat, release)
        flow, path = beaten.place
        told = await tell_heartbeat(
            self._client, flow, path, word, terms, task_queue=self._task_queue, keys=self._keys, patience=patience
        )
        return str(told["kept"])

    async def deploy(self) -> None:
        """Makes Temporal's heartbeats equal to those of the flows, and says so in the log.

        What Temporal does not take now is tried again by `keep`.
        """
        try:
            await self._deploy()
        except (RPCError, MessageRefusedError) as error:
            log.warning("heartbeats are not all deployed yet: %s", error)

    async def _deploy(self) -> None:
        release = self._release
        if release is None:
            return
        own = [each for routes in self._routes.values() for each in routes]
        for each in own:
            if each.place in self._deployed or not await may_begin(self._client, *each.place, release):
                continue
            flow = {"flow": each.flow.name}
            if kept := await self._tell(each, EXPECT, _DEPLOYING):
                log.warning("heartbeat %s left unchanged: %s", each.beat.path, kept, extra=flow)
            self._deployed.add(each.place)
        places = {each.place for each in own}
        for other in await list_heartbeats(self._client, task_queue=self._task_queue):
            if (other.flow, other.path) in places:
                continue
            action, flow = without_a_flow(other, release), {"flow": other.flow}
            if action == "removed":
                await remove_heartbeat(self._client, other, keys=self._keys, patience=_DEPLOYING)
                log.warning("heartbeat %s removed: it is gone from its worker set", other.path, extra=flow)
            elif action == "orphaned":
                hint = "if no worker has its flow any longer, remove it with resolute beats delete"
                log.warning("heartbeat %s without a flow here: it stays; %s", other.path, hint, extra=flow)

    async def keep(self) -> None:
        """Says again and again that beats can be heard here, and puts back what has gone missing; never ends."""
        rounds = 0
        while True:
            if self._routes:
                await self._attend()
                rounds += 1
                if rounds % _ROUNDS_BETWEEN_LOOKS == 0:
                    await self._look()
                await self.deploy_rest()
            await asyncio.sleep(self._every)

    async def deploy_rest(self) -> None:
        """Deploys what could not be deployed before."""
        if any(each.place not in self._deployed for routes in self._routes.values() for each in routes):
            await self.deploy()

    async def _attend(self) -> None:
        asking = Asking(step="", of=ATTENDANCE, word=HERE, data={})
        try:
            await ask_shared_once(self._client, self._task_queue, asking, keys=self._keys)
        except (RPCError, FlowError) as error:
            log.debug("Temporal does not know that beats can be heard here: %s", error)

    async def _look(self) -> None:
        """Finds heartbeats of this worker that are gone from Temporal."""
        for routes in self._routes.values():
            for each in routes:
                try:
                    if await find_heartbeat(self._client, *each.place) is None:
                        self._deployed.discard(each.place)
                        log.warning("heartbeat was missing and is deployed again", extra={"flow": each.flow.name})
                except RPCError as error:
                    log.debug("heartbeat %s could not be looked at: %s", each.beat.path, error)
                    return
