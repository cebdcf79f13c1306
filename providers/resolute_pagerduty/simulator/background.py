"""What happens without a request: timers that fall due, and the delivery of webhooks."""

import asyncio
from contextlib import suppress
from datetime import datetime

import httpx

from .engine import Engine


async def run(engine: Engine) -> None:
    """Work until cancelled: do what falls due, sleep until the next thing does or somebody says there is work."""
    loop, wake = asyncio.get_running_loop(), asyncio.Event()
    under_way: set[asyncio.Task[None]] = set()

    def work() -> None:
        with suppress(RuntimeError):  # The loop has been closed: there is nobody left to wake.
            loop.call_soon_threadsafe(wake.set)

    engine.deliverer.on_work = engine.account.on_timer = work
    engine.account.clock.on_change(work)
    try:
        async with httpx.AsyncClient(timeout=None, trust_env=False, follow_redirects=False) as client:  # noqa: S113 - bounded by the deliverer
            while True:
                wake.clear()
                with engine.account.changed:
                    engine.account.settle()
                for delivery in engine.deliverer.ready():
                    task = loop.create_task(engine.deliverer.attempt(client, delivery))
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)
                    task.add_done_callback(lambda _: wake.set())
                with suppress(TimeoutError):
                    await asyncio.wait_for(wake.wait(), _pause(engine))
    finally:
        engine.deliverer.on_work = engine.account.on_timer = _nobody
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


def _nobody() -> None:
    """Webhooks and timers wait until somebody works again."""


def _pause(engine: Engine) -> float | None:
    """Return how long nothing will happen by itself; None if not before the clock is moved."""
    with engine.account.changed:
        timer = engine.account.next_timer()
    moments: list[datetime] = [moment for moment in (engine.deliverer.next_due(), timer) if moment is not None]
    clock = engine.account.clock
    if not moments or clock.frozen:
        return None
    return max(0.0, (min(moments) - clock.now()).total_seconds())
