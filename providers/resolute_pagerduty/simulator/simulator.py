"""The simulator as users meet it."""

import asyncio
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from resolute.testing.simulating import Faults, Serving

from . import control, render_incident, timeline
from .app import App
from .auth import Credentials
from .builder import Builder
from .clock import Clock
from .delivery import Deliverer, Delivery, Pace
from .engine import Engine, Recorded
from .limits import Limits
from .resources import Incident, Status
from .state import Account, Behaviour
from .transport import InProcess
from .values import Ids, Json
from .world import WORLD, World, hand_out_keys, populate


class Simulator(Builder):
    """A stateful PagerDuty on this machine: REST, Events API v2, webhooks, limits, and faults on request.

    Nothing leaves the machine and nobody is paged, except the webhook receivers that you name.

    Args:
        clock: The time it lives in; real time by default.
        limits: Rate limits; PagerDuty's own by default.
        behaviour: What the documents leave open.
        pace: Timeouts and retries of webhooks.
        seed: Decides all made-up ids and keys; the same seed gives the same ones.

    Example:
        >>> async def main():
        ...     sim = Simulator()
        ...     async with httpx.AsyncClient(transport=sim.transport(), base_url=sim.url) as client:
        ...         headers = {"Authorization": f"Token token={sim.world.account_key}"}
        ...         answer = await client.get("/services", headers=headers)
        ...         return [service["name"] for service in answer.json()["services"]]
        >>> asyncio.run(main())
        ['Checkout', 'Payments API', 'Search']
    """

    world: World = WORLD

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        limits: Limits | None = None,
        behaviour: Behaviour | None = None,
        pace: Pace | None = None,
        seed: str = "simulator",
    ) -> None:
        self.clock = clock or Clock()
        ids = Ids(seed)
        super().__init__(
            Account(
                clock=self.clock,
                ids=ids,
                subdomain=self.world.subdomain,
                base_url="http://simulator",
                behaviour=behaviour or Behaviour(),
                limits=limits or Limits(),
            )
        )
        self.credentials = Credentials(ids, self.world.subdomain)
        self.engine = Engine(self.account, self.credentials, pace or Pace())
        self.engine.router = self.engine.router.extended(control.routes(self.engine, self.reset, self.describe))
        self.app = App(self.engine)
        self.clock.on_change(self._settle)
        self._populate()

    def _populate(self) -> None:
        populate(self, self.world)
        hand_out_keys(self.credentials, self.world)

    def _settle(self) -> None:
        with self.account.changed:
            self.account.settle()
            self.account.changed.notify_all()

    @classmethod
    def serve(
        cls,
        port: int = 0,
        *,
        certfile: Path | str | None = None,
        keyfile: Path | str | None = None,
        clock: Clock | None = None,
        limits: Limits | None = None,
        behaviour: Behaviour | None = None,
        pace: Pace | None = None,
        seed: str = "simulator",
    ) -> "Serving[Simulator]":
        """Serve a new simulator on loopback for the length of a `with` or an `async with`.

        Args:
            port: The port; 0 takes a free one.
            certfile: A certificate, to serve https.
            keyfile: Its key.
            clock: See the class.
            limits: See the class.
            behaviour: See the class.
            pace: See the class.
            seed: See the class.

        Raises:
            OSError: On entering, if the port is taken.
        """
        sim = cls(clock=clock, limits=limits, behaviour=behaviour, pace=pace, seed=seed)
        return Serving(sim, port, certfile, keyfile)

    @property
    def url(self) -> str:
        """The address of the REST API."""
        return self.account.base_url

    def served_at(self, url: str) -> None:
        """Take note of the address that it is served at."""
        self.account.base_url = url
        self.account.renamed()

    @property
    def events_url(self) -> str:
        """The address of the Events API, to which `/v2/enqueue` is added; the same host."""
        return self.account.base_url

    def transport(self) -> httpx.AsyncBaseTransport:
        """Return an httpx transport that asks this simulator without any socket.

        Webhooks are delivered only by a simulator that is served.
        """
        return InProcess(self.app)

    @property
    def faults(self) -> Faults:
        """What goes wrong with the next requests."""
        return self.engine.faults

    @property
    def limits(self) -> Limits:
        """The rate limits."""
        return self.account.limits

    @property
    def requests(self) -> deque[Recorded]:
        """The requests that have come in, oldest first."""
        return self.engine.requests

    @property
    def webhooks(self) -> Deliverer:
        """The deliverer of webhooks, with its pace."""
        return self.engine.deliverer

    @property
    def deliveries(self) -> list[Delivery]:
        """The webhooks that have been sent or wait to be, oldest first."""
        return self.engine.deliverer.deliveries

    def incidents(self, status: Status | None = None) -> list[Incident]:
        """Return the incidents, oldest first."""
        with self.account.changed:
            return [each for each in self.account.state.incidents.values() if status in (None, each.status)]

    def show(self, incident: Incident) -> Json:
        """Return an incident as the REST API shows it."""
        with self.account.changed:
            return dict(render_incident.incident(self.account, incident))

    def announce(self, incident: Incident, event_type: str, data: Json | None = None) -> None:
        """Publish any `incident.*` event to the subscriptions; without `data` it carries the incident."""
        with self._changing() as account:
            timeline.tell(account, incident, event_type.removeprefix("incident."), None, data)

    def wait_for(self, happened: Callable[[], Any], timeout: float = 60.0) -> None:
        """Block until something is true; asked again after every request and every delivery.

        Raises:
            TimeoutError: If it does not become true in time.
        """
        with self.account.changed:
            if not self.account.changed.wait_for(happened, timeout):
                raise TimeoutError(f"this did not happen within {timeout:g} seconds: {happened}")

    async def until(self, happened: Callable[[], Any], timeout: float = 60.0) -> None:  # noqa: ASYNC109 - as wait_for
        """Wait until something is true, as `wait_for` does, without blocking the event loop.

        Raises:
            TimeoutError: If it does not become true in time.
        """
        await asyncio.to_thread(self.wait_for, happened, timeout)

    def reset(self) -> None:
        """Start over: the initial data, no requests, no faults, no deliveries."""
        with self.account.changed:
            self.account.reset()
            self.engine.faults.clear()
            self.engine.requests.clear()
            self.engine.deliverer.clear()
            self._populate()

    def describe(self) -> Json:
        """Return addresses, keys and ids, for people and scripts that use the simulator by hand."""
        world = self.world
        return {
            "url": self.url,
            "events_url": self.events_url,
            **{name: getattr(world, name) for name in World.__dataclass_fields__},
        }
