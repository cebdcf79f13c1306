"""What has become of a call so far that is made again: because a switch has stopped it, or a person says so.

A write that was tried before the brake was put on, or before its step was held, may have been done. So the attempts are
counted on, and the next one is handed what the last one left in its heartbeat.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, cast

from resolute.plan.errors import ResoluteError
from resolute.plan.limits import problem_of, recorded_size
from resolute.plan.policies import Policy
from resolute.plan.values import Json, JsonObject
from resolute.running.switches import Stop, stop_from

STOPPED: Final = "$resolute.stopped"
"""The key of what an engine records in place of the output of a call that was stopped. No node may return it."""

LEFT_LIMIT: Final = 64 * 1024
"""Bytes of a heartbeat that are kept of a call that has failed for good. A larger one was not heard."""

_LEAST: Final = 1.0
"""Seconds that are left at least of what all attempts have together: a stop costs no time."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """The attempts of a call before it is made again.

    `attempts` are all that have begun, and `earlier` those of them that had failed for good when a person had the step
    tried again. `counted` are those that the policy counts: no earlier one, and not one that the brake ended.
    `heartbeat` is what the last one left, `failed` how they failed, as the engine keeps it, and `left` how many seconds
    all further ones have together. `unheard` says that nothing was heard of the end of the last one.
    """

    attempts: int = 0
    earlier: int = 0
    counted: int = 0
    heartbeat: tuple[Json, ...] = ()
    failed: Json = None
    left: float | None = None
    unheard: bool = False

    def __bool__(self) -> bool:
        return self != NOTHING_MADE

    def policy(self, policy: Policy) -> Policy:
        """What is left of a policy."""
        if not self.counted and self.left is None:
            return policy
        attempts = policy.retry.attempts
        retry = policy.retry.model_copy(update={"attempts": attempts and max(attempts - self.counted, 1)})
        within = policy.within if self.left is None else max(self.left, _LEAST)
        return policy.model_copy(update={"retry": retry, "within": within})

    def as_json(self) -> JsonObject:
        """As plain data, which `made_from` reads."""
        return {
            "attempts": self.attempts,
            "counted": self.counted,
            "heartbeat": list(self.heartbeat),
            "failed": self.failed,
            "left": self.left,
            **({"unheard": True} if self.unheard else {}),
            **({"earlier": self.earlier} if self.earlier else {}),
        }


NOTHING_MADE: Final = Made()


def made_from(data: Json) -> Made:
    """What `Made.as_json` wrote; nothing where there is nothing."""
    if data is None:
        return NOTHING_MADE
    held = cast("JsonObject", data)
    return Made(
        attempts=int(cast("int", held["attempts"])),
        counted=int(cast("int", held["counted"])),
        heartbeat=tuple(cast("list[Json]", held["heartbeat"])),
        failed=held["failed"],
        left=cast("float | None", held["left"]),
        unheard=held.get("unheard") is True,
        earlier=int(cast("int", held.get("earlier", 0))),
    )


def left_behind(attempts: int, heartbeat: tuple[Json, ...], *, unheard: bool) -> JsonObject:
    """What a call that has failed for good leaves to a person who has it made again, as plain data.

    `unheard` says that nothing was heard of the end of its last attempt.
    """
    if not _is_kept(list(heartbeat)):
        return Made(attempts=attempts, unheard=True).as_json()
    return Made(attempts=attempts, heartbeat=heartbeat, unheard=unheard).as_json()


def _is_kept(said: list[Json]) -> bool:
    try:
        return not problem_of(said) and recorded_size(said) <= LEFT_LIMIT
    except (TypeError, ValueError):
        return False  # a node may say anything: this is no JSON


def made_again(left: Json) -> Made:
    """A call that a person has made again, by what `left_behind` wrote: its policy begins anew."""
    before = made_from(left)
    return replace(before, earlier=before.attempts)


class CallStoppedError(ResoluteError):
    """A call is not made now: a switch stops it.

    `begun` says that its node had begun, and was stopped at a write.
    """

    def __init__(self, stop: Stop, made: Made = NOTHING_MADE, *, begun: bool = False) -> None:
        self.stop = stop
        self.made = made
        self.begun = begun
        super().__init__(f"the call is stopped ({stop.why})")

    def as_json(self) -> JsonObject:
        """As plain data, which `stopped_from` reads."""
        return {"stop": self.stop.as_json(), "made": self.made.as_json()}


def stopped_in(output: Json) -> CallStoppedError | None:
    """What stopped a call, by what is recorded in place of its output; None where it was made."""
    return stopped_from(output[STOPPED]) if isinstance(output, Mapping) and STOPPED in output else None


def stopped_from(data: Json) -> CallStoppedError:
    """What `CallStoppedError.as_json` wrote."""
    held = cast("JsonObject", data)
    return CallStoppedError(stop_from(held["stop"]), made_from(held["made"]))
