"""Event orchestrations: rules that route events and say what happens to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from resolute_pagerduty.account.account import object_in
from resolute_pagerduty.account.accounts import Accounts
from resolute_pagerduty.calls.paging import read_page, walk
from resolute_pagerduty.calls.routers import UNROUTED, RouterRule, append_rule, replace_rules
from resolute_pagerduty.http.operations import (
    GET_GLOBAL_RULES,
    GET_ORCHESTRATION,
    GET_ROUTER,
    GET_SERVICE_RULES,
    LIST_ORCHESTRATIONS,
    UPDATE_ROUTER,
    Operation,
)
from resolute_pagerduty.models.orchestrations import Orchestration, OrchestrationPath
from resolute_pagerduty.models.outputs import (
    AllEventOrchestrationsOutput,
    AppendRouterRuleOutput,
    GetEventOrchestrationOutput,
    GetOrchestrationRulesOutput,
    ListEventOrchestrationsOutput,
)
from resolute_pagerduty.models.parameters import Count, Id, Offset, PageSize
from resolute_pagerduty.nodes.declare import NOTHING, READS, WALK_POLICY, pagerduty_node

Order: TypeAlias = Literal["name:asc", "name:desc", "routes:asc", "routes:desc", "created_at:asc", "created_at:desc"]


@pagerduty_node("ListEventOrchestrations", LIST_ORCHESTRATIONS, repeat=READS)
async def list_event_orchestrations(
    pagerduty: Accounts,
    *,
    sort_by: Order | None = None,
    limit: PageSize = 25,
    offset: Offset = 0,
    account: str | None = None,
) -> ListEventOrchestrationsOutput:
    """Reads a page of the event orchestrations. `all_event_orchestrations` reads every page.

    Args:
        sort_by: by name, number of routes or time, ascending or descending.
        limit: orchestrations on the page, 1 to 100.
        offset: how many to skip; limit + offset is at most 10,000.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = list_event_orchestrations(sort_by="name:asc")
    """
    return await read_page(
        pagerduty.account(account),
        LIST_ORCHESTRATIONS,
        "orchestrations",
        ListEventOrchestrationsOutput,
        limit=limit,
        offset=offset,
        query={"sort_by": sort_by},
    )


@pagerduty_node("AllEventOrchestrations", LIST_ORCHESTRATIONS, repeat=READS, policy=WALK_POLICY)
async def all_event_orchestrations(
    pagerduty: Accounts, *, limit: Count | None = None, account: str | None = None
) -> AllEventOrchestrationsOutput:
    """Reads every event orchestration, by name.

    Args:
        limit: the most to read; `more` says whether there are more.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = all_event_orchestrations()
    """
    walked = await walk(
        pagerduty.account(account),
        LIST_ORCHESTRATIONS,
        "orchestrations",
        Orchestration,
        query={"sort_by": "name:asc"},
        limit=limit,
    )
    return AllEventOrchestrationsOutput(orchestrations=walked.items, more=walked.more)


@pagerduty_node("GetEventOrchestration", GET_ORCHESTRATION, repeat=READS)
async def get_event_orchestration(
    pagerduty: Accounts, *, id: Id, account: str | None = None
) -> GetEventOrchestrationOutput:
    """Reads an event orchestration, without the routing keys of its integrations, which are secrets.

    Args:
        id: its id.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = get_event_orchestration(id="b02e973d-9620-4e0a-9edc-00fedf7d4694")
    """
    answer = await pagerduty.account(account).send(GET_ORCHESTRATION, path={"id": id})
    return GetEventOrchestrationOutput(orchestration=Orchestration.model_validate(object_in(answer, "orchestration")))


@pagerduty_node("GetEventOrchestrationRouter", GET_ROUTER, repeat=READS)
async def get_event_orchestration_router(
    pagerduty: Accounts, *, id: Id, account: str | None = None
) -> GetOrchestrationRulesOutput:
    """Reads the rules that route an event orchestration's events to services.

    Args:
        id: the orchestration.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = get_event_orchestration_router(id="b02e973d-9620-4e0a-9edc-00fedf7d4694")
    """
    return await _rules(pagerduty, account, GET_ROUTER, {"id": id})


@pagerduty_node(
    "UpdateEventOrchestrationRouter",
    UPDATE_ROUTER,
    repeat="sending the same rules twice has no further effect",
    remains=NOTHING,
)
async def update_event_orchestration_router(
    pagerduty: Accounts, *, id: Id, rules: Sequence[RouterRule], catch_all: Id = UNROUTED, account: str | None = None
) -> GetOrchestrationRulesOutput:
    """Replaces all rules that route an event orchestration's events to services.

    Args:
        id: the orchestration.
        rules: which events go to which service; the first rule that matches wins.
        catch_all: the service that gets all other events; `unrouted` for none.
        account: the name of one of the provider's accounts.

    Example:
        >>> from resolute_pagerduty import RouterRule
        >>> search = RouterRule(label="Search", conditions=["event.source matches 'search'"], route_to="PWIXJZS")
        >>> node = update_event_orchestration_router(id="b02e973d-9620-4e0a-9edc-00fedf7d4694", rules=[search])
    """
    bodies = [rule.body() for rule in rules]
    changed = await replace_rules(pagerduty.account(account), id, bodies, {"route_to": catch_all})
    return GetOrchestrationRulesOutput(orchestration_path=changed)


@pagerduty_node(
    "AppendEventOrchestrationRouterRule",
    UPDATE_ROUTER,
    GET_ROUTER,
    repeat="a rule that already exists is not added again",
    remains="PagerDuty replaces all rules together: one that somebody else adds at the same time may be lost",
)
async def append_event_orchestration_router_rule(
    pagerduty: Accounts, *, id: Id, rule: RouterRule, account: str | None = None
) -> AppendRouterRuleOutput:
    """Adds a rule after those that route an event orchestration's events to services.

    Args:
        id: the orchestration.
        rule: which events go to which service.
        account: the name of one of the provider's accounts.

    Example:
        >>> from resolute_pagerduty import RouterRule
        >>> search = RouterRule(label="Search", conditions=["event.source matches 'search'"], route_to="PWIXJZS")
        >>> node = append_event_orchestration_router_rule(id="b02e973d-9620-4e0a-9edc-00fedf7d4694", rule=search)
    """
    path, added = await append_rule(pagerduty.account(account), id, rule)
    return AppendRouterRuleOutput(orchestration_path=path, added=added)


@pagerduty_node("GetEventOrchestrationGlobal", GET_GLOBAL_RULES, repeat=READS)
async def get_event_orchestration_global(
    pagerduty: Accounts, *, id: Id, account: str | None = None
) -> GetOrchestrationRulesOutput:
    """Reads the rules that an event orchestration applies to all its events, before its router.

    Args:
        id: the orchestration.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = get_event_orchestration_global(id="b02e973d-9620-4e0a-9edc-00fedf7d4694")
    """
    return await _rules(pagerduty, account, GET_GLOBAL_RULES, {"id": id})


@pagerduty_node("GetEventOrchestrationService", GET_SERVICE_RULES, repeat=READS)
async def get_event_orchestration_service(
    pagerduty: Accounts, *, service_id: Id, account: str | None = None
) -> GetOrchestrationRulesOutput:
    """Reads the rules that a service applies to the events it receives.

    Args:
        service_id: the service.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = get_event_orchestration_service(service_id="PWIXJZS")
    """
    return await _rules(pagerduty, account, GET_SERVICE_RULES, {"service_id": service_id})


async def _rules(
    pagerduty: Accounts, account: str | None, operation: Operation, path: dict[str, str]
) -> GetOrchestrationRulesOutput:
    found = object_in(await pagerduty.account(account).send(operation, path=path), "orchestration_path")
    return GetOrchestrationRulesOutput(orchestration_path=OrchestrationPath.model_validate(found))
