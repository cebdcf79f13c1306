"""The development setup: Temporal, worker, webhooks and optionally a simulated PagerDuty; it reloads changed flows."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from watchfiles import PythonFilter, awatch  # pyright: ignore[reportUnknownVariableType]  # trio is optional there

from resolute.execution.secrets import Environment
from resolute.plan.errors import ConfigurationError, ResoluteError
from resolute.plan.triggers import Manual, Webhook
from resolute_worker.boarding import BOARD, Boarding
from resolute_worker.core_logs import forward_core_logs
from resolute_worker.deploying import Load, place_of
from resolute_worker.discovery import Discovery, discover, forget
from resolute_worker.life import live
from resolute_worker.logs import set_up_logs
from resolute_worker.needs import missing_variables
from resolute_worker.nodes import nodes_beside
from resolute_worker.process import Running, running
from resolute_worker.providers import check_providers, providers_for
from resolute_worker.settings import Settings
from resolute_worker.signals import StopSignals

if TYPE_CHECKING:
    from resolute.plan.provider import Provider
    from resolute_pagerduty.simulator import Simulator

_REAL: Final = "PAGERDUTY_"
_DEFAULT_PORT: Final = 7233


class DevSet:
    """Everything that flows need, on this machine, until Ctrl-C."""

    def __init__(
        self, paths: Sequence[Path], settings: Settings, *, simulator_port: int | None, say: Callable[[str], None]
    ) -> None:
        self._paths = paths
        # Its server is its own, so deleting a flow here removes its schedule; never those of other folders.
        if settings.versioning != "none":
            raise ConfigurationError("resolute dev changes its code as it goes: unset RESOLUTE_VERSIONING")
        owner = settings.worker_set or "dev:" + os.pathsep.join(sorted(str(path.resolve()) for path in paths))
        self._settings = settings.model_copy(update={"worker_set": owner})
        self._simulator_port = simulator_port
        self._say = say
        self._providers: list[Provider] = []

    def run(self) -> None:
        """Runs until a signal stops it: SIGTERM, SIGINT or SIGHUP.

        Raises:
            ConfigurationError: there is no flow, a port is taken, or the embedded server is not installed.
            EmbeddedServerError: the embedded server died too often.
        """
        live(self._serve, grace=self._settings.shutdown_seconds)

    async def _serve(self, signals: StopSignals) -> None:
        # Python would not notice an edit in the same second and of the same length, and use the old compiled file.
        sys.dont_write_bytecode = True
        environment, stop = Environment(), asyncio.Event()
        set_up_logs(environment, self._settings.log_format, self._settings.log_level)
        forward_core_logs(self._settings.metrics_address)
        async with contextlib.AsyncExitStack() as stack:
            signals.sets(stop)
            sim: Simulator | None = None
            if self._simulator_port is not None:
                sim = await stack.enter_async_context(_simulated_pagerduty(self._simulator_port))
            found = self._discovered()
            self._providers = providers_for(found.modules)
            check_providers([each.flow for each in found.flows], self._providers)
            worker = await stack.enter_async_context(
                running(
                    _load(found),
                    settings=self._settings,
                    providers=self._providers,
                    environment=environment,
                    pages=True,
                    boarding=Boarding(is_open=True, simulator=sim),
                )
            )
            worker.ends_with(signals)
            self._greet(worker, found, sim)
            watching = asyncio.create_task(self._watch(worker, stop))
            await worker.until(stop)
            self._say("stopping")
            await watching

    def _discovered(self) -> Discovery:
        found = discover(self._paths)
        self._tell_mistakes(found)
        if not found.flows:
            names = ", ".join(map(str, self._paths))
            raise ConfigurationError(
                f"no valid flow in {names}: a flow is the result of .build(), at the top level of a file"
            )
        return found

    def _tell_mistakes(self, found: Discovery) -> None:
        for mistake in found.mistakes:
            self._say(f"{mistake.place}: {mistake.message}")

    async def _watch(self, worker: Running, stop: asyncio.Event) -> None:
        async for _ in awatch(*self._paths, watch_filter=PythonFilter(), stop_event=stop, debounce=400):
            try:
                await self._reload(worker)
            except ResoluteError as error:
                self._say(f"not reloaded: {error}")

    async def _reload(self, worker: Running) -> None:
        forget(self._paths)
        found = discover(self._paths)
        if found.mistakes:
            self._tell_mistakes(found)
            self._say("not reloaded: the previous version keeps running")
            return
        flows = [each.flow for each in found.flows]
        check_providers(flows, self._providers)
        await worker.replace(_load(found))
        self._say(f"reloaded: {', '.join(flow.name for flow in flows)}")
        self._tell_missing(found)

    def _greet(self, worker: Running, found: Discovery, sim: Simulator | None) -> None:
        if worker.server:
            self._say(f"Temporal    {worker.server.ui_url or worker.server.address}  (runs, step by step)")
        self._say(f"Board       {worker.http.url}{BOARD}")
        self._say(f"Worker      {worker.http.url}  (task queue {self._settings.task_queue})")
        if sim is not None:
            self._say(f"PagerDuty   {sim.url}  (simulated: nobody is paged)")
        for each in found.flows:
            triggers = ", ".join(trigger.text for trigger in each.flow.plan.triggers)
            self._say(f"Flow        {each.flow.name}  {triggers}")
            for trigger in each.flow.plan.triggers:
                if isinstance(trigger, Webhook) and sim is not None and trigger.verify.get("scheme") == "pagerduty":
                    sim.add_webhook(worker.http.url + trigger.path, secret=sim.world.webhook_secret)
        self._tell_missing(found)
        self._tell_addresses(worker, sim)
        plans = [each.flow.plan for each in found.flows]
        by_hand = [plan.name for plan in plans if any(isinstance(trigger, Manual) for trigger in plan.triggers)]
        self._say(f"Ready. Start a run: resolute run {[*by_hand, plans[0].name][0]}")
        self._say("Edited flows are reloaded. Ctrl-C stops everything; runs in flight continue at the next start.")

    def _tell_addresses(self, worker: Running, sim: Simulator | None) -> None:
        """What other terminals must set, if it is not the default."""
        if worker.server and worker.server.port != _DEFAULT_PORT:
            self._say(f"In other terminals: export TEMPORAL_ADDRESS={worker.server.address}")
        if sim is not None:
            variables = " ".join(f"{name}={value}" for name, value in _variables_of(sim).items())
            self._say(f"In other terminals: export {variables}")

    def _tell_missing(self, found: Discovery) -> None:
        for missing in missing_variables([each.flow for each in found.flows]):
            self._say(
                f"Not set     {missing}: a step that reads it fails; add it to .env or export it, then restart dev"
            )


def _load(found: Discovery) -> Load:
    flows = [each.flow for each in found.flows]
    # Here the newest edit is the release; a deployed worker derives it from its files.
    nodes = nodes_beside(flows, found.modules)
    return Load(flows=flows, nodes=nodes, released=datetime.now(UTC), place=place_of(found.files))


@contextlib.asynccontextmanager
async def _simulated_pagerduty(port: int) -> AsyncGenerator[Simulator]:
    """A simulator that stands in for every account of this process: settings for the real PagerDuty are removed."""
    from resolute_pagerduty.simulator import Simulator

    async with contextlib.AsyncExitStack() as stack:
        try:
            sim = await stack.enter_async_context(Simulator.serve(port))
        except OSError as error:
            raise ConfigurationError(
                f"the simulator cannot start on port {port} ({error.strerror}): "
                "choose another --simulator-port, or 0 for a free one"
            ) from None
        for name in [name for name in os.environ if name.startswith(_REAL)]:
            del os.environ[name]
        os.environ.update(_variables_of(sim))
        yield sim


def _variables_of(sim: Simulator) -> dict[str, str]:
    """The variables that make a process use the simulator."""
    return {
        "PAGERDUTY_API_URL": sim.url,
        "PAGERDUTY_EVENTS_URL": sim.events_url,
        "PAGERDUTY_IDENTITY_URL": sim.url,
        "PAGERDUTY_API_KEY": sim.world.account_key,
        "PAGERDUTY_FROM_EMAIL": sim.world.from_email,
        "PAGERDUTY_ROUTING_KEY": sim.world.routing_key,
        "PAGERDUTY_WEBHOOK_SECRET": sim.world.webhook_secret,
    }
