"""JSON values: what plans, arguments and outputs are made of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias, cast

from pydantic_core import to_json, to_jsonable_python
from typing_extensions import TypeAliasType

if TYPE_CHECKING:
    Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
else:
    # A named alias, so that annotations with it can be resolved in any module, and by pydantic.
    Json = TypeAliasType("Json", bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"] | None)
"""A JSON value. Read-only by type: nobody writes into a plan or a recorded output."""

JsonObject: TypeAlias = Mapping[str, Json]


def jsonable(value: object) -> Json:
    """The JSON form of a Python value: models and dataclasses as objects by field name, times as ISO 8601 text.

    Raises:
        ValueError: the value has no JSON form (`pydantic_core.PydanticSerializationError` is one).
    """
    return cast("Json", to_jsonable_python(value, by_alias=False, inf_nan_mode="null"))


def size_of(value: Json) -> int:
    """The size of a value in bytes, as JSON without white space."""
    return len(to_json(value))


def digest(value: Json) -> str:
    """A short name for a value that is the same in every process: 16 hexadecimal digits of its SHA-256."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
