"""Status pages: their choices, posts and updates. PagerDuty gives these lists in one piece."""

from collections.abc import Iterable
from datetime import datetime

from . import refs
from .api_errors import invalid, not_found
from .call import Call, Reply, get, post, reference_id, required_text
from .catalogue import Choice, ChoiceKind, Post, PostType, PostUpdate, StatusPage
from .state import Account
from .values import Json, as_list, as_object, iso_millis, parse_time

PLURALS = {"severity": "severities", "impact": "impacts", "status": "statuses"}
CHOICES: tuple[tuple[ChoiceKind, PostType, tuple[str, ...]], ...] = (
    ("severity", "incident", ("all good", "minor", "major")),
    ("severity", "maintenance", ("maintenance",)),
    ("impact", "incident", ("operational", "degraded", "outage")),
    ("impact", "maintenance", ("under maintenance",)),
    ("status", "incident", ("investigating", "monitoring", "resolved")),
    ("status", "maintenance", ("scheduled", "in progress", "completed")),
)


def status_page(account: Account, identity: str, name: str, post_id: str) -> StatusPage:
    """Return a public page with one service and one post, as the world begins with."""
    page = StatusPage(id=identity, name=name, public=True, published_at=account.now())
    for kind, post_type, words in CHOICES:
        for word in words:
            choice = Choice(id=account.ids.next("choice"), kind=kind, description=word, post_type=post_type)
            page.choices[choice.id] = choice
    service_id = account.ids.next("status_page_service")
    page.services[service_id] = "Shop"

    def choice_of(kind: str) -> str:
        return next(each.id for each in page.choices.values() if (each.kind, each.post_type) == (kind, "maintenance"))

    update = PostUpdate(
        id=account.ids.next("post_update"),
        message="<p>The database is upgraded</p>",
        status_id=choice_of("status"),
        severity_id=choice_of("severity"),
        reported_at=account.now(),
        impacts=[(service_id, choice_of("impact"))],
    )
    page.posts[post_id] = Post(
        id=post_id, title="Upgrade", post_type="maintenance", starts_at=account.now(), updates=[update]
    )
    return page


def _find(call: Call) -> StatusPage:
    found = call.state.status_pages.get(call.params["id"])
    if found is None:
        raise not_found("Status page")
    return found


def _post(call: Call) -> tuple[StatusPage, Post]:
    page = _find(call)
    found = page.posts.get(call.params["post_id"])
    if found is None:
        raise not_found("Post")
    return page, found


def _whole_list(call: Call, name: str, shown: Iterable[Json]) -> Reply:
    items = list(shown)
    return Reply(200, {name: items, "limit": len(items), "offset": 0, "more": False, "total": len(items)})


def _time(moment: datetime | None) -> str | None:
    return iso_millis(moment) if moment else None


def list_pages(call: Call) -> Reply:
    """GET /status_pages."""
    wanted = call.query.one("status_page_type")
    kinds = {True: "public", False: "private"}
    shown = (
        {
            "id": page.id,
            "type": "status_page",
            "name": page.name,
            "status_page_type": kinds[page.public],
            "url": f"https://status.{call.account.subdomain}.example",
            "published_at": _time(page.published_at),
        }
        for page in call.state.status_pages.values()
        if wanted in (None, kinds[page.public])
    )
    return _whole_list(call, "status_pages", shown)


def _list_choices(call: Call, kind: str) -> Reply:
    page, wanted = _find(call), call.query.one("post_type")
    shown = (
        {
            **refs.short(call.account, f"status_page_{kind}", f"status_pages/{page.id}/{PLURALS[kind]}/{choice.id}"),
            "description": choice.description,
            "post_type": choice.post_type,
            "status_page": {"id": page.id, "type": "status_page"},
        }
        for choice in page.choices.values()
        if choice.kind == kind and wanted in (None, choice.post_type)
    )
    return _whole_list(call, PLURALS[kind], shown)


def list_severities(call: Call) -> Reply:
    """GET /status_pages/{id}/severities."""
    return _list_choices(call, "severity")


def list_impacts(call: Call) -> Reply:
    """GET /status_pages/{id}/impacts."""
    return _list_choices(call, "impact")


def list_statuses(call: Call) -> Reply:
    """GET /status_pages/{id}/statuses."""
    return _list_choices(call, "status")


def _show_update(account: Account, page: StatusPage, found: Post, update: PostUpdate, *, whole: bool = True) -> Json:
    root = f"status_pages/{page.id}"
    short = refs.short(account, "status_page_post_update", f"{root}/posts/{found.id}/post_updates/{update.id}")
    if not whole:
        return short
    return {
        **short,
        "post": refs.short(account, "status_page_post", f"{root}/posts/{found.id}"),
        "message": update.message,
        "reviewed_status": update.reviewed,
        "status": refs.short(account, "status_page_status", f"{root}/statuses/{update.status_id}"),
        "severity": refs.short(account, "status_page_severity", f"{root}/severities/{update.severity_id}"),
        "impacted_services": [
            {
                "service": refs.short(account, "status_page_service", f"{root}/services/{service}"),
                "impact": refs.short(account, "status_page_impact", f"{root}/impacts/{impact}"),
            }
            for service, impact in update.impacts
        ],
        "update_frequency_ms": update.frequency_ms,
        "notify_subscribers": update.notify,
        "reported_at": _time(update.reported_at),
    }


def _show_post(account: Account, page: StatusPage, found: Post, *, whole: bool = False) -> Json:
    return {
        **refs.short(account, "status_page_post", f"status_pages/{page.id}/posts/{found.id}"),
        "post_type": found.post_type,
        "status_page": {"id": page.id, "type": "status_page"},
        "title": found.title,
        "starts_at": _time(found.starts_at),
        "ends_at": _time(found.ends_at),
        "updates": [_show_update(account, page, found, each, whole=whole) for each in found.updates],
    }


def list_posts(call: Call) -> Reply:
    """GET /status_pages/{id}/posts."""
    page, kind, statuses = _find(call), call.query.one("post_type"), call.query.many("status[]")
    reviewed = call.query.one("reviewed_status")
    shown = (
        _show_post(call.account, page, each)
        for each in page.posts.values()
        if kind in (None, each.post_type)
        and (not statuses or (each.updates and each.updates[-1].status_id in statuses))
        and (reviewed is None or any(update.reviewed == reviewed for update in each.updates))
    )
    return _whole_list(call, "posts", shown)


def get_post(call: Call) -> Reply:
    """GET /status_pages/{id}/posts/{post_id}."""
    page, found = _post(call)
    whole = "status_page_post_update" in call.query.many("include[]")
    return Reply(200, {"post": _show_post(call.account, page, found, whole=whole)})


def list_updates(call: Call) -> Reply:
    """GET /status_pages/{id}/posts/{post_id}/post_updates."""
    (page, found), reviewed = _post(call), call.query.one("reviewed_status")
    shown = (
        _show_update(call.account, page, found, each) for each in found.updates if reviewed in (None, each.reviewed)
    )
    return _whole_list(call, "post_updates", shown)


def _choice(page: StatusPage, value: object, kind: str, post_type: str) -> str:
    identity = reference_id(value, kind.capitalize())
    choice = page.choices.get(identity)
    if choice is None or (choice.kind, choice.post_type) != (kind, post_type):
        raise invalid(f"{kind.capitalize()} is none of the status page's for {post_type} posts")
    return identity


def _impact(page: StatusPage, value: object, post_type: str) -> tuple[str, str]:
    found = as_object(value) or {}
    service_id = reference_id(found.get("service"), "Service")
    if service_id not in page.services:
        raise invalid("Service is none of the status page's")
    return service_id, _choice(page, found.get("impact"), "impact", post_type)


def _moment(wanted: Json, name: str) -> datetime | None:
    if wanted.get(name) is None:
        return None
    try:
        return parse_time(wanted[name])
    except (ValueError, AttributeError) as error:
        raise invalid(f"{name} must be a valid ISO 8601 time") from error


def _new_update(call: Call, page: StatusPage, value: object, post_type: str) -> PostUpdate:
    wanted = as_object(value) or {}
    frequency = wanted.get("update_frequency_ms")
    return PostUpdate(
        id=call.account.ids.next("post_update"),
        message=required_text(wanted, "message"),
        status_id=_choice(page, wanted.get("status"), "status", post_type),
        severity_id=_choice(page, wanted.get("severity"), "severity", post_type),
        reported_at=_moment(wanted, "reported_at") or call.account.now(),
        impacts=[_impact(page, each, post_type) for each in as_list(wanted.get("impacted_services")) or []],
        notify=wanted.get("notify_subscribers") is True,
        frequency_ms=frequency if isinstance(frequency, int) else None,
    )


def create_post(call: Call) -> Reply:
    """POST /status_pages/{id}/posts. Each call makes another."""
    page, wanted = _find(call), call.wrapped("post")
    kind = wanted.get("post_type")
    if kind not in ("incident", "maintenance"):
        raise invalid("Post type must be incident or maintenance")
    post_type = "incident" if kind == "incident" else "maintenance"
    updates = [_new_update(call, page, each, post_type) for each in as_list(wanted.get("updates")) or []]
    if not updates:
        raise invalid("Updates cannot be empty")
    made = Post(
        id=call.account.ids.next("status_page_post"),
        title=required_text(wanted, "title"),
        post_type=post_type,
        starts_at=_moment(wanted, "starts_at"),
        ends_at=_moment(wanted, "ends_at"),
        updates=updates,
    )
    page.posts[made.id] = made
    return Reply(201, {"post": _show_post(call.account, page, made)})


def create_update(call: Call) -> Reply:
    """POST /status_pages/{id}/posts/{post_id}/post_updates. Each call makes another."""
    page, found = _post(call)
    update = _new_update(call, page, call.wrapped("post_update"), found.post_type)
    found.updates.append(update)
    return Reply(201, {"post_update": _show_update(call.account, page, found, update)})


ROUTES = (
    get("/status_pages", list_pages, "status_pages.read"),
    get("/status_pages/{id}/severities", list_severities, "status_pages.read"),
    get("/status_pages/{id}/impacts", list_impacts, "status_pages.read"),
    get("/status_pages/{id}/statuses", list_statuses, "status_pages.read"),
    get("/status_pages/{id}/posts", list_posts, "status_pages.read"),
    post("/status_pages/{id}/posts", create_post, "status_pages.write"),
    get("/status_pages/{id}/posts/{post_id}", get_post, "status_pages.read"),
    get("/status_pages/{id}/posts/{post_id}/post_updates", list_updates, "status_pages.read"),
    post("/status_pages/{id}/posts/{post_id}/post_updates", create_update, "status_pages.write"),
)
