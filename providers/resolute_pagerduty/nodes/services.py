"""Services: what incidents are about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field

from resolute_pagerduty.account.account import object_in
from resolute_pagerduty.account.accounts import Accounts
from resolute_pagerduty.calls.edits import remove
from resolute_pagerduty.calls.events import given
from resolute_pagerduty.calls.files import check_folder, write_secret
from resolute_pagerduty.calls.incidents import reference
from resolute_pagerduty.calls.integrations import integrate
from resolute_pagerduty.calls.lookups import Kind
from resolute_pagerduty.calls.paging import read_page, walk
from resolute_pagerduty.errors import InvalidRequestError, UnreadableAnswerError
from resolute_pagerduty.http.operations import (
    CREATE_INTEGRATION,
    CREATE_SERVICE,
    DELETE_SERVICE,
    GET_INTEGRATION,
    GET_SERVICE,
    LIST_SERVICES,
    UPDATE_SERVICE,
)
from resolute_pagerduty.models.outputs import (
    AllServicesOutput,
    CreateIntegrationOutput,
    CreateServiceOutput,
    GetServiceOutput,
    ListServicesOutput,
)
from resolute_pagerduty.models.parameters import Count, Id, Ids, Offset, PageSize, Text, Urgency
from resolute_pagerduty.models.services import Integration, Service
from resolute_pagerduty.nodes.declare import LATE, NOTHING, READS, WALK_POLICY, pagerduty_node

SERVICES: Final = Kind(model=Service, name="service", plural="services", lookup=LIST_SERVICES, create=CREATE_SERVICE)

Timeout: TypeAlias = Annotated[int, Field(ge=1)] | None
"""Seconds; null switches it off."""

Include: TypeAlias = Sequence[
    Literal["escalation_policies", "teams", "integrations", "auto_pause_notifications_parameters"]
]


@pagerduty_node("ListServices", LIST_SERVICES, repeat=READS)
async def list_services(
    pagerduty: Accounts,
    *,
    query: Text | None = None,
    name: Text | None = None,
    team_ids: Ids | None = None,
    sort_by: Literal["name", "name:asc", "name:desc"] | None = None,
    include: Include | None = None,
    limit: PageSize = 25,
    offset: Offset = 0,
    total: bool = False,
    account: str | None = None,
) -> ListServicesOutput:
    """Reads a page of the services that match all filters. `all_services` reads every page.

    Args:
        query: part of the name.
        name: the whole name.
        team_ids: only these teams.
        sort_by: by name, ascending or descending.
        include: what to return in full instead of as a reference.
        limit: services on the page, 1 to 100.
        offset: how many to skip; limit + offset is at most 10,000.
        total: whether to count `total`.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = list_services(query="checkout", limit=100)
    """
    return await read_page(
        pagerduty.account(account),
        LIST_SERVICES,
        "services",
        ListServicesOutput,
        limit=limit,
        offset=offset,
        total=total,
        query={"query": query, "name": name, "team_ids": team_ids, "sort_by": sort_by, "include": include},
    )


@pagerduty_node("AllServices", LIST_SERVICES, repeat=READS, policy=WALK_POLICY)
async def all_services(
    pagerduty: Accounts,
    *,
    query: Text | None = None,
    team_ids: Ids | None = None,
    include: Include | None = None,
    limit: Count | None = None,
    account: str | None = None,
) -> AllServicesOutput:
    """Reads every service that matches all filters.

    Args:
        query: part of the name.
        team_ids: only these teams.
        include: what to return in full instead of as a reference.
        limit: the most to read; `more` says whether there are more.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = all_services(team_ids=["PQ9K7I8"])
    """
    asked = {"query": query, "team_ids": team_ids, "include": include, "sort_by": "name"}
    opened = pagerduty.account(account)
    walked = await walk(opened, LIST_SERVICES, "services", Service, query=asked, limit=limit)
    return AllServicesOutput(services=walked.items, more=walked.more)


@pagerduty_node("GetService", GET_SERVICE, repeat=READS)
async def get_service(
    pagerduty: Accounts, *, id: Id, include: Include | None = None, account: str | None = None
) -> GetServiceOutput:
    """Reads a service.

    Args:
        id: its id.
        include: what to return in full instead of as a reference.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = get_service(id="PWIXJZS", include=["integrations"])
    """
    answer = await pagerduty.account(account).send(GET_SERVICE, path={"id": id}, query={"include": include})
    return GetServiceOutput(service=Service.model_validate(object_in(answer, "service")))


@pagerduty_node(
    "CreateService",
    CREATE_SERVICE,
    LIST_SERVICES,
    repeat="an existing service with that name is returned; PagerDuty's names are unique",
    remains=NOTHING,
)
async def create_service(
    pagerduty: Accounts,
    *,
    name: Text,
    escalation_policy_id: Id,
    description: str | None = None,
    auto_resolve_timeout: Timeout = 14_400,
    acknowledgement_timeout: Timeout = 1_800,
    urgency: Urgency | None = None,
    account: str | None = None,
) -> CreateServiceOutput:
    """Creates a service. An existing service with that name is returned unchanged, with `created` false.

    Args:
        name: its name, which must be unique.
        escalation_policy_id: who is notified about its incidents.
        description: what it is for.
        auto_resolve_timeout: seconds after which an open incident resolves automatically; null for never.
        acknowledgement_timeout: seconds after which an acknowledged incident is triggered again; null for never.
        urgency: the urgency of all its incidents.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = create_service(name="checkout", escalation_policy_id="PT20YPA")
    """
    body = given(
        name=name,
        description=description,
        escalation_policy=reference(escalation_policy_id, "escalation_policy"),
        incident_urgency_rule={"type": "constant", "urgency": urgency} if urgency else None,
    )
    # PagerDuty switches off a timeout that is left out, though its documentation gives a default: always send both.
    body |= {"auto_resolve_timeout": auto_resolve_timeout, "acknowledgement_timeout": acknowledgement_timeout}
    service, created = await SERVICES.make(pagerduty.account(account), body)
    return CreateServiceOutput(service=service, created=created)


@pagerduty_node(
    "UpdateService", UPDATE_SERVICE, GET_SERVICE, repeat="a repeated change has no further effect", remains=NOTHING
)
async def update_service(
    pagerduty: Accounts,
    *,
    id: Id,
    name: Text | None = None,
    description: str | None = None,
    escalation_policy_id: Id | None = None,
    status: Literal["active", "disabled"] | None = None,
    auto_resolve_timeout: Annotated[int, Field(ge=0)] | None = None,
    acknowledgement_timeout: Annotated[int, Field(ge=0)] | None = None,
    urgency: Urgency | None = None,
    account: str | None = None,
) -> GetServiceOutput:
    """Changes a service; what you leave out stays as it is.

    Args:
        id: its id.
        name: a new name.
        description: what it is for.
        escalation_policy_id: who is notified about its incidents.
        status: disabled, or active to enable it again.
        auto_resolve_timeout: seconds after which an open incident resolves automatically; 0 for never.
        acknowledgement_timeout: seconds after which an acknowledged incident is triggered again; 0 for never.
        urgency: the urgency of all its incidents.
        account: the name of one of the provider's accounts.

    Raises:
        InvalidRequestError: there is nothing to change.

    Example:
        >>> node = update_service(id="PWIXJZS", escalation_policy_id="PT20YPA")
    """
    body = given(
        name=name,
        description=description,
        status=status,
        escalation_policy=reference(escalation_policy_id, "escalation_policy") if escalation_policy_id else None,
        auto_resolve_timeout=auto_resolve_timeout,
        acknowledgement_timeout=acknowledgement_timeout,
        incident_urgency_rule={"type": "constant", "urgency": urgency} if urgency else None,
    )
    if not body:
        raise InvalidRequestError("name", "or another field to change is missing")
    opened = pagerduty.account(account)
    if escalation_policy_id is None:  # PagerDuty requires it in every change
        now = Service.model_validate(object_in(await opened.send(GET_SERVICE, path={"id": id}), "service"))
        body["escalation_policy"] = reference(now.escalation_policy.id, "escalation_policy")
    answer = await opened.send(UPDATE_SERVICE, path={"id": id}, body={"service": {"type": "service", **body}})
    return GetServiceOutput(service=Service.model_validate(object_in(answer, "service")))


@pagerduty_node("DeleteService", DELETE_SERVICE, repeat="a service that is gone is a success", remains=NOTHING)
async def delete_service(pagerduty: Accounts, *, id: Id, account: str | None = None) -> None:
    """Removes a service with its integrations; no more incidents can be opened for it.

    Args:
        id: its id.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = delete_service(id="PWIXJZS")
    """
    await remove(pagerduty.account(account), DELETE_SERVICE, {"id": id})


@pagerduty_node(
    "CreateIntegration",
    CREATE_INTEGRATION,
    GET_SERVICE,
    GET_INTEGRATION,
    repeat="the service's existing integration with that name is returned",
    remains=f"a second integration of that name {LATE}; its key works too",
)
async def create_integration(
    pagerduty: Accounts, *, service_id: Id, name: Text, key_file: Text, account: str | None = None
) -> CreateIntegrationOutput:
    """Lets a service receive events: creates an Events API v2 integration and writes its routing key to a file.

    The key is a secret: anyone who has it can page people. It is written on the worker, readable only by its user, and
    never enters a history. An existing integration with that name is used, with `created` false.

    Args:
        service_id: the service.
        name: what the integration is called.
        key_file: the file on the worker to write the routing key to.
        account: the name of one of the provider's accounts.

    Raises:
        InvalidRequestError: the file's folder does not exist; nothing was sent.

    Example:
        >>> node = create_integration(service_id="PWIXJZS", name="monitor", key_file="/run/secrets/routing-key")
    """
    check_folder("key_file", key_file)
    found, created = await integrate(pagerduty.account(account), service_id, name)
    key = found.get("integration_key")
    if not isinstance(key, str):
        raise UnreadableAnswerError(f"integration {found.get('id')} of service {service_id} came without its key")
    write_secret(key_file, key)
    return CreateIntegrationOutput(integration=Integration.model_validate(found), created=created)
