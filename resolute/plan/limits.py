"""What a run may carry: how many bytes, in which form. Checked before Temporal does.

A value that Temporal does not take fails the workflow task, which is tried again for ever; checked here, it fails the
step that made it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, cast

from resolute.plan.errors import NotJsonError, PayloadTooLargeError, UnusableValueError
from resolute.plan.values import Json, plain

PAYLOAD_LIMIT: Final = 2 * 1024 * 1024 - 4096
"""Bytes of one value: Temporal takes 2 MiB, with what it wraps around the value."""

PLAN_LIMIT: Final = 1_000_000
"""Bytes of a plan: every run carries it, beside its input."""

MESSAGE_LIMIT: Final = 3_500_000
"""Bytes of all values in one message to Temporal, which takes 4 MiB."""


def recorded_size(value: Json) -> int:
    r"""The size of a value in bytes as Temporal's converter writes it: JSON in ASCII, without white space.

    A letter beyond ASCII takes six bytes (`\u00e9`), one beyond the basic plane twelve.

    >>> recorded_size("é")
    8
    """
    return len(_ENCODER.encode(value))


def check_value(what: str, value: Json) -> int:
    """The size of a value in bytes; refuses one that cannot be recorded. `what` begins the message.

    Raises:
        UnusableValueError: JSON cannot hold it as it is, or it is nested too deep.
        PayloadTooLargeError: it is larger than Temporal takes.
    """
    problem = problem_of(value)
    if problem:
        raise UnusableValueError(f"{what} cannot be recorded: {problem}")
    size = recorded_size(value)
    if size > PAYLOAD_LIMIT:
        raise PayloadTooLargeError(what=what, size=size, limit=PAYLOAD_LIMIT)
    return size


def problem_of(value: Json) -> str:
    """What keeps a value from being recorded, whatever its size; empty where nothing does."""
    try:
        plain(value)
    except NotJsonError as error:
        return str(error)
    return ""


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(cast("Mapping[str, Json]", value))
    raise TypeError(f"a {type(value).__name__} is not JSON")


_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), default=_plain)
