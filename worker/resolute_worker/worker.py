"""The worker as a program starts it."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from resolute.execution.secrets import Environment
from resolute.plan.errors import ConfigurationError, ResoluteError
from resolute.plan.provider import NodeDefinition, Provider
from resolute.writing.flow import Flow
from resolute.writing.node import NodeFactory
from resolute_worker.life import OVERTIME, collect_in_small_steps, giving_back_memory, live
from resolute_worker.needs import missing_variables
from resolute_worker.nodes import nodes_beside
from resolute_worker.providers import check_providers
from resolute_worker.release import release_of
from resolute_worker.settings import Settings, load_settings
from resolute_worker.signals import StopSignals

if TYPE_CHECKING:
    from temporalio.client import Client

    from resolute_worker.process import Running

log = logging.getLogger(__name__)


class Worker:
    """A process that runs flows: it polls Temporal, runs nodes, serves webhooks, and deploys schedules.

    Args:
        task_queue: the queue that runs are put on; `RESOLUTE_TASK_QUEUE` if not given.
        flows: what it runs; each name once.
        providers: the providers that the flows' nodes belong to.
        nodes: further nodes, for runs in flight whose flows no longer have them. Those in the same modules as the
            flows' nodes are found automatically.
        settings: everything else; from the environment if not given.
        files: the files that the flows are from; derived from their nodes if not given.

    Example:
        >>> from resolute import flow, manual, node
        >>> @node
        ... def greet(name: str) -> str:
        ...     return f"hello {name}"
        >>> greeting = flow("greeting").triggered_by(manual("greet")).then(greet("you")).build()
        >>> worker = Worker(task_queue="greetings", flows=[greeting])
        >>> worker.settings.task_queue
        'greetings'

    Raises:
        ConfigurationError: two flows have the same name, a provider is missing, or a setting is wrong.
    """

    def __init__(
        self,
        *,
        task_queue: str | None = None,
        flows: Sequence[Flow] = (),
        providers: Sequence[Provider] = (),
        nodes: Sequence[NodeFactory[..., Any] | NodeDefinition] = (),
        settings: Settings | None = None,
        files: Sequence[Path] = (),
    ) -> None:
        given = settings or load_settings()
        self.settings = given.model_copy(update={"task_queue": task_queue}) if task_queue else given
        self.flows = tuple(flows)
        self.files = tuple(files) or tuple(_files_of(self.flows))
        self.providers = tuple(providers)
        self.nodes = tuple(node.definition if isinstance(node, NodeFactory) else node for node in nodes)
        names = [flow.name for flow in self.flows]
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            raise ConfigurationError(f"two flows are called {', '.join(doubled)}: give each a name of its own")
        check_providers(self.flows, self.providers)

    def run(self) -> None:
        """Runs until a signal stops it (SIGTERM, SIGINT or SIGHUP), then ends running work and returns.

        Running nodes have the settings' `shutdown_seconds` to finish, then Temporal gets them back. A node that still
        does not end is named in the log, and the process ends with code 1. A second signal ends it immediately. A
        configuration mistake is written to stderr in one line, and ends the process with code 2.
        """
        from resolute_worker.core_logs import forward_core_logs
        from resolute_worker.logs import mask_handlers, set_up_logs

        environment = Environment()

        async def work(signals: StopSignals) -> None:
            if not logging.getLogger().handlers:
                set_up_logs(environment, self.settings.log_format, self.settings.log_level)
            mask_handlers(environment)
            forward_core_logs(self.settings.metrics_address)
            async with giving_back_memory():
                await self._serve(signals, ready=lambda _: collect_in_small_steps(), environment=environment)

        try:
            live(work, grace=self.settings.shutdown_seconds)
        except ConfigurationError as error:
            _leave(environment.mask(str(error)), 2)
        except ResoluteError as error:
            _leave(environment.mask(str(error)), 1)

    async def serve(
        self,
        *,
        ready: Callable[[Running], None] | None = None,
        stop: asyncio.Event | None = None,
        client: Client | None = None,
        environment: Environment | None = None,
    ) -> None:
        """Like `run`, inside an existing event loop.

        Args:
            ready: called once it polls and serves everything.
            stop: ends it, as a signal does.
            client: a connection to Temporal to use instead of opening one.
            environment: where `env` and `secret` are read (`resolute.execution.secrets.Environment`).

        Raises:
            ConfigurationError: Temporal is unreachable, a port is taken, or a secret is missing.
            EmbeddedServerError: the embedded server died too often.
            WorkLeftError: it has ended, but left running nodes behind.
        """
        with StopSignals(self.settings.shutdown_seconds + OVERTIME) as signals:
            await self._serve(signals, ready=ready, stop=stop, client=client, environment=environment)

    async def _serve(
        self,
        signals: StopSignals,
        *,
        ready: Callable[[Running], None] | None = None,
        stop: asyncio.Event | None = None,
        client: Client | None = None,
        environment: Environment | None = None,
    ) -> None:
        # Loaded by processes that run a worker, not by every program that creates one.
        from resolute_worker.deploying import Load, place_of
        from resolute_worker.process import running

        if missing := missing_variables(self.flows):
            raise ConfigurationError(f"{'; '.join(map(str, missing))}: set it and restart the worker")
        stop = stop or asyncio.Event()
        load = Load(
            flows=self.flows,
            nodes=[*self.nodes, *self._nodes_beside()],
            released=self.released(),
            place=place_of(self.files),
        )
        signals.sets(stop)
        async with running(
            load, settings=self.settings, providers=self.providers, environment=environment, client=client
        ) as worker:
            worker.ends_with(signals)
            if worker.server:
                log.info("embedded Temporal at %s, state in %s", worker.server.address, self.settings.state_dir)
            log.info(
                "worker runs %d flow(s) on task queue %s, %s",
                len(self.flows),
                self.settings.task_queue,
                worker.http.url,
            )
            if ready:
                ready(worker)
            await worker.until(stop)
            log.info("worker is stopping: it takes no new work and lets running nodes finish")

    def _nodes_beside(self) -> list[NodeDefinition]:
        named = {node.name for node in self.nodes}
        # A program that is its own flow file: all its nodes may come from elsewhere.
        program = sys.modules.get("__main__")
        modules = [program] if program is not None and getattr(program, "__file__", None) else []
        return [node for node in nodes_beside(self.flows, modules) if node.name not in named]

    def released(self) -> datetime:
        """When these flows were released; see `Settings.released`."""
        return self.settings.released or release_of(self.files)


def _files_of(flows: Sequence[Flow]) -> list[Path]:
    """The files that flows are from, according to their own nodes, and the program that was started."""
    nodes = [node for flow in flows for node in flow.nodes.values() if not node.provider]
    modules = {node.function.__module__ for node in nodes}
    files = [getattr(sys.modules.get(name), "__file__", None) for name in sorted({*modules, "__main__"})]
    own = Path(__file__).resolve().parents[2]
    found = [Path(file).resolve() for file in files if file]
    return [file for file in found if "site-packages" not in file.parts and own / "resolute" not in file.parents]


def _leave(message: str, code: int) -> NoReturn:
    print(f"resolute: {message}", file=sys.stderr)  # noqa: T201  # the last line of a process
    sys.exit(code)
