"""Requests and answers, held against PagerDuty's official OpenAPI documents.

Three things are read more kindly than the documents are written, because the documents say so elsewhere or cannot be
met as they stand: any field of an answer that is not required may be null ("Types" in the REST API's overview); where
an answer has a reference there may be the whole object (that is what `include[]` is for, and only some schemas say it);
and `oneOf` is read as `anyOf`, because the alternatives given there overlap.

Example:
    >>> validate_request("GET", "/incidents", [("limit", "5")], {"Accept": JSON_V2}, None)
    >>> validate_request("GET", "/incidents", [("limt", "5")], {"Accept": JSON_V2}, None)
    Traceback (most recent call last):
        ...
    tests.providers.openapi.validator.OpenApiError: GET /incidents: there is no query parameter 'limt'
"""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal, cast

from jsonschema import Draft7Validator, FormatChecker
from jsonschema.exceptions import ValidationError

JSON_V2 = "application/vnd.pagerduty+json;version=2"

Mode = Literal["request", "response"]

EXTRA_QUERY = {
    # Left out of the document, but they work, and the official MCP server uses the first.
    ("GET /incidents", "priority_ids[]"),
}
EXTRA_VALUES = {
    # The documents name them in the prose about the field, not in the list of values.
    ("GET /incidents", "include[]", "body"),
    ("GET /incidents/{id}", "include[]", "body"),
    # Sent literally to ask for on-calls without a schedule.
    ("GET /oncalls", "schedule_ids[]", "null"),
}
ERROR_SCHEMA = {
    "allOf": [{"$ref": "#/definitions/responses.Conflict.content.application_json.schema"}, {"required": ["error"]}]
}

formats = FormatChecker(formats=())


@formats.checks("date-time", raises=(ValueError, TypeError))
def _is_time(value: object) -> bool:
    return not isinstance(value, str) or bool(datetime.fromisoformat(value))


@formats.checks("email")
def _is_email(value: object) -> bool:
    return not isinstance(value, str) or re.fullmatch(r"[^@\s]+@[^@\s]+", value) is not None


class OpenApiError(AssertionError):
    """A request or an answer is not what the official documents say."""


def _read(text: str) -> dict[str, Any]:
    # Slips of the documents that nothing real could satisfy: a log entry type that is spelled otherwise in the list of
    # types, a pattern for times that is meant as an example, and details that are an object here and a string in every
    # example and in the guide to creating incidents.
    text = text.replace('"acknowledgement_log_entry"', '"acknowledge_log_entry"')
    document = json.loads(text.replace('"pattern":"YYYY-MM-DDThh:mm:ssZ"', '"minLength":1'))
    document["definitions"]["schemas.IncidentBody"]["properties"]["details"] = {
        "oneOf": [{"type": "string"}, {"type": "object"}]
    }
    return document


DOCUMENT = _read((Path(__file__).parent / "operations.json").read_text())
OPERATIONS: dict[str, dict[str, Any]] = DOCUMENT["operations"]


def _json_schema(schema: Any, mode: Mode) -> Any:
    """Turn an OpenAPI 3.0 schema into a JSON Schema."""
    if isinstance(schema, list):
        return [_json_schema(each, mode) for each in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    source = cast("dict[str, Any]", schema)
    result: dict[str, Any] = {}
    for name, value in source.items():
        if name in ("nullable", "readOnly", "exclusiveMaximum"):
            continue
        if name == "enum" and mode == "response":
            result[name] = [*value, *(each.removesuffix("_reference") for each in value if isinstance(each, str))]
            continue
        if name == "exclusiveMinimum":
            value = source["minimum"]  # A flag in OpenAPI 3.0, the bound itself in JSON Schema.
        if name == "properties":
            required = {"id", "type", *source.get("required", [])}
            result[name] = {
                key: _json_schema(each, mode) if mode == "request" or key in required else _or_null(each, mode)
                for key, each in value.items()
            }
        else:
            result["anyOf" if name == "oneOf" else name] = _json_schema(value, mode)
    if source.get("nullable"):
        return {"anyOf": [result, {"type": "null"}]}
    return result


def _or_null(schema: Any, mode: Mode) -> dict[str, Any]:
    return {"anyOf": [_json_schema(schema, mode), {"type": "null"}]}


@cache
def _definitions(mode: Mode) -> dict[str, Any]:
    return {name: _json_schema(schema, mode) for name, schema in DOCUMENT["definitions"].items()}


_validators: dict[tuple[str, str, Mode], Any] = {}


def _check(what: str, place: str, schema: Any, value: object, mode: Mode) -> None:
    key = (what, place, mode)
    if key not in _validators:
        root = {**_json_schema(schema, mode), "definitions": _definitions(mode)}
        _validators[key] = Draft7Validator(root, format_checker=formats)
    for error in cast("Iterable[ValidationError]", _validators[key].iter_errors(value)):
        cause = _deepest(error)
        where = "/".join(str(step) for step in cause.absolute_path) or "(the whole)"
        raise OpenApiError(f"{what}: {place}: {where}: {cause.message[:600]}")


def _deepest(error: ValidationError) -> ValidationError:
    """Return the cause that lies deepest in the value: of several alternatives, the one that came closest."""
    while error.context:
        error = max(error.context, key=lambda each: len(each.absolute_path))
    return error


def find_operation(method: str, path: str) -> tuple[str, dict[str, Any]]:
    """Return the name of an operation, such as `GET /incidents/{id}`, and what the documents say of it.

    Raises:
        OpenApiError: If there is none.
    """
    exact = f"{method.upper()} {path}"
    if exact in OPERATIONS:
        return exact, OPERATIONS[exact]
    for name, operation in OPERATIONS.items():
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(name))
        if re.fullmatch(pattern, exact):
            return name, operation
    raise OpenApiError(f"{exact}: there is no such operation")


def validate_request(
    method: str,
    path: str,
    query: Iterable[tuple[str, str]],
    headers: Mapping[str, str],
    body: object,
    *,
    user_token: bool = False,
) -> None:
    """Check a request that is about to be sent.

    Args:
        method: The HTTP method.
        path: The path, without the host.
        query: All query parameters; an unknown one is an error, because PagerDuty would silently ignore it.
        headers: The headers.
        body: The body as JSON, or None.
        user_token: Whether the credential belongs to a user, so that From is not needed.

    Raises:
        OpenApiError: If something is not as the documents say.
    """
    name, operation = find_operation(method, path)
    _check_query(name, operation, list(query))
    _check_headers(name, operation, {key.lower(): value for key, value in headers.items()}, body, user_token)
    if operation["body"] is None and body is not None:
        raise OpenApiError(f"{name}: it takes no body")
    if operation["body"] is not None:
        _check(name, "request body", operation["body"], body, "request")


def _check_query(name: str, operation: dict[str, Any], query: list[tuple[str, str]]) -> None:
    known = {each["name"]: each for each in operation["parameters"] if each["in"] == "query"}
    for key, value in query:
        if (name, key) in EXTRA_QUERY or (name, key, value) in EXTRA_VALUES:
            continue
        if key not in known:
            raise OpenApiError(f"{name}: there is no query parameter {key!r}")
        schema = known[key]["schema"]
        items = schema.get("items", schema)
        for each in [value] if known[key]["explode"] else value.split(","):
            _check(name, f"query parameter {key}", items, _typed(each, items), "request")
    given = {key for key, _ in query}
    for key, parameter in known.items():
        if parameter["required"] and key not in given:
            raise OpenApiError(f"{name}: the query parameter {key!r} is required")


def _typed(text: str, schema: dict[str, Any]) -> object:
    kind = schema.get("type")
    if kind == "integer" and re.fullmatch(r"-?\d+", text):
        return int(text)
    if kind == "boolean" and text in ("true", "false", "1", "0"):
        return text in ("true", "1")
    return text


def _check_headers(
    name: str, operation: dict[str, Any], headers: dict[str, str], body: object, user_token: bool
) -> None:
    known = {each["name"].lower(): each for each in operation["parameters"] if each["in"] == "header"}
    for key, parameter in known.items():
        # The documents ask for Content-Type even without a body; their prose asks for it only with one.
        excused = (key == "content-type" and body is None) or (key == "from" and user_token)
        if parameter["required"] and key not in headers and not excused:
            raise OpenApiError(f"{name}: the header {parameter['name']} is required")
        if key == "from" and key in headers:
            _check(name, "header From", parameter["schema"], headers[key], "request")
    if "from" in headers and "from" not in known:
        raise OpenApiError(f"{name}: it takes no From header")
    if body is not None and headers.get("content-type", "").partition(";")[0] != "application/json":
        raise OpenApiError(f"{name}: the header Content-Type must be application/json")
    if "accept" in known and headers.get("accept") != JSON_V2:
        raise OpenApiError(f"{name}: the header Accept must be {JSON_V2}")


def validate_response(method: str, path: str, status: int, body: object) -> None:
    """Check an answer.

    Errors that the documents do not list for an operation must still have the common shape of errors.

    Args:
        method: The HTTP method of the request.
        path: Its path, without the host.
        status: The status of the answer.
        body: Its body as JSON, or None.

    Raises:
        OpenApiError: If something is not as the documents say.
    """
    name, operation = find_operation(method, path)
    listed = operation["responses"]
    if str(status) not in listed and status < 400:
        raise OpenApiError(f"{name}: {status} is not one of the answers {', '.join(listed)}")
    schema = listed.get(str(status))
    if schema is None and status >= 400:
        schema = {} if path.startswith("/v2/") else ERROR_SCHEMA
    if schema is None:
        if body is not None:
            raise OpenApiError(f"{name}: an answer with {status} has no body")
        return
    _check(name, f"body of {status}", schema, body, "response")
