"""What a worker hands its workflows, which must not read it from the environment themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, cast

from temporalio import workflow

from resolute.temporal.trust.seals import NO_KEYS, PlanKeys
from resolute.temporal.workflows.meters import Meters
from resolute.temporal.workflows.reached import Bound, Reached

FULL: Final = "resolute.full"
"""The name under which a test says when a history is to end; else Temporal says it."""

KEYS: Final = "resolute.keys"
"""The name under which a worker hands its keys to its runs."""

REACHED: Final = "resolute.reached"
"""The name under which a worker is told which bounds its runs have reached."""

METERS: Final = "resolute.meters"
"""The name under which a worker hands its instruments to its runs."""

PINNED: Final = "resolute.pinned"
"""The name under which a worker with a build tells its runs that they stay with it."""


def is_pinned() -> bool:
    """Whether the run stays with the build of its worker."""
    return PINNED in workflow.extern_functions()  # pyright: ignore[reportUnknownMemberType]  # the SDK's own types


def history_is_full(ended: int) -> bool:
    """Whether the current history is to be continued in another one, in which so many steps have ended."""
    functions = cast("Mapping[str, Callable[[int], bool]]", workflow.extern_functions())  # pyright: ignore[reportUnknownMemberType]  # the SDK's own types
    return functions[FULL](ended) if FULL in functions else workflow.info().is_continue_as_new_suggested()


def keys_at_hand() -> PlanKeys:
    """The worker's keys; none where a history is replayed without a worker."""
    functions = cast("Mapping[str, Callable[[], PlanKeys]]", workflow.extern_functions())  # pyright: ignore[reportUnknownMemberType]  # the SDK's own types
    return functions[KEYS]() if KEYS in functions else NO_KEYS


def meters_at_hand() -> Meters:
    """The worker's instruments, for what is new: whoever asks must not be reading a history again."""
    functions = cast("Mapping[str, Callable[[], Meters]]", workflow.extern_functions())  # pyright: ignore[reportUnknownMemberType]  # the SDK's own types
    return functions[METERS]() if METERS in functions else Meters()


def tell_reached(bound: Bound) -> None:
    """Tells the worker that something was refused; not where a history is only read again."""
    functions = cast("Mapping[str, Callable[[], Reached]]", workflow.extern_functions())  # pyright: ignore[reportUnknownMemberType]  # the SDK's own types
    if REACHED in functions and not workflow.unsafe.is_replaying_history_events():
        functions[REACHED]().note(bound)
