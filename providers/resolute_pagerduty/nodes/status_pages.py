"""Status pages: what customers are told. PagerDuty gives these lists in one piece."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypeVar

from resolute_pagerduty.account.account import list_in, object_in
from resolute_pagerduty.account.accounts import Accounts
from resolute_pagerduty.http.operations import (
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
    GetStatusPagePostOutput,
    ListStatusPageImpactsOutput,
    ListStatusPagePostsOutput,
    ListStatusPagePostUpdatesOutput,
    ListStatusPageSeveritiesOutput,
    ListStatusPagesOutput,
    ListStatusPageStatusesOutput,
)
from resolute_pagerduty.models.parameters import Id, Ids
from resolute_pagerduty.models.status_pages import StatusPagePost
from resolute_pagerduty.nodes.declare import READS, pagerduty_node

PostType: TypeAlias = Literal["incident", "maintenance"]
Reviewed: TypeAlias = Literal["approved", "not_reviewed"]

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
        account: one of the provider's accounts by name.

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
        post_type: of incidents or of maintenance.
        account: one of the provider's accounts by name.

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
        post_type: of incidents or of maintenance.
        account: one of the provider's accounts by name.

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
        post_type: of incidents or of maintenance.
        account: one of the provider's accounts by name.

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
    """Reads the posts of a status page that pass all filters.

    Args:
        id: the status page.
        post_type: incidents or maintenance.
        reviewed_status: whether somebody has approved them.
        status_ids: of these statuses; see `list_status_page_statuses`.
        account: one of the provider's accounts by name.

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
        include: what to show in full instead of as a reference.
        account: one of the provider's accounts by name.

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
        account: one of the provider's accounts by name.

    Example:
        >>> node = list_status_page_post_updates(id="PR5LMML", post_id="PIJ90N7")
    """
    path, query = {"id": id, "post_id": post_id}, {"reviewed_status": reviewed_status}
    operation, output = LIST_STATUS_PAGE_POST_UPDATES, ListStatusPagePostUpdatesOutput
    return await _list(pagerduty, account, operation, path, query, "post_updates", output)


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
