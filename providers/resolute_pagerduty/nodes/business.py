"""Business services, and which services depend on which."""

from __future__ import annotations

from resolute_pagerduty.account.account import list_in, object_in
from resolute_pagerduty.account.accounts import Accounts
from resolute_pagerduty.calls.paging import read_page, walk
from resolute_pagerduty.http.operations import (
    GET_BUSINESS_DEPENDENCIES,
    GET_BUSINESS_SERVICE,
    GET_TECHNICAL_DEPENDENCIES,
    LIST_BUSINESS_SERVICES,
    Operation,
)
from resolute_pagerduty.models.business import BusinessService, ServiceDependency
from resolute_pagerduty.models.outputs import (
    AllBusinessServicesOutput,
    GetBusinessServiceOutput,
    GetServiceDependenciesOutput,
    ListBusinessServicesOutput,
)
from resolute_pagerduty.models.parameters import Count, Id, Offset, PageSize
from resolute_pagerduty.nodes.declare import READS, WALK_POLICY, pagerduty_node


@pagerduty_node("ListBusinessServices", LIST_BUSINESS_SERVICES, repeat=READS)
async def list_business_services(
    pagerduty: Accounts,
    *,
    limit: PageSize = 25,
    offset: Offset = 0,
    total: bool = False,
    account: str | None = None,
) -> ListBusinessServicesOutput:
    """Reads a page of the business services. `all_business_services` reads every page.

    Args:
        limit: business services on the page, 1 to 100.
        offset: how many to skip; limit + offset is at most 10,000.
        total: whether to count `total`.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = list_business_services(limit=100)
    """
    return await read_page(
        pagerduty.account(account),
        LIST_BUSINESS_SERVICES,
        "business_services",
        ListBusinessServicesOutput,
        limit=limit,
        offset=offset,
        total=total,
    )


@pagerduty_node("AllBusinessServices", LIST_BUSINESS_SERVICES, repeat=READS, policy=WALK_POLICY)
async def all_business_services(
    pagerduty: Accounts, *, limit: Count | None = None, account: str | None = None
) -> AllBusinessServicesOutput:
    """Reads every business service.

    Args:
        limit: the most to read; `more` says whether there are more.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = all_business_services()
    """
    opened = pagerduty.account(account)
    walked = await walk(opened, LIST_BUSINESS_SERVICES, "business_services", BusinessService, limit=limit)
    return AllBusinessServicesOutput(business_services=walked.items, more=walked.more)


@pagerduty_node("GetBusinessService", GET_BUSINESS_SERVICE, repeat=READS)
async def get_business_service(pagerduty: Accounts, *, id: Id, account: str | None = None) -> GetBusinessServiceOutput:
    """Reads a business service.

    Args:
        id: its id.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = get_business_service(id="P1L1YEE")
    """
    answer = await pagerduty.account(account).send(GET_BUSINESS_SERVICE, path={"id": id})
    found = BusinessService.model_validate(object_in(answer, "business_service"))
    return GetBusinessServiceOutput(business_service=found)


@pagerduty_node("GetBusinessServiceDependencies", GET_BUSINESS_DEPENDENCIES, repeat=READS)
async def get_business_service_dependencies(
    pagerduty: Accounts, *, id: Id, account: str | None = None
) -> GetServiceDependenciesOutput:
    """Reads which services a business service needs, and which need it, one step in each direction.

    Args:
        id: the business service.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = get_business_service_dependencies(id="P1L1YEE")
    """
    return await _dependencies(pagerduty, account, GET_BUSINESS_DEPENDENCIES, id)


@pagerduty_node("GetTechnicalServiceDependencies", GET_TECHNICAL_DEPENDENCIES, repeat=READS)
async def get_technical_service_dependencies(
    pagerduty: Accounts, *, id: Id, account: str | None = None
) -> GetServiceDependenciesOutput:
    """Reads which services a service needs, and which need it, one step in each direction.

    Args:
        id: the service.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = get_technical_service_dependencies(id="PWIXJZS")
    """
    return await _dependencies(pagerduty, account, GET_TECHNICAL_DEPENDENCIES, id)


async def _dependencies(
    pagerduty: Accounts, account: str | None, operation: Operation, service_id: str
) -> GetServiceDependenciesOutput:
    found = list_in(await pagerduty.account(account).send(operation, path={"id": service_id}), "relationships")
    return GetServiceDependenciesOutput(relationships=tuple(map(ServiceDependency.model_validate, found)))
