"""What one flow gives another: an input that its model would read, a result that is what an author takes it for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import to_json

from resolute.plan.language import escape, expressions_in, operator_of
from resolute.plan.shapes import Shape, compatible, shape_of_type, spoken
from resolute.plan.values import Json, jsonable
from resolute.writing.checks import check_fit
from resolute.writing.scope import Report, Scope

_DEEPEST: Final = 10
"""How deep two types are held against each other."""


def given_input(model: type[BaseModel], encoded: Json, scope: Scope, report: Report) -> Json:
    """The input as a run of the model's flow has it: by field name, with defaults; reports what does not fit."""
    if not any(expressions_in(encoded)):
        return _read(model, {} if encoded is None else encoded, report)
    if isinstance(encoded, Mapping) and operator_of(encoded) is None:
        encoded = _completed(model, encoded, report)
    check_fit(encoded, shape_of_type(model, "validation"), scope, report)
    return encoded


def _read(model: type[BaseModel], encoded: Json, report: Report) -> Json:
    """A literal, as the model reads it: as JSON, which takes a time as text also where the model is strict."""
    adapter: TypeAdapter[Any] = TypeAdapter(model)
    try:
        read = adapter.validate_json(to_json(_plain(encoded)), by_alias=True, by_name=True)
        return escape(cast("Json", adapter.dump_python(read, mode="json", by_alias=False)))
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False, include_context=False):
            where = ".".join(str(part) for part in detail["loc"])
            report(f"{where + ': ' if where else ''}{detail['msg']}", "")
        return None


def _completed(model: type[BaseModel], encoded: Mapping[str, Json], report: Report) -> dict[str, Json]:
    """An input that holds references: no model reads it in the run, so its names and defaults are settled here."""
    given = dict(encoded)
    for name, field in model.model_fields.items():
        for alias in (field.alias, field.validation_alias):
            if isinstance(alias, str) and alias != name and alias in given:
                given[name] = given.pop(alias)
        if name in given:
            continue
        if field.is_required():
            report(f"{name}: it is missing", "")
        else:
            given[name] = escape(jsonable(field.get_default(call_default_factory=True, validated_data={})))
    return given


def misfits(given: Shape, wanted: Shape, path: str = "") -> Iterator[str]:
    """Where what is given can never be what is wanted."""
    at = path or "it"
    if not compatible(given.kinds, wanted.kinds):
        yield f"{at} is {spoken(given.kinds)}, and not {spoken(wanted.kinds)}"
        return
    required = {str(name) for shape in wanted.alternatives for name in shape.schema.get("required", ())}
    for name in wanted.fields:
        inner, expected = given.at(name), wanted.at(name)
        if given.is_any or expected is None or path.count(".") > _DEEPEST:
            return
        if inner is None:
            if name in required:
                yield f"{at} has no field {name!r}"
        else:
            yield from misfits(inner, expected, f"{path}.{name}" if path else name)


def _plain(encoded: Json) -> Json:
    match encoded:
        case Mapping():
            return {(key[1:] if key.startswith("$$") else key): _plain(item) for key, item in encoded.items()}
        case list() | tuple():
            return [_plain(item) for item in encoded]
        case _:
            return encoded
