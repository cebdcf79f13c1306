"""How deliveries of a webhook are told apart, so that one that comes again starts nothing.

Authors write `webhook(..., once=by_field(input_data("event.id")))` or `once=by_header("X-Delivery")`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from resolute.plan.expressions import encode
from resolute.plan.language import operands
from resolute.plan.values import Json

_PLAIN: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")


@dataclass(frozen=True)
class ByHeader:
    """Deliveries are named by a header."""

    name: str


@dataclass(frozen=True)
class ByField:
    """Deliveries are named by a field of the run's input; `path` of None where none was given."""

    path: tuple[str | int, ...] | None


Once: TypeAlias = ByHeader | ByField | Literal["body"]


def by_header(name: str) -> ByHeader:
    """Two deliveries with the same value of a header are one. Without the header, equal bodies are.

    A header that is not signed proves nothing: whoever captures a signed delivery could send it again under another
    name. `build()` refuses it beside a signature of the body.

    >>> by_header("X-GitHub-Delivery").name
    'X-GitHub-Delivery'
    """
    return ByHeader(name)


def by_field(reference: object) -> ByField:
    """Two deliveries with the same value of a field are one. Where the field is empty, equal bodies are.

    >>> from resolute import input_data
    >>> by_field(input_data("event.id")).path
    ('event', 'id')
    """
    encoded = encode(reference)
    if not isinstance(encoded, Mapping) or set(encoded) != {"$input"}:
        return ByField(None)
    path = tuple(key for key in operands(encoded) if isinstance(key, (str, int)))
    return ByField(path or None)


def name_of(given: Json) -> str | None:
    """The name of a delivery as its sender gave it, fit to be part of a workflow id; None where none was given.

    >>> name_of("d-17"), name_of(None), len(name_of("../../etc") or "")
    ('d-17', None, 64)
    """
    if given is None or given == "" or isinstance(given, (bool, Mapping, list, tuple)):
        return None
    text = str(given)
    return text if _PLAIN.fullmatch(text) else hashlib.sha256(text.encode()).hexdigest()
