"""Runs a simulator from the command line until it is stopped."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from resolute.testing.simulating import Serving, serve_until_stopped

from . import seeding
from .limits import Limits
from .simulator import Simulator


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a simulator is run.

    Attributes:
        port: The port on loopback; 0 takes a free one.
        rate_limit: REST requests per minute and credential; None for no limit at all.
        webhook_url: An address that all events of the account are sent to.
        webhook_secret: The secret that they are signed with; the world's own if none is given.
        certfile: A certificate, to serve https.
        keyfile: Its key.
        seed: Decides made-up ids and keys.
        seed_file: A JSON file with more resources; `seeding` shows what it looks like.
    """

    port: int = 0
    rate_limit: int | None = 960
    webhook_url: str | None = None
    webhook_secret: str | None = None
    certfile: Path | None = None
    keyfile: Path | None = None
    seed: str = "simulator"
    seed_file: Path | None = None


def run(options: Options, ready: Callable[[Simulator], None]) -> None:
    """Serve a simulator until SIGINT or SIGTERM; call it from the main thread.

    Args:
        options: How to run it.
        ready: Called once it answers, to say where it is and what its keys are.

    Raises:
        OSError: If the port is taken, or the certificate or its key cannot be read.
        ValueError: If the seed file cannot be read or something in it is wrong.
    """
    limits = Limits(options.rate_limit) if options.rate_limit is not None else Limits.none()
    sim = Simulator(limits=limits, seed=options.seed)
    if options.seed_file:
        seeding.load(sim, options.seed_file)

    def begun(served: Simulator) -> None:
        if options.webhook_url:
            served.add_webhook(options.webhook_url, secret=options.webhook_secret or served.world.webhook_secret)
        ready(served)

    serve_until_stopped(Serving(sim, options.port, options.certfile, options.keyfile), begun)
