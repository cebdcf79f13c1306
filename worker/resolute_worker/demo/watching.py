"""The demo for somebody who looks at its board."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import webbrowser
from typing import Final

from resolute_worker.demo.scene import Scene

LOOK: Final = 4.0
"""Seconds to look at each turn of the story."""

_COME: Final = 20.0
"""Seconds that the story waits for somebody to open the board."""

_DISPLAYS: Final = ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")


async def open_board(scene: Scene) -> None:
    """Opens the board in this machine's browser, and waits a moment until somebody looks at it."""
    # Elsewhere a browser for terminals would be found, and would take this one over.
    if sys.platform in ("darwin", "win32") or any(os.environ.get(name) for name in _DISPLAYS):
        await asyncio.to_thread(webbrowser.open, scene.board)
    scene.say("Story", f"begins when somebody looks at the board, or in {_COME:g} seconds")
    board = scene.worker.board
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_COME):
            while board is not None and not board.streams:  # noqa: ASYNC110  # the board tells nobody who looks
                await asyncio.sleep(0.1)


async def with_time(turn: str) -> None:
    """A pace for somebody who looks on."""
    await asyncio.sleep(LOOK)
