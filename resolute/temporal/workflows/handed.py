"""What Temporal passes to a schedule's run from earlier runs: the last result, and the failure since, if any.

A run that was cancelled, terminated or timed out by Temporal changes neither: the next run gets what that run got.
(Observed on Temporal 1.32; a completed run makes Temporal forget the failure before it.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from resolute.plan.values import Json
from resolute.running.recall import Memory, memory_in_failure, memory_in_result, newest
from resolute.temporal.values.ciphers import UnreadablePayloadError

READS_FAILURES: Final = 2
"""The first interpreter whose runs know of runs that failed. What older ones did must be repeated in a replay."""


def handed_memory(*, failed: bool = True) -> Memory | None:
    """The newest memory that this run received; None if there is none, or none that can be read."""
    completed = _read("result", _of_result)
    return newest(completed, _read("failure", _of_failure) if failed else None)


def of_failure(error: BaseException | None) -> Memory | None:
    """The memory in the failure of a run.

    Raises:
        ValueError: it is damaged.
    """
    return memory_in_failure(error.details) if isinstance(error, ApplicationError) else None


def _of_result() -> Memory | None:
    if not workflow.has_last_completion_result():
        return None
    return memory_in_result(cast("Json", workflow.get_last_completion_result()))


def _of_failure() -> Memory | None:
    return of_failure(workflow.get_last_failure())


def _read(what: str, read: Callable[[], Memory | None]) -> Memory | None:
    try:
        return read()
    except UnreadablePayloadError:
        raise  # another worker has the key, and nothing is forgotten meanwhile
    except Exception as error:  # the converter of another client's data may raise anything
        workflow.logger.warning("previous(...) is null: the last run's %s cannot be read as memory: %s", what, error)
        return None
