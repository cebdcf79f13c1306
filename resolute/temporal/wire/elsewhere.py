"""What one worker does not have and another one may: while workers are replaced, a run waits for such a worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast

from temporalio.exceptions import ApplicationError

from resolute.plan.values import Json, JsonObject

ELSEWHERE: Final[Json] = {"elsewhere": True}
"""What a worker adds where it lacks the flow or a node of a run: another one may have it, and be given the run."""


@dataclass(frozen=True)
class Waits:
    """Until when a run waits for another worker, and whether that is `over`; see `workflows.newer`."""

    until: str
    over: bool

    def as_json(self) -> Json:
        """As plain data."""
        return {"until": self.until, "over": self.over}

    @classmethod
    def of(cls, data: Json) -> Waits | None:
        """What `as_json` wrote; None where a run does not say that it waits."""
        if data is None:
            return None
        held = cast("JsonObject", data)
        return cls(until=str(held["until"]), over=held["over"] is True)


def elsewhere(message: str, kind: str) -> ApplicationError:
    """What a local activity fails with for what another worker may have: this one asked again would say the same."""
    return ApplicationError(message, ELSEWHERE, type=kind, non_retryable=True)


def is_elsewhere(error: BaseException | None) -> bool:
    """Whether a local activity has failed with that."""
    return isinstance(error, ApplicationError) and ELSEWHERE in error.details
