"""What becomes of a node that nobody runs any more."""

import asyncio

import pytest

from resolute.execution.guard import EscapeError, guarded


async def _left() -> None:
    raise GeneratorExit


def test_a_node_that_is_let_go_of_ends_in_silence() -> None:
    """A process that ends with a node at work says nothing of it: closing the node raises nothing."""
    loop = asyncio.new_event_loop()
    work = guarded(lambda: asyncio.sleep(60))
    task = loop.create_task(work)
    loop.run_until_complete(asyncio.sleep(0))

    work.close()  # as Python does at the end

    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()


async def test_what_a_node_raises_itself_is_its_failure() -> None:
    """A node that raises the same fails, and ends nothing else."""
    with pytest.raises(EscapeError) as failed:
        await guarded(_left)

    assert isinstance(failed.value.error, GeneratorExit)
