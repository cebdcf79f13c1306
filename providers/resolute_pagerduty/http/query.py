"""Parameters of a request, spelled as PagerDuty reads them.

PagerDuty ignores unknown parameters, and a filter that it ignores lets everything through. So nothing here guesses: a
value that would be left out by accident is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, cast
from urllib.parse import quote

from resolute_pagerduty.errors import InvalidRequestError
from resolute_pagerduty.http.operations import Operation


def path_of(operation: Operation, parts: Mapping[str, str]) -> str:
    """The operation's path with its parts filled in.

    Raises:
        InvalidRequestError: a part is empty, which would make it the path of another operation.

    >>> from resolute_pagerduty.http.operations import GET_INCIDENT
    >>> path_of(GET_INCIDENT, {"id": "PT4KHLK"})
    '/incidents/PT4KHLK'
    """
    path = operation.path
    for name, value in parts.items():
        if not value.strip():
            raise InvalidRequestError(name, "is empty; give the id that PagerDuty shows in its page URLs")
        path = path.replace(f"{{{name}}}", quote(value, safe="", errors="replace"))
    return path


def query_of(parameters: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Parameters as pairs of text. A list becomes `name[]` as often as it has items; None is left out.

    Raises:
        InvalidRequestError: a list is empty: PagerDuty would read that as no filter.

    >>> query_of({"statuses": ["triggered", "acknowledged"], "total": True, "query": None})
    [('statuses[]', 'triggered'), ('statuses[]', 'acknowledged'), ('total', 'true')]
    """
    pairs: list[tuple[str, str]] = []
    for name, value in parameters.items():
        if value is None:
            continue
        if isinstance(value, Sequence) and not isinstance(value, str):
            items = cast("Sequence[object]", value)
            if not items:
                raise InvalidRequestError(name, "is an empty list, which PagerDuty reads as no filter; leave it out")
            pairs += [(f"{name}[]", _text(item)) for item in items]
        else:
            pairs.append((name, _text(value)))
    return pairs


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return str(value)
