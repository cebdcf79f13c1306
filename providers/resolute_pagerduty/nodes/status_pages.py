"""Status pages: what customers get to read. PagerDuty returns these lists in one response."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import Field

from resolute import Record
from resolute_pagerduty.account.account import list_in, object_in
from resolute_pagerduty.account.accounts import Accounts
from resolute_pagerduty.calls.repeats import at_most_once
from resolute_pagerduty.http.exchange import JsonBody
from resolute_pagerduty.http.operations import (
    CREATE_STATUS_PAGE_POST_UPDATE,
    GET_STATUS_PAGE_POST,
    LIST_STATUS_PAGE_IMPACTS,
    LIST_STATUS_PAGE_POST_UPDATES,
    LIST_STATUS_PAGE_POSTS,
    LIST_STATUS_PAGE_SEVERITIES,
    LIST_STATUS_PAGE_STATUSES,
    LIST_STATUS_PAGES,
    Operation,
)
from resolute_pagerduty.models.base import Model
from resolute_pagerduty.models.outputs import (
    CreateStatusPagePostUpdateOutput,
    GetStatusPagePostOutput,
    ListStatusPageImpactsOutput,
    ListStatusPagePostsOutput,
    ListStatusPagePostUpdatesOutput,
    ListStatusPageSeveritiesOutput,
    ListStatusPagesOutput,
    ListStatusPageStatusesOutput,
)
from resolute_pagerduty.models.parameters import Id, Ids, Text
from resolute_pagerduty.models.status_pages import StatusPagePost, StatusPagePostUpdate
from resolute_pagerduty.nodes.declare import READS, pagerduty_node

PostType: TypeAlias = Literal["incident", "maintenance"]
Reviewed: TypeAlias = Literal["approved", "not_reviewed"]


class StatusPageImpact(Record):
    """How a service of a status page is affected.

    Example:
        >>> impact = StatusPageImpact(service_id="PYHMEI3", impact_id="PY5OM08")
    """

    service_id: Id
    """A service of the status page, as its posts show it."""
    impact_id: Id
    """One of `list_status_page_impacts`."""

    def body(self) -> JsonBody:
        """The impact as PagerDuty expects it."""
        return {
            "service": {"id": self.service_id, "type": "status_page_service"},
            "impact": {"id": self.impact_id, "type": "status_page_impact"},
        }


M = TypeVar("M", bound=Model)


@pagerduty_node("ListStatusPages", LIST_STATUS_PAGES, repeat=READS)
async def list_status_pages(
    pagerduty: Accounts,
    *,
    status_page_type: Literal["public", "private"] | None = None,
    account: str | None = None,
) -> ListStatusPagesOutput:
    """Reads the status pages.

    Args:
        status_page_type: only public or only private ones.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = list_status_pages(status_page_type="public")
    """
    query = {"status_page_type": status_page_type}
    return await _list(pagerduty, account, LIST_STATUS_PAGES, {}, query, "status_pages", ListStatusPagesOutput)


@pagerduty_node("ListStatusPageSeverities", LIST_STATUS_PAGE_SEVERITIES, repeat=READS)
async def list_status_page_severities(
    pagerduty: Accounts, *, id: Id, post_type: PostType | None = None, account: str | None = None
) -> ListStatusPageSeveritiesOutput:
    """Reads the severities that posts of a status page can have.

    Args:
        id: the status page.
        post_type: incident or maintenance.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = list_status_page_severities(id="PR5LMML", post_type="incident")
    """
    path, query = {"id": id}, {"post_type": post_type}
    operation, output = LIST_STATUS_PAGE_SEVERITIES, ListStatusPageSeveritiesOutput
    return await _list(pagerduty, account, operation, path, query, "severities", output)


@pagerduty_node("ListStatusPageImpacts", LIST_STATUS_PAGE_IMPACTS, repeat=READS)
async def list_status_page_impacts(
    pagerduty: Accounts, *, id: Id, post_type: PostType | None = None, account: str | None = None
) -> ListStatusPageImpactsOutput:
    """Reads the impacts that posts of a status page can have.

    Args:
        id: the status page.
        post_type: incident or maintenance.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = list_status_page_impacts(id="PR5LMML", post_type="incident")
    """
    path, query = {"id": id}, {"post_type": post_type}
    operation, output = LIST_STATUS_PAGE_IMPACTS, ListStatusPageImpactsOutput
    return await _list(pagerduty, account, operation, path, query, "impacts", output)


@pagerduty_node("ListStatusPageStatuses", LIST_STATUS_PAGE_STATUSES, repeat=READS)
async def list_status_page_statuses(
    pagerduty: Accounts, *, id: Id, post_type: PostType | None = None, account: str | None = None
) -> ListStatusPageStatusesOutput:
    """Reads the statuses that posts of a status page can have.

    Args:
        id: the status page.
        post_type: incident or maintenance.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = list_status_page_statuses(id="PR5LMML", post_type="incident")
    """
    path, query = {"id": id}, {"post_type": post_type}
    operation, output = LIST_STATUS_PAGE_STATUSES, ListStatusPageStatusesOutput
    return await _list(pagerduty, account, operation, path, query, "statuses", output)


@pagerduty_node("ListStatusPagePosts", LIST_STATUS_PAGE_POSTS, repeat=READS)
async def list_status_page_posts(
    pagerduty: Accounts,
    *,
    id: Id,
    post_type: PostType | None = None,
    reviewed_status: Reviewed | None = None,
    status_ids: Ids | None = None,
    account: str | None = None,
) -> ListStatusPagePostsOutput:
    """Reads the posts of a status page that match all filters.

    Args:
        id: the status page.
        post_type: incident or maintenance.
        reviewed_status: whether somebody has approved them.
        status_ids: only these statuses; see `list_status_page_statuses`.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = list_status_page_posts(id="PR5LMML", post_type="maintenance")
    """
    query = {"post_type": post_type, "reviewed_status": reviewed_status, "status": status_ids}
    operation, output = LIST_STATUS_PAGE_POSTS, ListStatusPagePostsOutput
    return await _list(pagerduty, account, operation, {"id": id}, query, "posts", output)


@pagerduty_node("GetStatusPagePost", GET_STATUS_PAGE_POST, repeat=READS)
async def get_status_page_post(
    pagerduty: Accounts,
    *,
    id: Id,
    post_id: Id,
    include: Sequence[Literal["status_page_post_update"]] | None = None,
    account: str | None = None,
) -> GetStatusPagePostOutput:
    """Reads a post of a status page.

    Args:
        id: the status page.
        post_id: the post.
        include: what to return in full instead of as a reference.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = get_status_page_post(id="PR5LMML", post_id="PIJ90N7", include=["status_page_post_update"])
    """
    path, query = {"id": id, "post_id": post_id}, {"include": include}
    answer = await pagerduty.account(account).send(GET_STATUS_PAGE_POST, path=path, query=query)
    return GetStatusPagePostOutput(post=StatusPagePost.model_validate(object_in(answer, "post")))


@pagerduty_node("ListStatusPagePostUpdates", LIST_STATUS_PAGE_POST_UPDATES, repeat=READS)
async def list_status_page_post_updates(
    pagerduty: Accounts,
    *,
    id: Id,
    post_id: Id,
    reviewed_status: Reviewed | None = None,
    account: str | None = None,
) -> ListStatusPagePostUpdatesOutput:
    """Reads the updates of a post.

    Args:
        id: the status page.
        post_id: the post.
        reviewed_status: whether somebody has approved them.
        account: the name of one of the provider's accounts.

    Example:
        >>> node = list_status_page_post_updates(id="PR5LMML", post_id="PIJ90N7")
    """
    path, query = {"id": id, "post_id": post_id}, {"reviewed_status": reviewed_status}
    operation, output = LIST_STATUS_PAGE_POST_UPDATES, ListStatusPagePostUpdatesOutput
    return await _list(pagerduty, account, operation, path, query, "post_updates", output)


@pagerduty_node(
    "CreateStatusPagePostUpdate",
    CREATE_STATUS_PAGE_POST_UPDATE,
    repeat="customers are told at most once: if the answer is lost, the step ends",
    remains="if the answer is lost, nobody knows whether customers were told; the step says so and fails",
    leaves_word=True,
)
async def create_status_page_post_update(
    pagerduty: Accounts,
    *,
    id: Id,
    post_id: Id,
    message: Text,
    status_id: Id,
    severity_id: Id,
    impacted_services: Sequence[StatusPageImpact] = (),
    notify_subscribers: bool = False,
    update_frequency_ms: Annotated[int, Field(ge=1)] | None = None,
    repeat: bool = False,
    account: str | None = None,
) -> CreateStatusPagePostUpdateOutput:
    """Tells customers the status of an incident or maintenance.

    If the answer is lost, the step fails instead of telling them a second time, unless `repeat` says that twice is
    better than not at all.

    Args:
        id: the status page.
        post_id: the post.
        message: the text, which may be HTML.
        status_id: one of `list_status_page_statuses`.
        severity_id: one of `list_status_page_severities`.
        impacted_services: services of the page, and how they are affected.
        notify_subscribers: whether the page's subscribers get a message.
        update_frequency_ms: in how many milliseconds to expect the next update.
        repeat: whether to send it again when it may already have been sent.
        account: the name of one of the provider's accounts.

    Raises:
        UncertainOutcomeError: it may or may not have been sent.

    Example:
        >>> node = create_status_page_post_update(
        ...     id="PR5LMML", post_id="PIJ90N7", message="Fixed soon", status_id="P0400H4", severity_id="PY5OM08"
        ... )
    """
    opened = pagerduty.account(account)
    body = {
        "type": "status_page_post_update",
        "post": {"id": post_id, "type": "status_page_post"},
        "message": message,
        "status": {"id": status_id, "type": "status_page_status"},
        "severity": {"id": severity_id, "type": "status_page_severity"},
        "impacted_services": [each.body() for each in impacted_services],
        "update_frequency_ms": update_frequency_ms,
        "notify_subscribers": notify_subscribers,
    }

    async def send() -> JsonBody:
        path = {"id": id, "post_id": post_id}
        answer = await opened.send(CREATE_STATUS_PAGE_POST_UPDATE, path=path, body={"post_update": body})
        return object_in(answer, "post_update")

    found = await at_most_once(send, "the update of the status page", repeat=repeat)
    return CreateStatusPagePostUpdateOutput(post_update=StatusPagePostUpdate.model_validate(found))


async def _list(
    pagerduty: Accounts,
    account: str | None,
    operation: Operation,
    path: Mapping[str, str],
    query: Mapping[str, Any],
    name: str,
    output: type[M],
) -> M:
    answer: Any = await pagerduty.account(account).send(operation, path=path, query=query)
    list_in(answer, name)
    return output.model_validate(answer)
