"""Lets a node fail without ending the process, whatever it raises.

`sys.exit()` in a node would end the worker, a `StopIteration` in a plain one would never reach its caller, and a
`CancelledError` of the node's own would look like Temporal's. Here each of them becomes a failure of its step.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from resolute.plan.errors import NodeError
from resolute.plan.texts import said_by

T = TypeVar("T")


class EscapeError(NodeError):
    """A node raised something other than an ordinary error. `error` is what it raised."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        super().__init__(said_by(error))


async def guarded(work: Callable[[], Awaitable[T]]) -> T:
    """Waits for the author's code; what it raises is an `Exception`, unless this task itself is cancelled or let go of.

    Raises:
        EscapeError: it raised something that would have ended more than itself.
    """
    task = asyncio.current_task()
    try:
        return await work()
    except asyncio.CancelledError as error:
        if task is not None and task.cancelling():
            raise
        raise EscapeError(error) from None
    except RuntimeError as error:
        # Python turns a StopIteration that leaves a coroutine into this.
        if isinstance(error.__cause__, (StopIteration, StopAsyncIteration)):
            raise EscapeError(error.__cause__) from None
        raise
    except Exception:
        raise
    except BaseException as error:
        if isinstance(error, GeneratorExit) and not _is_at_work(task):
            raise  # nobody runs this any more: Python closes what the end of a process has left
        raise EscapeError(error) from None


def _is_at_work(task: asyncio.Task[object] | None) -> bool:
    try:
        return asyncio.current_task() is task
    except RuntimeError:  # no loop runs here
        return False


async def in_task(work: Coroutine[Any, Any, T]) -> T:
    """Runs the author's code in its own task, so that what it does to its task and context affects nothing else.

    Raises:
        EscapeError: it raised something that would have ended more than itself, or cancelled its own task.
    """
    return await guarded(lambda: asyncio.create_task(work))


async def in_thread(function: Callable[..., Any], values: dict[str, object]) -> object:
    """Runs a plain function in a thread, with the context variables of this task.

    Raises:
        EscapeError: it raised something that would have ended more than itself.
    """
    context = contextvars.copy_context()

    def run() -> tuple[object, BaseException | None]:
        # As a value: a future does not accept a StopIteration, and would never be done.
        try:
            return context.run(function, **values), None
        except BaseException as error:
            return None, error

    result, error = await asyncio.get_running_loop().run_in_executor(None, run)
    if error is None:
        return result
    if isinstance(error, Exception) and not isinstance(error, (StopIteration, StopAsyncIteration)):
        raise error
    raise EscapeError(error)
