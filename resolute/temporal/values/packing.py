"""The plan in a run's argument, packed: every run carries its plan, which says the same things of each of its steps.

Packed it takes a quarter of the bytes, and of a hundred steps a fifteenth. A seal covers the plan as it is unpacked.
"""

from __future__ import annotations

import json
import zlib
from base64 import b64decode, b64encode
from functools import lru_cache
from typing import Final, cast

from resolute.plan.limits import PLAN_LIMIT
from resolute.plan.values import Json

_SHORT: Final = 1_000
"""Bytes of a plan that is left as it is, for whoever reads it on Temporal's pages."""

_LONGEST: Final = 2 * PLAN_LIMIT
"""Bytes that a packed plan may have unpacked: whoever reaches Temporal can send one, and nobody has verified it yet."""

_PACKED: Final = "zlib"


def packed(argument: Json) -> Json:
    """A run's argument with its plan packed, if it carries one that is long enough."""
    match argument:
        case {"resolute": {"plan": {"steps": _} as plan, **held}, **rest}:
            return cast("Json", {"resolute": {"plan": packed_plan(plan), **held}, **rest})
        case _:
            return argument


def packed_plan(plan: Json) -> Json:
    """A plan in a form that is shorter, if it is long enough."""
    text = json.dumps(plan, separators=(",", ":"))
    return {_PACKED: _squeezed(text)} if _SHORT <= len(text) <= _LONGEST else plan


def unpacked(plan: Json) -> Json:
    """A plan as it was before it was packed; whatever is no packed plan is left as it is, and is no plan either."""
    match plan:
        case {"zlib": str(text)} if len(plan) == 1:
            try:
                return cast("Json", json.loads(_spread(text)))
            except (ValueError, zlib.error, RecursionError):
                return plan
        case _:
            return plan


# A flow's runs carry the same plan.
@lru_cache(maxsize=64)
def _squeezed(text: str) -> str:
    return b64encode(zlib.compress(text.encode(), 9)).decode()


def _spread(text: str) -> bytes:
    """The bytes of a packed plan.

    Raises:
        ValueError: it is none, or too long.
        zlib.error: it is damaged.
    """
    spreading = zlib.decompressobj()
    spread = spreading.decompress(b64decode(text, validate=True), _LONGEST)
    if not spreading.eof:
        raise ValueError("a plan is shorter")
    return spread
