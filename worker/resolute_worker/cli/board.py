"""The command that serves the board beside any Temporal."""

from __future__ import annotations

from typing import Annotated

import typer

from resolute_worker.cli.saying import say
from resolute_worker.settings import load_settings


def board(
    address: Annotated[
        str | None, typer.Option(help="Where Temporal is; without it, as Temporal's own configuration says.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="The address to serve at (RESOLUTE_HTTP_HOST).")] = None,
    port: Annotated[
        int | None, typer.Option(help="The port; 0 chooses a free port (RESOLUTE_HTTP_PORT).", min=0, max=65535)
    ] = None,
) -> None:
    """Serve the board by itself: what waits, what paged and why, every run on its plan, and the brake.

    People log in with RESOLUTE_BOARD_TOKEN, with OpenID Connect, or through a proxy (docs/board.md). It needs no
    worker, but for mutes.
    """
    from resolute_worker.board.serving import serve_board
    from resolute_worker.life import live

    settings = load_settings(http_host=host, http_port=port)
    live(serve_board(settings, address, lambda url: say(f"The board is at {url}")), grace=settings.shutdown_seconds)
