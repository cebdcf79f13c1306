"""A running worker: it polls Temporal, serves webhooks and health checks, and has deployed its schedules."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from temporalio.client import Client
from temporalio.runtime import Runtime
from temporalio.worker import Worker as TemporalWorker

from resolute.execution.executor import NodeExecutor
from resolute.execution.secrets import Environment
from resolute.plan.errors import MissingEnvironmentError, ResoluteError
from resolute.plan.provider import Provider
from resolute.temporal.activities.activities import Activities
from resolute.temporal.activities.at_work import AtWork, NodeThreads
from resolute.temporal.activities.loops import NodeLoops
from resolute.temporal.client.buttons import button_maker
from resolute.temporal.client.links import link_maker
from resolute.temporal.leaving import leave, leaving_within
from resolute.temporal.versions import Build
from resolute.temporal.wire.tracing import traced_client
from resolute.temporal.worker import queue_worker, temporal_worker
from resolute.temporal.workflows.meters import Meters
from resolute.writing.flow import Flow
from resolute_worker.backlog import Backlog, waiting_places
from resolute_worker.boarding import Boarding
from resolute_worker.connection import Connection, connected, converting
from resolute_worker.deploying import Load, Schedules, release_of_load, schedules_kept
from resolute_worker.journal import Journal
from resolute_worker.keys import NO_KEYS_NOTE, keys_for_worker, payload_keys, remember
from resolute_worker.life import WorkLeftError, left_behind
from resolute_worker.measuring import Gauges, observer
from resolute_worker.needs import secret_names
from resolute_worker.paging import paging
from resolute_worker.serving.app import http_app, refusal
from resolute_worker.serving.beats import Beats
from resolute_worker.serving.crowd import Crowd
from resolute_worker.serving.deliveries import Deliveries
from resolute_worker.serving.gate_buttons import GateButtons
from resolute_worker.serving.gate_pages import GatePages
from resolute_worker.serving.health import Health
from resolute_worker.serving.inlets import Inlets
from resolute_worker.serving.intake import Intake
from resolute_worker.serving.schemes import verifiers_of
from resolute_worker.serving.server import HttpServer
from resolute_worker.settings import Settings
from resolute_worker.signals import StopSignals
from resolute_worker.spans import traced_process
from resolute_worker.storing import check_store, keep_store
from resolute_worker.switches import SwitchesWatch
from resolute_worker.versioning import begin_with, build_of
from resolute_worker.watch.beats import BeatsWatch
from resolute_worker.watch.bounds import Bounds
from resolute_worker.watch.failed_runs import FailedRunsTeller
from resolute_worker.watch.watcher import MARGIN, watcher_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from resolute_worker.board.board import Board
    from resolute_worker.tracing import Tracing

log = logging.getLogger(__name__)


_OVERTIME: Final = 0.4
"""Seconds beyond the grace period for cancelled work to end."""

_AWAY: Final = 1.0
"""Seconds for a worker to end by itself whose server does not answer."""

_LEISURE: Final = 2.0
"""Seconds of the grace period needed to stop the embedded server gracefully. It loses nothing otherwise either."""


class PollingError(ResoluteError):
    """Temporal no longer gives this worker any work."""


class Running:
    """A running worker, as `running` yields it."""

    def __init__(
        self,
        load: Load,
        providers: Sequence[Provider],
        settings: Settings,
        env: Environment,
        to: Connection,
        at_work: AtWork,
        loops: NodeLoops,
        boarding: Boarding | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        self.providers, self._tracing = providers, tracing
        self._settings = settings
        self.environment = env
        self._connection = to
        self._executor = NodeExecutor.for_flows(load.flows, providers, env, load.nodes)
        self.meters = Meters(Runtime.default().metric_meter if settings.metrics_address else None, paging)
        self._watch_executor()
        self.keys = to.keys
        self.flows = load.flows
        self.activities = Activities(
            load.flows, self._executor, to.keys, at_work=at_work, loops=loops, meters=self.meters, tracer=tracing
        )
        self.deliveries = Deliveries(
            to.client,
            task_queue=settings.task_queue,
            verifiers=verifiers_of(providers),
            environment=env,
            keys=to.keys,
        )
        self.beats = Beats(
            to.client,
            task_queue=settings.task_queue,
            verifiers=verifiers_of(providers),
            environment=env,
            keys=to.keys,
        )
        self.health = Health()
        self.intake = Intake(settings.max_deliveries, reached=self.activities.reached)
        buttons = GateButtons(to.client, to.keys, self.address, asyncio.get_running_loop())
        self.inlets = Inlets(providers, loops, buttons, self.intake)
        self.deliveries.taken = self.beats.taken = self.inlets.paths
        self.board = self._board(boarding) if boarding is not None else None
        self.gates = GatePages(to.client, to.keys, self.intake, Journal(settings, "links"))
        app = http_app(
            self.deliveries,
            self.health,
            self.intake,
            self.gates,
            self._board_app(),
            self.beats,
            self.inlets,
            self.meters,
            tracing,
        )
        crowd = Crowd(refusal=refusal(self.deliveries, self.intake, self.beats, self.meters))
        self.http = HttpServer(app, settings.http_host, settings.http_port, crowd=crowd)
        self.switches = SwitchesWatch(to.client, to.keys)
        env.switches = self.switches.now
        env.links, env.buttons = link_maker(to.keys, self.address), button_maker(to.keys)
        self.polling: asyncio.Task[None] | None = None
        self.schedules = Schedules(to.client, load, settings, to.keys)

    @property
    def client(self) -> Client:
        """The worker's connection to Temporal."""
        return self._connection.client

    def address(self) -> str:
        """The address under which people reach the worker."""
        return self._settings.public_url or self.http.url

    @property
    def server(self) -> Any:
        """The embedded server, if there is one."""
        return self._connection.server

    def _board(self, boarding: Boarding) -> Board:
        # Loaded by workers that serve it alone.
        from resolute_worker.board.board import Board

        return Board(
            self.client,
            self.keys,
            self._settings,
            self.environment,
            boarding,
            temporal_ui=lambda: self.server.ui_url if self.server else None,
        )

    def _board_app(self) -> ASGIApp | None:
        if self.board is None:
            return None
        from resolute_worker.board.app import board_app

        return board_app(self.board)

    def scheduled(self) -> list[str]:
        """The names of the flows whose schedules this worker keeps in Temporal."""
        return [flow.name for flow in self.schedules.flows] if self.schedules else []

    def queues(self) -> list[tuple[str, float]]:
        """Each queue of a provider, and how many nodes of it begin in a second."""
        return [queue for provider in self.providers for queue in provider.queues().items()]

    async def replace(self, load: Load) -> None:
        """Switches to other flows and nodes; runs in flight keep their plans.

        Raises:
            ConfigurationError: the new flows cannot be served, or Temporal is unreachable.
        """
        fresh = NodeExecutor.for_flows(load.flows, self.providers, self.environment, load.nodes)
        # A node that is gone from its file stays for the runs in flight that still refer to it.
        gone = [node for name, node in self._executor.definitions.items() if name not in fresh.definitions]
        self._executor = NodeExecutor.for_flows(load.flows, self.providers, self.environment, [*load.nodes, *gone])
        self._watch_executor()
        self.flows = load.flows
        self.serve(load)
        self.activities.replace(load.flows, self._executor)
        await self.deploy(load)
        await self.beats.deploy()

    def _watch_executor(self) -> None:
        """Measures and traces what the executor runs."""
        self._executor.observe = observer(self.meters) if self._settings.metrics_address else None
        self._executor.traces = self._tracing

    def serve(self, load: Load) -> None:
        """Serves the webhooks and hears the heartbeats of flows from now on.

        Raises:
            ConfigurationError: one of them cannot be served by this worker.
        """
        self.deliveries.replace(load.flows)
        self.beats.replace(load.flows, release_of_load(load, self._settings))

    async def deploy(self, load: Load) -> None:
        """Updates Temporal's schedules to those of the flows.

        Raises:
            ConfigurationError: Temporal is unreachable, or refuses a schedule.
        """
        self._remember_secrets(load.flows)
        self.schedules = Schedules(self.client, load, self._settings, self.keys)
        await self.schedules.deploy()

    def _remember_secrets(self, flows: Sequence[Flow]) -> None:
        """Reads every secret once, so that log lines are masked from the start."""
        for name in secret_names(flow.plan for flow in flows):
            with contextlib.suppress(MissingEnvironmentError):
                self.environment.read("$secret", name)

    def ends_with(self, signals: StopSignals) -> None:
        """Says what the process would leave behind if it were killed."""

        def last_words() -> str:
            left = self.left()
            return left_behind(left) if left else ""

        def end_server() -> None:
            if self.server and self.server.pid:
                os.kill(self.server.pid, signal.SIGTERM)

        signals.last_words = last_words
        signals.on_exit.append(end_server)

    def left(self) -> Sequence[object]:
        """What is still running: nodes, and the SDK's worker itself if it has been asked to stop but has not."""
        nodes = self.activities.at_work.now()
        stuck = self.health.phase == "stopping" and self.polling is not None and not self.polling.done()
        return [*nodes, "a task of the Temporal SDK"] if stuck and not nodes else nodes

    async def until(self, stop: asyncio.Event) -> None:
        """Runs until `stop` is set.

        Raises:
            EmbeddedServerError: the embedded server died too often.
            ConfigurationError: it died of something that a person has to fix: a full disk, a damaged database.
            PollingError: Temporal no longer gives this worker any work.
        """

        async def server_lost() -> None:
            raise await self.server.lost()

        async def polling_ended() -> None:
            if self.polling is not None:
                await asyncio.wait([self.polling])
                raise PollingError(f"the worker cannot continue: {self.polling.exception() or 'it stopped polling'}")

        tasks = [asyncio.create_task(stop.wait()), asyncio.create_task(polling_ended())]
        if self.server:
            tasks.append(asyncio.create_task(server_lost()))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()


@contextlib.asynccontextmanager
async def running(
    load: Load,
    *,
    settings: Settings,
    providers: Sequence[Provider] = (),
    environment: Environment | None = None,
    client: Client | None = None,
    pages: bool = False,
    boarding: Boarding | None = None,
) -> AsyncGenerator[Running]:
    """A worker for the length of an `async with`; inside, it polls and serves everything.

    On exit it stops polling, lets running nodes finish or hands them back, and then closes everything else.

    Args:
        load: what it runs.
        settings: its settings.
        providers: opened once, each on the loop of its nodes.
        environment: where `env` and `secret` are read.
        client: a connection to use instead of the one in the settings.
        pages: whether an embedded server shows Temporal's web interface.
        boarding: how the board is served, where it is not as the settings say.

    Raises:
        ConfigurationError: Temporal is unreachable, a port is taken, or a flow cannot be served.
    """
    at_work, build = AtWork(), build_of(settings, load)
    async with contextlib.AsyncExitStack() as stack:
        if client:
            client = converting(client, settings)
            connection = Connection(client, await keys_for_worker(client, settings))
        else:
            connection = await stack.enter_async_context(connected(settings, pages=pages))
        traces = await stack.enter_async_context(traced_process())
        if traces is not None:
            connection = replace(connection, client=traced_client(connection.client))
        environment = environment or Environment()
        remember(connection.keys, environment, payload_keys(settings))
        if not connection.keys:
            log.warning(NO_KEYS_NOTE)
        await check_store(connection.client)
        # Plain functions run in threads, as many as nodes may run at the same time.
        threads = NodeThreads(at_work, settings.max_activities)
        stack.callback(threads.shutdown, wait=False)
        loops = await stack.enter_async_context(NodeLoops(providers, threads, environment.mask))
        boarding = boarding or (Boarding() if settings.board else None)
        worker = Running(load, providers, settings, environment, connection, at_work, loops, boarding, traces)
        worker.serve(load)
        await worker.deploy(load)
        await worker.switches.begin()
        await stack.enter_async_context(worker.inlets.kept())
        stack.callback(worker.gates.journal.close)
        await stack.enter_async_context(worker.http)
        if worker.board:
            await stack.enter_async_context(worker.board.kept())
        await stack.enter_async_context(_polling(worker, settings, build))
        if build is not None and settings.versioning == "pinned":  # a controller does it by its own rules
            await begin_with(connection.client, build, settings.task_queue, worker.queues())
        await worker.beats.deploy()
        await stack.enter_async_context(schedules_kept(lambda: worker.schedules))
        if worker.server:
            worker.health.write = partial(worker.server.write, connection.client)
        worker.health.client, worker.health.phase = connection.client, "running"
        watching = [
            asyncio.create_task(worker.health.watch(), name="health"),
            asyncio.create_task(worker.switches.watch(), name="switches"),
            asyncio.create_task(_backlog(worker, settings).watch(), name="backlog"),
            asyncio.create_task(worker.beats.keep(), name="heartbeats"),
            asyncio.create_task(keep_store(worker.client), name="stored values"),
            asyncio.create_task(_told_of_failures(worker, settings).watch(), name="failed runs"),
        ]
        watcher = None
        if settings.watch:
            bounds = Bounds(worker.client, settings.task_queue, connection.keys, worker.activities.reached)
            beaten = BeatsWatch(worker.client, worker.beats.places, MARGIN)
            watcher = await stack.enter_async_context(
                watcher_of(worker.client, worker.scheduled, bounds, beaten, settings)
            )
            watching.append(asyncio.create_task(watcher.watch(), name="watcher"))
        if settings.metrics_address:
            found = (lambda: watcher.open) if watcher else tuple
            gauges = Gauges(worker.meters, worker.switches.now, found)
            watching.append(asyncio.create_task(gauges.keep(), name="gauges"))
        try:
            yield worker
        finally:
            for task in watching:
                task.cancel()
    if left := worker.left():
        raise WorkLeftError(left)


def _pollers(worker: Running, settings: Settings, build: Build | None) -> list[TemporalWorker]:
    """One for runs and nodes, and one for each queue of a provider."""
    grace = timedelta(seconds=settings.shutdown_seconds - leaving_within(settings.shutdown_seconds))
    runs = temporal_worker(
        worker.client,
        worker.activities,
        task_queue=settings.task_queue,
        graceful_shutdown=grace,
        max_concurrent_activities=settings.max_activities,
        build=build,
    )
    return [
        runs,
        *(
            queue_worker(
                worker.client,
                worker.activities,
                task_queue=settings.task_queue,
                queue=queue,
                per_second=per_second,
                graceful_shutdown=grace,
                max_concurrent_activities=settings.max_activities,
                build=build,
            )
            for queue, per_second in worker.queues()
        ),
    ]


def _backlog(worker: Running, settings: Settings) -> Backlog:
    return Backlog(
        worker.client,
        waiting_places(settings.task_queue, worker.queues(), settings.max_activities),
        meters=worker.meters,
    )


def _told_of_failures(worker: Running, settings: Settings) -> FailedRunsTeller:
    mask = worker.environment.mask
    return FailedRunsTeller(worker.client, settings.task_queue, worker.keys, lambda: worker.flows, mask)


async def _poll(pollers: Sequence[TemporalWorker]) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for poller in pollers:
                group.create_task(poller.run())
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None


@contextlib.asynccontextmanager
async def _polling(worker: Running, settings: Settings, build: Build | None) -> AsyncGenerator[None]:
    pollers = _pollers(worker, settings, build)
    task = worker.polling = asyncio.create_task(_poll(pollers), name="temporal worker")
    try:
        yield
    finally:
        worker.health.phase = "stopping"
        # Like `poller.shutdown()`, which would wait for an unreachable server if the worker has not started to poll.
        began = monotonic()
        answers = await leave(pollers, task, within=leaving_within(settings.shutdown_seconds))
        # The SDK waits forever for a node that ignores its cancellation, and for a run that cannot be evicted.
        until = began + settings.shutdown_seconds + _OVERTIME
        while not task.done() and (left := until - monotonic()) > 0:
            await asyncio.wait([task], timeout=left if answers else min(left, _AWAY))
            if not answers and not worker.activities.at_work.now():
                worker.polling = None  # it waits for polls that nobody ends, as long as the server is away
                break
        if worker.server and monotonic() - began > settings.shutdown_seconds - _LEISURE:
            worker.server.hurry()
        if task.done() and not task.cancelled() and (error := task.exception()):
            log.debug("polling ended with %s", error)
