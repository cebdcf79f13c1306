"""What an account's plan includes: priorities, abilities, incident workflows."""

from __future__ import annotations

from resolute_pagerduty.account.account import object_in, values_in
from resolute_pagerduty.account.accounts import Accounts
from resolute_pagerduty.calls.incidents import reference
from resolute_pagerduty.calls.paging import read_page
from resolute_pagerduty.calls.repeats import at_most_once, derived_key
from resolute_pagerduty.errors import MissingAbilityError
from resolute_pagerduty.http.exchange import JsonBody
from resolute_pagerduty.http.operations import (
    GET_WORKFLOW,
    LIST_ABILITIES,
    LIST_PRIORITIES,
    LIST_WORKFLOWS,
    START_WORKFLOW,
    TEST_ABILITY,
)
from resolute_pagerduty.models.account import IncidentWorkflow
from resolute_pagerduty.models.outputs import (
    GetIncidentWorkflowOutput,
    HasAbilityOutput,
    ListAbilitiesOutput,
    ListIncidentWorkflowsOutput,
    ListPrioritiesOutput,
    StartIncidentWorkflowOutput,
)
from resolute_pagerduty.models.parameters import Id, Offset, PageSize, Text
from resolute_pagerduty.nodes.declare import READS, pagerduty_node


@pagerduty_node("ListPriorities", LIST_PRIORITIES, repeat=READS)
async def list_priorities(
    pagerduty: Accounts, *, limit: PageSize = 100, offset: Offset = 0, account: str | None = None
) -> ListPrioritiesOutput:
    """Reads the account's priorities, most severe first.

    Args:
        limit: priorities on the page, 1 to 100.
        offset: how many to skip.
        account: the name of one of the provider's accounts.

    Raises:
        MissingAbilityError: the account's plan does not include priorities.

    Example:
        >>> node = list_priorities()
    """
    opened = pagerduty.account(account)
    return await read_page(opened, LIST_PRIORITIES, "priorities", ListPrioritiesOutput, limit=limit, offset=offset)


@pagerduty_node("ListAbilities", LIST_ABILITIES, repeat=READS)
async def list_abilities(pagerduty: Accounts, *, account: str | None = None) -> ListAbilitiesOutput:
    """Reads which features the account's plan includes.

    Args:
        account: the name of one of the provider's accounts.

    Example:
        >>> node = list_abilities()
    """
    answer = await pagerduty.account(account).send(LIST_ABILITIES)
    return ListAbilitiesOutput(abilities=tuple(str(name) for name in values_in(answer, "abilities")))


@pagerduty_node("HasAbility", TEST_ABILITY, repeat=READS)
async def has_ability(pagerduty: Accounts, *, ability: Text, account: str | None = None) -> HasAbilityOutput:
    """Says whether the account's plan includes a feature.

    Args:
        ability: PagerDuty's name for it, such as `teams`.
        account: the name of one of the provider's accounts.

    Raises:
        NotFoundError: PagerDuty has no feature with that name.

    Example:
        >>> node = has_ability(ability="teams")
    """
    try:
        await pagerduty.account(account).send(TEST_ABILITY, path={"id": ability})
    except MissingAbilityError:
        return HasAbilityOutput(has_ability=False)
    return HasAbilityOutput(has_ability=True)


@pagerduty_node("ListIncidentWorkflows", LIST_WORKFLOWS, repeat=READS)
async def list_incident_workflows(
    pagerduty: Accounts,
    *,
    query: Text | None = None,
    limit: PageSize = 25,
    offset: Offset = 0,
    total: bool = False,
    account: str | None = None,
) -> ListIncidentWorkflowsOutput:
    """Reads a page of the incident workflows.

    Args:
        query: part of the name.
        limit: workflows on the page, 1 to 100.
        offset: how many to skip; limit + offset is at most 10,000.
        total: whether to count `total`.
        account: the name of one of the provider's accounts.

    Raises:
        MissingAbilityError: the account's plan does not include incident workflows.

    Example:
        >>> node = list_incident_workflows(query="major")
    """
    return await read_page(
        pagerduty.account(account),
        LIST_WORKFLOWS,
        "incident_workflows",
        ListIncidentWorkflowsOutput,
        limit=limit,
        offset=offset,
        total=total,
        query={"query": query},
    )


@pagerduty_node("GetIncidentWorkflow", GET_WORKFLOW, repeat=READS)
async def get_incident_workflow(
    pagerduty: Accounts, *, id: Id, account: str | None = None
) -> GetIncidentWorkflowOutput:
    """Reads an incident workflow with its steps.

    Args:
        id: its id.
        account: the name of one of the provider's accounts.

    Raises:
        MissingAbilityError: the account's plan does not include incident workflows.

    Example:
        >>> node = get_incident_workflow(id="PSFEVL7")
    """
    answer = await pagerduty.account(account).send(GET_WORKFLOW, path={"id": id})
    found = IncidentWorkflow.model_validate(object_in(answer, "incident_workflow"))
    return GetIncidentWorkflowOutput(incident_workflow=found)


@pagerduty_node(
    "StartIncidentWorkflow",
    START_WORKFLOW,
    repeat="PagerDuty shows no trace of it, so it is started at most once: if the answer is lost, the step ends",
    remains="if the answer is lost, nobody knows whether the workflow was started; the step says so and fails",
    leaves_word=True,
)
async def start_incident_workflow(
    pagerduty: Accounts,
    *,
    id: Id,
    incident_id: Id,
    repeat: bool = False,
    account: str | None = None,
) -> StartIncidentWorkflowOutput:
    """Starts an incident workflow on an incident.

    If the answer is lost, nobody can find out whether it was started. The step then fails instead of starting it a
    second time, unless `repeat` says that twice is better than not at all.

    Args:
        id: the workflow's id.
        incident_id: the incident.
        repeat: whether to start it again when it may already have been started.
        account: the name of one of the provider's accounts.

    Raises:
        UncertainOutcomeError: it may or may not have been started.

    Example:
        >>> node = start_incident_workflow(id="PSFEVL7", incident_id="PT4KHLK")
    """
    opened = pagerduty.account(account)
    body = {"incident_workflow_instance": {"id": derived_key(), "incident": reference(incident_id, "incident")}}

    async def send() -> JsonBody:
        return object_in(await opened.send(START_WORKFLOW, path={"id": id}, body=body), "incident_workflow_instance")

    found = await at_most_once(send, "the start of the workflow", repeat=repeat)
    return StartIncidentWorkflowOutput(instance_id=str(found.get("id", "")))
