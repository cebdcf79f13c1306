"""What PagerDuty finds out about an incident: similar ones in the past, related ones, and earlier changes.

What an account gets depends on its plan. PagerDuty refuses what the plan does not include.

Source: https://developer.pagerduty.com/api-reference/a47605517c19a-api-concepts#past_incidents
"""

from __future__ import annotations

from typing import Annotated, Any, cast

from pydantic import Field

from resolute_pagerduty.account.account import list_in
from resolute_pagerduty.account.accounts import Accounts
from resolute_pagerduty.errors import UnreadableAnswerError
from resolute_pagerduty.http.operations import (
    GET_OUTLIER_INCIDENT,
    GET_PAST_INCIDENTS,
    GET_RELATED_INCIDENTS,
    LIST_RELATED_CHANGE_EVENTS,
)
from resolute_pagerduty.models.changes import GetRelatedChangeEventsOutput, RelatedChangeEvent
from resolute_pagerduty.models.parameters import Id, PageSize, Time
from resolute_pagerduty.models.similar import (
    GetOutlierIncidentOutput,
    GetPastIncidentsOutput,
    GetRelatedIncidentsOutput,
    OutlierIncident,
    RelatedIncident,
)
from resolute_pagerduty.nodes.declare import READS, pagerduty_node


@pagerduty_node("GetPastIncidents", GET_PAST_INCIDENTS, repeat=READS)
async def get_past_incidents(
    pagerduty: Accounts,
    *,
    incident_id: Id | int,
    limit: Annotated[int, Field(ge=1, le=999)] = 5,
    total: bool = False,
    account: str | None = None,
) -> GetPastIncidentsOutput:
    """Reads which incidents of the last six months were similar to this one, on the same service.

    Args:
        incident_id: the incident's id, or its number.
        limit: how many at most, 1 to 999.
        total: whether to count `total`.
        account: the name of one of the provider's accounts.

    Raises:
        RefusedError: the account's plan does not include it.

    Example:
        >>> node = get_past_incidents(incident_id="PT4KHLK")
    """
    answer = await pagerduty.account(account).send(
        GET_PAST_INCIDENTS, path={"id": str(incident_id)}, query={"limit": limit, "total": total or None}
    )
    list_in(answer, "past_incidents")
    return GetPastIncidentsOutput.model_validate(answer)


@pagerduty_node("GetRelatedIncidents", GET_RELATED_INCIDENTS, repeat=READS)
async def get_related_incidents(
    pagerduty: Accounts, *, incident_id: Id | int, details: bool = True, account: str | None = None
) -> GetRelatedIncidentsOutput:
    """Reads the 20 most recent incidents of other services and responders that may have to do with this one.

    Args:
        incident_id: the incident's id, or its number.
        details: whether each comes with its status, service and so on; otherwise only with its id, title and time.
        account: the name of one of the provider's accounts.

    Raises:
        RefusedError: the account's plan does not include it.

    Example:
        >>> node = get_related_incidents(incident_id="PT4KHLK")
    """
    answer = await pagerduty.account(account).send(
        GET_RELATED_INCIDENTS, path={"id": str(incident_id)}, query=_details(details)
    )
    found = list_in(answer, "related_incidents")
    return GetRelatedIncidentsOutput(related_incidents=tuple(map(RelatedIncident.model_validate, found)))


@pagerduty_node("GetOutlierIncident", GET_OUTLIER_INCIDENT, repeat=READS)
async def get_outlier_incident(
    pagerduty: Accounts,
    *,
    incident_id: Id | int,
    since: Time | None = None,
    details: bool = True,
    account: str | None = None,
) -> GetOutlierIncidentOutput:
    """Reads whether an incident is unusual for its service: how often similar ones happened there.

    Args:
        incident_id: the incident's id, or its number.
        since: where to count from; by default PagerDuty decides.
        details: whether the incident comes with its status, service and so on.
        account: the name of one of the provider's accounts.

    Raises:
        RefusedError: the account's plan does not include it.

    Example:
        >>> outlier = get_outlier_incident(incident_id="PT4KHLK").as_("outlier")
    """
    query = {"since": since, **_details(details)}
    answer: Any = await pagerduty.account(account).send(
        GET_OUTLIER_INCIDENT, path={"id": str(incident_id)}, query=query
    )
    if not isinstance(answer, dict):
        raise UnreadableAnswerError("the response contains no 'outlier_incident'")
    found = cast("dict[str, Any]", answer).get("outlier_incident")
    return GetOutlierIncidentOutput(outlier_incident=OutlierIncident.model_validate(found) if found else None)


@pagerduty_node("GetRelatedChangeEvents", LIST_RELATED_CHANGE_EVENTS, repeat=READS)
async def get_related_change_events(
    pagerduty: Accounts, *, incident_id: Id | int, limit: PageSize = 25, account: str | None = None
) -> GetRelatedChangeEventsOutput:
    """Reads which changes PagerDuty thinks may have caused an incident, and why.

    Args:
        incident_id: the incident's id, or its number.
        limit: how many at most, 1 to 100.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = get_related_change_events(incident_id="PT4KHLK")
    """
    answer = await pagerduty.account(account).send(
        LIST_RELATED_CHANGE_EVENTS, path={"id": str(incident_id)}, query={"limit": limit}
    )
    found = list_in(answer, "change_events")
    return GetRelatedChangeEventsOutput(change_events=tuple(map(RelatedChangeEvent.model_validate, found)))


def _details(wanted: bool) -> dict[str, Any]:
    return {"additional_details": ["incident"] if wanted else None}
