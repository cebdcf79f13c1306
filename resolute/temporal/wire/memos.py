"""What Temporal's list of runs says about a run in its memo, as far as it can be read here."""

from __future__ import annotations

import logging
from typing import Any, Final

from temporalio.client import WorkflowExecution

from resolute.temporal.values.ciphers import UnreadablePayloadError

log = logging.getLogger(__name__)

_MOST_SAID: Final = 16
_said: list[str] = []


async def noted(run: WorkflowExecution, name: str, default: Any = None) -> Any:
    """What a run's memo says under a name; the default where it says nothing.

    A memo that was encrypted with a key that is not here says nothing either: one such run is no reason to show none of
    a list. The log says which key is missing, once for each.
    """
    try:
        return await run.memo_value(name, default)
    except UnreadablePayloadError as error:
        if str(error) not in _said and len(_said) < _MOST_SAID:
            _said.append(str(error))
            log.warning("run %s: what stands beside it in the list cannot be read: %s", run.id, error)
        return default
