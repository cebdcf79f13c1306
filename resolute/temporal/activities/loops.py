"""The event loops that nodes run on, separate from the one that talks to Temporal.

Authors' async nodes have one; their plain ones have another, which passes them to threads; and each provider has one,
on which it is opened, used and closed. So an async node that blocks delays only others of its kind: heartbeats,
webhooks, health checks and all other nodes continue.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Sequence
from concurrent.futures import Executor
from contextvars import copy_context
from typing import Any, Final, Self, TypeVar
from weakref import WeakKeyDictionary

from resolute.execution.guard import guarded, in_task
from resolute.plan.provider import NodeDefinition, Provider
from resolute.temporal.activities.at_work import Work, current_work
from resolute.temporal.activities.crossing import Crossing
from resolute.temporal.activities.standstill import Standstill

T = TypeVar("T")

log = logging.getLogger(__name__)

_CLOSING: Final = 5.0
"""Seconds that a provider may take to close its connections."""

_CLEARING: Final = 0.5
"""Seconds for tasks that nodes have left behind to end, and for a blocked loop to answer."""


class NodeLoop:
    """An event loop in a thread of its own."""

    def __init__(self, name: str, threads: Executor | None = None, mask: Callable[[str], str] = str) -> None:
        self._loop = asyncio.new_event_loop()
        if threads:
            self._loop.set_default_executor(threads)  # pyright: ignore[reportArgumentType]  # any executor will do
        self._way = Crossing(self._loop)
        self._back: Crossing | None = None
        self._works: WeakKeyDictionary[asyncio.Task[Any], Work] = WeakKeyDictionary()
        self._loop.set_task_factory(self._task)
        self._thread = threading.Thread(target=self._live, name=f"nodes-{name}", daemon=True)
        self._closing = False
        self._standstill = Standstill(self._loop, self._thread, self._work, mask)

    @property
    def ident(self) -> int | None:
        """The identity of the thread."""
        return self._thread.ident

    def begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Future[T]:
        """Like `asyncio.create_task`, on this loop: with the caller's context, and cancelled when its waiter is.

        Like a task, it ends when the work has ended, even if its cancellation takes time.
        """
        answer: _Answer[T] = _Answer(self._way_back(), self._way)
        context = copy_context()

        def start() -> None:
            answer.task = self._loop.create_task(work, context=context)
            answer.task.add_done_callback(answer.tell)

        self._way.call(start)
        return answer

    def _way_back(self) -> Crossing:
        """The way into the loop of whoever asks: the same one as long as it is the same loop."""
        here = asyncio.get_running_loop()
        if self._back is None or self._back.loop is not here:
            self._back = Crossing(here)
        return self._back

    @contextlib.contextmanager
    def watched(self) -> Generator[None]:
        """Watches for a blocked loop while the block runs."""
        self._standstill.begin()
        try:
            yield
        finally:
            self._standstill.end()

    @contextlib.asynccontextmanager
    async def holding(self, provider: Provider) -> AsyncGenerator[None]:
        """Opens a provider here and closes it at the end of the block, both in one task."""
        here, leave = asyncio.get_running_loop(), asyncio.Event()
        opened = here.create_future()

        async def stay() -> None:
            async with provider:
                here.call_soon_threadsafe(opened.set_result, None)
                await leave.wait()

        staying = self.begin(stay())
        try:
            await asyncio.wait([staying, opened], return_when=asyncio.FIRST_COMPLETED)
            if staying.done():
                staying.result()
            yield
        finally:
            opened.cancel()
            self._loop.call_soon_threadsafe(leave.set)
            await asyncio.wait([staying], timeout=_CLOSING if await self._answers() else 0)
            if not staying.done():
                log.warning("provider %s was not closed in time", provider.name)
        if staying.done():
            staying.result()

    async def __aenter__(self) -> Self:
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Cancels what is left on the loop. A blocked loop is left behind, with its thread."""
        await asyncio.wait([self.begin(self._clear())], timeout=_CLEARING)
        self._closing = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join, _CLEARING)

    async def _answers(self) -> bool:
        answer = self.begin(asyncio.sleep(0))
        return bool((await asyncio.wait([answer], timeout=_CLEARING))[0])

    async def _clear(self) -> None:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._loop.shutdown_asyncgens()

    def _live(self) -> None:
        asyncio.set_event_loop(self._loop)
        while not self._closing:
            try:
                self._loop.run_forever()
            except BaseException as error:  # sys.exit() in a task that a node left behind
                log.error("a task that a node had started ended with %s", type(error).__name__)
        self._loop.close()

    def _task(self, loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, **options)
        found = current_work(options.get("context"))
        if found is not None:
            self._works[task] = found
        return task

    def _work(self) -> Work | None:
        """Whose task is currently running; from any thread."""
        task = asyncio.current_task(self._loop)
        return None if task is None else self._works.get(task)


class _Answer(asyncio.Future[T]):
    """Represents, on one loop, a task of another."""

    def __init__(self, here: Crossing, there: Crossing) -> None:
        self._here, self._there = here, there
        super().__init__(loop=here.loop)
        self.task: asyncio.Task[T] | None = None

    def cancel(self, msg: Any = None) -> bool:
        """Asks the task to end; this is cancelled when the task is."""
        if self.done():
            return False
        self._there.call(self._cancel_there, msg)
        return True

    def _cancel_there(self, msg: Any) -> None:
        if self.task is not None:
            self.task.cancel(msg)

    def tell(self, task: asyncio.Task[T]) -> None:
        """Called on the task's loop when it has ended."""
        with contextlib.suppress(RuntimeError):  # this loop is closed: nobody is waiting any longer
            self._here.call(self._settle, task)

    def _settle(self, task: asyncio.Task[T]) -> None:
        if self.done():
            return
        if task.cancelled():
            super().cancel()
        elif error := task.exception():
            self.set_exception(error)
        else:
            self.set_result(task.result())


class NodeLoops:
    """The loops of one worker, for the length of an `async with`; its providers are open as long."""

    def __init__(
        self, providers: Sequence[Provider] = (), threads: Executor | None = None, mask: Callable[[str], str] = str
    ) -> None:
        self._providers = providers
        self._async = NodeLoop("async", threads, mask)
        self._plain = NodeLoop("plain", threads, mask)
        self._of = {provider.name: NodeLoop(provider.name, threads, mask) for provider in providers}
        self._stack = contextlib.AsyncExitStack()

    def of(self, node: NodeDefinition | None) -> NodeLoop:
        """The loop that a node runs on."""
        if node and node.provider in self._of:
            return self._of[node.provider]
        return self._async if node and inspect.iscoroutinefunction(node.function) else self._plain

    def named(self, provider: str) -> NodeLoop:
        """The loop that a provider is open on."""
        return self._of[provider]

    async def __aenter__(self) -> Self:
        async with self._stack:
            for loop in (self._async, self._plain):
                await self._stack.enter_async_context(loop)
            for provider in self._providers:
                loop = await self._stack.enter_async_context(self._of[provider.name])
                await self._stack.enter_async_context(loop.holding(provider))
            self._stack = self._stack.pop_all()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._stack.__aexit__(*error)


async def run_on(loop: NodeLoop | None, work: Coroutine[Any, Any, T]) -> T:
    """Runs a node's attempt on a loop; without one, on the loop of whoever asks."""
    if loop is None:
        return await in_task(work)
    with loop.watched():
        return await guarded(lambda: loop.begin(work))
