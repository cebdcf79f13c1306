"""Reads a run's input through its trigger's model, so that every run gets what the model defines.

The model reads names and aliases, fills in defaults, checks formats and runs its own validators; the run gets the
model's values by field name. A plan has only the model's JSON Schema, for readers that do not have the flow itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, cast

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, to_json

from resolute.execution.schemas import mistakes_in
from resolute.plan.errors import InvalidInputError, NotJsonError
from resolute.plan.failed_runs import FailedRuns
from resolute.plan.triggers import Heartbeat, Manual, Schedule, Webhook
from resolute.plan.values import Json, plain
from resolute.writing.flow import Flow

_MOST: Final = 10
"""How many mistakes a message lists; the rest are counted."""

_TOO_MANY: Final = 2_000
"""With more mistakes than this, none is listed: pydantic formats all or none of them, which blocks the process."""

_LONGEST: Final = 200
"""The length of one mistake in characters: the sender of the input also chooses the names in it."""


def read_input(flow: Flow, trigger: Webhook | Heartbeat | Manual | FailedRuns, value: Json) -> Json:
    """The input of a run that a trigger starts, read by its model; unchanged if the trigger has no model.

    A model reads a missing input as an empty object: each of its fields may have a default.

    Raises:
        InvalidInputError: the input does not match the model; lists every field (at most ten), but no values.
    """
    model = flow.input_model(trigger)
    try:
        if model is None:
            return (
                plain(value) if trigger.input_schema is None else _of_schema(flow, trigger.input_schema, plain(value))
            )
        return plain(_read(model, plain({} if value is None else value)))
    except ValidationError as error:
        raise _refusal(flow, spoken_mistakes(error)) from None
    except NotJsonError as error:
        raise _refusal(flow, f"{error.place or 'input'}: {error.reason}") from None
    except InvalidInputError:
        raise
    except PydanticSerializationError as error:
        raise _refusal(flow, f"its model has no JSON form for it: {error}") from None
    except Exception as error:  # one of the author's validators failed on the value
        raise _refusal(flow, f"its model cannot read it: {type(error).__name__}") from None


def read_any_input(flow: Flow, value: Json) -> Json:
    """The input of a run without a named trigger: read by the first trigger that accepts it.

    Triggers with a model are tried first. A schedule has no input, so a flow with a schedule needs none.

    Raises:
        InvalidInputError: no trigger accepts it; says why the first one does not.
    """
    triggers = sorted(triggers_with_input(flow), key=lambda trigger: flow.input_model(trigger) is None)
    if not triggers or (value is None and len(triggers) < len(flow.plan.triggers)):
        return plain(value)
    first: InvalidInputError | None = None
    for trigger in triggers:
        try:
            return read_input(flow, trigger, value)
        except InvalidInputError as error:
            first = first or error
    raise cast("InvalidInputError", first)


def triggers_with_input(flow: Flow) -> list[Manual | Webhook | Heartbeat | FailedRuns]:
    """The triggers that get an input, manual ones first."""
    found = [trigger for trigger in flow.plan.triggers if not isinstance(trigger, Schedule)]
    return sorted(found, key=lambda trigger: not isinstance(trigger, Manual))


def spoken_mistakes(error: ValidationError) -> str:
    """What pydantic found, by field and without the values: one of them may be a secret."""
    if error.error_count() > _TOO_MANY:
        return f"it has {error.error_count():,} mistakes"
    details = error.errors(include_url=False, include_input=False, include_context=False)
    said = [_spoken(detail) for detail in details[:_MOST]]
    more = len(details) - len(said)
    return "; ".join([*said, *([f"and {more:,} more"] if more else [])])


def _spoken(detail: Any) -> str:
    where = ".".join(str(part) for part in detail["loc"]) or "input"
    # The only message of pydantic that repeats the value.
    what = "is not one of the known kinds" if detail["type"] == "union_tag_invalid" else detail["msg"]
    return f"{where}: {what}"[:_LONGEST]


def _of_schema(flow: Flow, schema: Mapping[str, Any], value: Json) -> Json:
    """The input of a flow that is data, which has a schema and no model."""
    if mistakes := mistakes_in(schema, value):
        raise _refusal(flow, "; ".join(mistakes))
    return value


def _refusal(flow: Flow, mistakes: str) -> InvalidInputError:
    return InvalidInputError(f"the input of flow {flow.name!r} does not fit: {mistakes}")


def _read(model: type[BaseModel], value: Json) -> Json:
    # As JSON, not as Python: a strict model accepts a time as text only in JSON.
    adapter = _adapter(model)
    read = adapter.validate_json(to_json(value), by_alias=True, by_name=True)
    return cast("Json", adapter.dump_python(read, mode="json", by_alias=False, warnings="error"))


@lru_cache(maxsize=1024)
def _adapter(model: type[BaseModel]) -> TypeAdapter[Any]:
    return TypeAdapter(model)
