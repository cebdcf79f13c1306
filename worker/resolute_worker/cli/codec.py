"""The command that decrypts values for Temporal's own pages."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from resolute.plan.errors import ConfigurationError
from resolute_worker.cli.saying import say
from resolute_worker.settings import load_settings

if TYPE_CHECKING:
    from temporalio.converter import PayloadCodec

    from resolute_worker.signals import StopSignals

TOKEN: Final = "RESOLUTE_CODEC_TOKEN"  # noqa: S105  # the name of a variable
_HOST: Final = "127.0.0.1"


def codec(
    port: Annotated[
        int, typer.Option(help="The port on this machine; 0 chooses a free port.", min=0, max=65535)
    ] = 8234,
    origin: Annotated[
        list[str] | None,
        typer.Option(help="Where Temporal's pages are, such as https://temporal.example.com; can be repeated."),
    ] = None,
) -> None:
    """Decrypt values for Temporal's own pages and commands, with the keys in RESOLUTE_PAYLOAD_KEYS.

    What is kept in RESOLUTE_PAYLOAD_STORE is fetched from there.

    It listens on this machine only. With RESOLUTE_CODEC_TOKEN it answers only requests that carry this bearer token.
    See docs/private-values.md.
    """
    from resolute_worker.codec_app import ORIGINS, PageCodec
    from resolute_worker.keys import converter_of
    from resolute_worker.life import live

    settings = load_settings()
    if not settings.payload_keys and settings.payload_store is None:
        raise ConfigurationError("RESOLUTE_PAYLOAD_KEYS is not set, so there is nothing that this could decrypt with")
    live(_serve(PageCodec(converter_of(settings)), port, origin or ORIGINS), grace=settings.shutdown_seconds)


def _serve(
    codec: PayloadCodec, port: int, origins: Sequence[str]
) -> Callable[[StopSignals], Coroutine[Any, Any, None]]:
    async def work(signals: StopSignals) -> None:
        from resolute_worker.codec_app import codec_app
        from resolute_worker.serving.server import HttpServer

        stop = asyncio.Event()
        signals.sets(stop)
        app = codec_app(codec, origins=origins, token=os.environ.get(TOKEN) or None)
        async with HttpServer(app, _HOST, port) as server:
            say(f"The codec endpoint is {server.url}, for pages of {', '.join(origins)}")
            await stop.wait()

    return work
