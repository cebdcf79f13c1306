"""Types of node arguments: what PagerDuty's documentation rules out is refused when the flow is built."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from annotated_types import MaxLen, MinLen
from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints

Id: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$")]
"""The id of something at PagerDuty, such as `PT4KHLK`."""

Ids: TypeAlias = Annotated[Sequence[Id], MinLen(1)]
"""One or more ids. An empty list would not filter at all, so it is refused."""

Status: TypeAlias = Literal["triggered", "acknowledged", "resolved"]
Urgency: TypeAlias = Literal["high", "low"]
Severity: TypeAlias = Literal["critical", "error", "warning", "info"]

Statuses: TypeAlias = Annotated[Sequence[Status], MinLen(1)]
Urgencies: TypeAlias = Annotated[Sequence[Urgency], MinLen(1)]

Text: TypeAlias = Annotated[str, MinLen(1)]
"""Text that is not empty."""

Texts: TypeAlias = Annotated[Sequence[Text], MinLen(1)]

DedupKey: TypeAlias = Annotated[str, MinLen(1), MaxLen(255)]
"""What events of one alert share. Source: https://github.com/PagerDuty/developer-docs/blob/HEAD/docs/events-API-v2/02-Trigger-Events.md"""

PageSize: TypeAlias = Annotated[int, Field(ge=1, le=100)]
"""Items of one page. Source: https://github.com/PagerDuty/developer-docs/blob/HEAD/docs/REST-API/09-Pagination.md"""

Count: TypeAlias = Annotated[int, Field(ge=1)]
"""How many to read at most."""

Offset: TypeAlias = Annotated[int, Field(ge=0)]


def _whole_seconds(time: datetime) -> datetime:
    return time.replace(microsecond=0)


Time: TypeAlias = Annotated[AwareDatetime, AfterValidator(_whole_seconds)]
"""A time with its zone. PagerDuty reads one without in the account's time zone, which a worker does not know.

PagerDuty keeps whole seconds: a repeat would not recognize what it has made by a time with fractions of them.
"""
