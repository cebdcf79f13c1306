"""The command that gives agents tools."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resolute.execution.executor import NodeExecutor
from resolute.plan.errors import ConfigurationError, TemporalUnreachableError
from resolute.plan.provider import Provider
from resolute.writing.flow import Flow
from resolute_worker.cli.loading import Paths, paths_or_default, tell_mistakes
from resolute_worker.cli.saying import say
from resolute_worker.discovery import discover
from resolute_worker.settings import Settings, load_settings

if TYPE_CHECKING:
    from temporalio.client import Client

    from resolute.temporal.trust.seals import PlanKeys

log = logging.getLogger(__name__)

TOKEN = "RESOLUTE_MCP_TOKEN"  # noqa: S105  # the variable's name


@dataclass(frozen=True, kw_only=True)
class _Offer:
    """What agents get.

    `bounds` are the providers as the environment describes them: their grants apply in addition to those that a file
    of flows gives to its own providers.
    """

    providers: Sequence[Provider]
    bounds: Sequence[Provider]
    flows: Sequence[Flow]
    writes: bool
    settings: Settings
    patience: float
    size: int


def mcp(
    paths: Paths = None,
    http: Annotated[
        bool, typer.Option("--http", help=f"Serve HTTP on loopback instead of stdio; {TOKEN} asks clients for a token.")
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port for --http; 0 chooses a free port.")] = 8765,
    enable_write_tools: Annotated[
        bool,
        typer.Option(
            "--enable-write-tools",
            help="Also offer flows and tools that make changes, within the grants; a worker performs each call once.",
        ),
    ] = False,
    task_queue: Annotated[
        str | None, typer.Option(help="The task queue of the workers (RESOLUTE_TASK_QUEUE).", show_default=False)
    ] = None,
    wait: Annotated[
        float, typer.Option(min=1, help="Seconds to wait for a run before reporting that it is still running.")
    ] = 45,
    max_result: Annotated[int, typer.Option(min=1000, help="Maximum length of one result, in characters.")] = 30_000,
) -> None:
    """Serve tools to AI agents (Model Context Protocol).

    The tools read from PagerDuty. With --enable-write-tools they can also make changes and start flows.
    """
    from resolute.execution.secrets import Environment
    from resolute_worker.logs import set_up_logs
    from resolute_worker.providers import KNOWN

    settings = load_settings(task_queue=task_queue)
    environment = Environment()
    set_up_logs(environment, settings.log_format, settings.log_level)
    providers, flows = _found(paths, with_flows=enable_write_tools)
    offer = _Offer(
        providers=providers,
        bounds=[known.from_env() for known in KNOWN.values()],
        flows=flows,
        writes=enable_write_tools,
        settings=settings,
        patience=wait,
        size=max_result,
    )
    if not http:
        # A thread waits for the next line of stdin and would keep the process alive until then.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    asyncio.run(_serve(offer, NodeExecutor([], providers, environment), port if http else None))


def _found(paths: Sequence[Path] | None, *, with_flows: bool) -> tuple[list[Provider], list[Flow]]:
    """The providers, and the flows of the paths; a broken file is reported, the others are used."""
    from resolute_worker.providers import KNOWN, providers_for

    given = [path for path in paths_or_default(paths) if paths or path.exists()] if with_flows or paths else []
    found = discover(given)
    tell_mistakes(found)
    providers = {provider.name: provider for provider in providers_for(found.modules)}
    for name, known in KNOWN.items():
        if name not in providers and (provider := known.from_env()).ready:
            providers[name] = provider
    return list(providers.values()), [each.flow for each in found.flows]


async def _serve(offer: _Offer, executor: NodeExecutor, port: int | None) -> None:
    from resolute_worker.agents.durable import Durable
    from resolute_worker.agents.flows import flow_tools, within_grants
    from resolute_worker.agents.reads import read_tools
    from resolute_worker.agents.server import agent_server, serve_stdio, serving_http
    from resolute_worker.agents.tools import ACTOR
    from resolute_worker.agents.writes import write_tools
    from resolute_worker.calling import Caller
    from resolute_worker.signals import stopping_signals

    caller = Caller(executor, ACTOR, log.info)
    async with AsyncExitStack() as stack:
        for provider in offer.providers:
            await stack.enter_async_context(provider)
        tools = [
            tool for each in offer.providers for tool in read_tools(each, caller, size=offer.size, bounds=offer.bounds)
        ]
        if offer.writes:
            client = await _client(offer.settings)
            durable = Durable(
                client=client,
                task_queue=offer.settings.task_queue,
                keys=await _keys(client, offer.settings),
                patience=offer.patience,
                size=offer.size,
            )
            tools += [tool for each in offer.providers for tool in write_tools(each, durable, bounds=offer.bounds)]
            tools += flow_tools(within_grants(offer.flows, [*offer.providers, *offer.bounds]), durable)
        server = agent_server(tools)
        writing = sum(tool.writes for tool in tools)
        if port is None:
            log.info("%d tools, %d of them can write, on stdio", len(tools), writing)
            await serve_stdio(server)
            return
        stop = asyncio.Event()
        with stopping_signals(stop):
            async with serving_http(server, port, token=os.environ.get(TOKEN)) as url:
                say(f"{len(tools)} tools, {writing} of them write, at {url}")
                await stop.wait()


async def _client(settings: Settings) -> Client:
    from resolute_worker.connection import checked_client

    try:
        return await checked_client(settings)
    except TemporalUnreachableError as error:
        raise ConfigurationError(
            f"{error}. A worker on Temporal performs the writes: start one, or leave out --enable-write-tools"
        ) from None


async def _keys(client: Client, settings: Settings) -> PlanKeys:
    from resolute_worker.keys import keys_for_client

    keys = await keys_for_client(client, settings)
    if not keys:
        raise ConfigurationError(
            "a worker performs agents' writes, and trusts only sealed plans: set RESOLUTE_PLAN_KEYS to its "
            "keys (with an embedded server, RESOLUTE_STATE_DIR to its state folder), or leave --enable-write-tools out"
        )
    return keys
