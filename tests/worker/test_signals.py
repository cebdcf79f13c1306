"""Signals ask a process to end, in whatever it is busy with."""

import asyncio
import os
import signal

from resolute_worker.signals import StopSignals, stopping_signals
from tests.patience import PATIENCE


async def test_a_signal_sets_an_event() -> None:
    """Each of SIGTERM, SIGINT and SIGHUP is an ask to stop."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        stop = asyncio.Event()
        with stopping_signals(stop):
            os.kill(os.getpid(), number)
            async with asyncio.timeout(PATIENCE):
                await stop.wait()


async def test_a_signal_that_came_too_early_is_not_lost() -> None:
    """Who asks before the loop is there is heard as soon as it is."""
    stop = asyncio.Event()
    with StopSignals() as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            while not signals.asked:
                await asyncio.sleep(0.01)  # another thread hears it
            signals.sets(stop)
            await stop.wait()


async def test_what_is_ignored_stays_ignored() -> None:
    """`nohup resolute worker` outlives its terminal."""
    stop = asyncio.Event()
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopping_signals(stop):
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGTERM)
            async with asyncio.timeout(PATIENCE):
                await stop.wait()
            handler = signal.getsignal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)

    assert signal.SIG_IGN == handler


async def test_other_signals_of_the_loop_are_still_heard() -> None:
    """A program that listens for signals of its own goes on to hear them beside a worker."""
    heard, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, heard.set)
    try:
        with stopping_signals(asyncio.Event()):
            os.kill(os.getpid(), signal.SIGUSR1)
            async with asyncio.timeout(PATIENCE):
                await heard.wait()
    finally:
        loop.remove_signal_handler(signal.SIGUSR1)


async def test_everything_is_as_before_afterwards() -> None:
    """Handlers are put back, so that a program behind a worker can be stopped as any other."""
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)]
    with stopping_signals(asyncio.Event()):
        pass

    assert before == [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)]
