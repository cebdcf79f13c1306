"""Commands that keep running: worker, dev, simulator; and the demo, which ends on its own."""

from __future__ import annotations

import ssl
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from resolute.plan.errors import ConfigurationError
from resolute_worker.cli.loading import Paths, loaded, paths_or_default
from resolute_worker.cli.saying import say
from resolute_worker.settings import load_settings

TaskQueue = Annotated[
    str | None, typer.Option(help="The task queue for runs (RESOLUTE_TASK_QUEUE).", show_default=False)
]
HttpPort = Annotated[
    int | None,
    typer.Option(help="Port for webhooks and health checks; 0 chooses a free port (RESOLUTE_HTTP_PORT).", min=0),
]


def worker(
    paths: Paths = None,
    task_queue: TaskQueue = None,
    http_port: HttpPort = None,
    embedded: Annotated[
        bool | None, typer.Option(help="Start an embedded Temporal server (RESOLUTE_EMBEDDED).", show_default=False)
    ] = None,
    board: Annotated[
        bool | None, typer.Option(help="Serve the board, at /board/ (RESOLUTE_BOARD).", show_default=False)
    ] = None,
) -> None:
    """Run flows: poll Temporal, serve webhooks, deploy schedules."""
    from resolute_worker.nodes import nodes_beside
    from resolute_worker.providers import providers_for
    from resolute_worker.worker import Worker

    settings = load_settings(task_queue=task_queue, http_port=http_port, embedded=embedded, board=board)
    found = loaded(paths)
    flows = [each.flow for each in found.flows]
    Worker(
        flows=flows,
        providers=providers_for(found.modules),
        nodes=nodes_beside(flows, found.modules),
        settings=settings,
        files=found.files,
    ).run()


def dev(
    paths: Paths = None,
    simulator: Annotated[bool, typer.Option("--simulator", help="Use a simulated PagerDuty: nobody is paged.")] = False,
    simulator_port: Annotated[int, typer.Option(help="Port of the simulator; 0 chooses a free port.", min=0)] = 8090,
    port: Annotated[int | None, typer.Option(help="Port of Temporal; 0 chooses a free port.", min=0)] = None,
    http_port: HttpPort = None,
) -> None:
    """Run Temporal, worker and webhooks on this machine; reload flows when they change."""
    from resolute_worker.dev import DevSet
    from resolute_worker.dotenv import read_dotenv

    if names := read_dotenv(Path.cwd()):
        say(f"Read .env: {', '.join(names)}")
    settings = load_settings(http_port=http_port, embedded_port=port, embedded=True, log_level=None)
    chosen = simulator_port if simulator else None
    DevSet(paths_or_default(paths), settings, simulator_port=chosen, say=say).run()


class Simulated(StrEnum):
    """A service that has a simulator."""

    pagerduty = "pagerduty"
    slack = "slack"


def simulator(
    provider: Annotated[Simulated, typer.Argument(help="Which service.")] = Simulated.pagerduty,
    port: Annotated[int, typer.Option(help="Port on loopback; 0 chooses a free port.", min=0)] = 8090,
    rate_limit: Annotated[
        int | None, typer.Option(help="PagerDuty: REST requests per minute (960); 0 for no limit.", min=0)
    ] = None,
    webhook_url: Annotated[
        str | None,
        typer.Option(help="Deliver to this URL, signed: PagerDuty's events, or clicks in Slack.", show_default=False),
    ] = None,
    seed_file: Annotated[
        Path | None, typer.Option(help="PagerDuty: a JSON file with additional resources.", show_default=False)
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option(help="Serve https with this certificate (PEM).", show_default=False)
    ] = None,
    key: Annotated[
        Path | None, typer.Option(help="The certificate's key, if it is not in the same file.", show_default=False)
    ] = None,
) -> None:
    """Run a simulated PagerDuty, or a simulated Slack. Nobody is paged, and nobody is told."""
    _check_certificate(certificate, key)
    try:
        if provider is Simulated.slack:
            if seed_file or rate_limit is not None:
                raise ConfigurationError("--seed-file and --rate-limit are options of the simulated PagerDuty")
            _slack(port, webhook_url, certificate, key)
        else:
            _pagerduty(port, 960 if rate_limit is None else rate_limit, webhook_url, seed_file, certificate, key)
    except OSError as error:
        raise ConfigurationError(
            f"the simulator cannot start on port {port} ({error.strerror}): choose another --port, or 0 for a free one"
        ) from None
    except ValueError as error:
        raise ConfigurationError(f"{seed_file}: {error}") from None


def _slack(port: int, clicks_url: str | None, certificate: Path | None, key: Path | None) -> None:
    from resolute.testing.simulating import Serving, serve_until_stopped
    from resolute_slack.simulator import Simulator

    def ready(sim: Simulator) -> None:
        sim.send_clicks(clicks_url or "http://127.0.0.1:8080/slack/interactions")
        say(f"A simulated Slack is running at {sim.url}. To use it from another terminal:")
        typer.echo(f"export SLACK_API_URL={sim.api_url} SLACK_BOT_TOKEN={sim.world.bot_token}")
        typer.echo(f"export SLACK_SIGNING_SECRET={sim.world.signing_secret} SLACK_CHANNEL='#{sim.world.channels[0]}'")

    serve_until_stopped(Serving(Simulator(), port, certificate, key), ready)


def _pagerduty(
    port: int,
    rate_limit: int,
    webhook_url: str | None,
    seed_file: Path | None,
    certificate: Path | None,
    key: Path | None,
) -> None:
    from resolute_pagerduty.simulator import Options, Simulator, run

    def ready(sim: Simulator) -> None:
        world = sim.world
        say(f"A simulated PagerDuty is running at {sim.url}. To use it from another terminal:")
        typer.echo(f"export PAGERDUTY_API_URL={sim.url} PAGERDUTY_EVENTS_URL={sim.events_url}")
        typer.echo(f"export PAGERDUTY_API_KEY={world.account_key} PAGERDUTY_FROM_EMAIL={world.from_email}")
        typer.echo(f"export PAGERDUTY_ROUTING_KEY={world.routing_key} PAGERDUTY_WEBHOOK_SECRET={world.webhook_secret}")

    options = Options(
        port=port,
        rate_limit=rate_limit or None,
        webhook_url=webhook_url,
        seed_file=seed_file,
        certfile=certificate,
        keyfile=key,
    )
    run(options, ready)


def _check_certificate(certificate: Path | None, key: Path | None) -> None:
    if certificate is None:
        if key:
            raise ConfigurationError("--key needs a certificate: add --certificate")
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except OSError as error:
        raise ConfigurationError(
            f"{certificate} cannot be served with the key in {key or certificate}: {error.strerror}"
        ) from None


def demo(
    watch: Annotated[
        bool, typer.Option("--watch", help="Open the board, leave time to follow, and stay until Ctrl-C.")
    ] = False,
) -> None:
    """Run one incident from alert to resolution: real Temporal, simulated PagerDuty."""
    from resolute_worker.demo import run

    raise typer.Exit(run(watched=watch))
