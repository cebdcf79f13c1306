"""Commands about webhook subscriptions: list, create, ping, enable, delete, repair."""

from __future__ import annotations

import secrets
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import RenderableType
from rich.markup import escape

from resolute.plan.errors import ConfigurationError, NodeError
from resolute.plan.shapes import did_you_mean
from resolute_worker.cli.output import AsJson, show, table
from resolute_worker.cli.pagerduty.desk import AccountName, Desk, at_desk
from resolute_worker.cli.pagerduty.names import SERVICE, TEAM, one
from resolute_worker.cli.saying import say

if TYPE_CHECKING:
    from resolute_pagerduty.models.account import WebhookSubscription

app: Final = typer.Typer(
    help="Manage the webhook subscriptions that deliver PagerDuty's events to a worker.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

SubscriptionId = Annotated[str, typer.Argument(metavar="ID", help="The subscription's id, as `list` shows it.")]

_USUAL: Final = ("incident.triggered", "incident.acknowledged", "incident.resolved")


@app.callback()
def webhooks() -> None:
    """Manage the webhook subscriptions that deliver PagerDuty's events to a worker."""


@app.command("list")
def list_(account: AccountName = None, as_json: AsJson = False) -> None:
    """List subscriptions and whether each of them is active."""
    found = at_desk(_all, account=account)
    disabled = [each for each in found if _is_disabled(each)]

    def render() -> RenderableType:
        rows = [
            (
                escape(each.id),
                _state(each),
                escape(each.delivery_method.url),
                _whose(each),
                str(len(each.events)),
                escape(each.description),
            )
            for each in found
        ]
        headers = ("Id", "State", "Delivers to", "Events of", "Types", "Description")
        return table(headers, rows, empty="there is no subscription")

    show(as_json, {"webhook_subscriptions": [_json(each) for each in found]}, render)
    if disabled:
        say(f"PagerDuty has disabled {len(disabled)} after refused deliveries: resolute pagerduty webhooks repair")


async def _all(desk: Desk) -> tuple[WebhookSubscription, ...]:
    import resolute_pagerduty as pagerduty

    return (await desk.run(pagerduty.all_webhook_subscriptions())).webhook_subscriptions


def _is_disabled(subscription: WebhookSubscription) -> bool:
    return subscription.delivery_method.temporarily_disabled


def _state(subscription: WebhookSubscription) -> str:
    if _is_disabled(subscription):
        return "[red]disabled by PagerDuty[/]"
    return "[green]delivers[/]" if subscription.active else "[dim]switched off[/]"


def _whose(subscription: WebhookSubscription) -> str:
    kind = subscription.filter.type.removesuffix("_reference")
    return escape(f"{kind} {subscription.filter.id or ''}".strip())


def _json(subscription: WebhookSubscription) -> dict[str, Any]:
    delivers = subscription.active and not _is_disabled(subscription)
    return {**subscription.model_dump(mode="json"), "delivers": delivers}


@app.command()
def create(
    url: Annotated[
        str, typer.Argument(help="The URL to deliver to: the worker's address with the path of its webhook.")
    ],
    event: Annotated[
        list[str] | None,
        typer.Option(help=f"An event type; can be repeated. {', '.join(_USUAL)} if not given.", show_default=False),
    ] = None,
    all_events: Annotated[bool, typer.Option("--all-events", help="Subscribe to all known event types.")] = False,
    service: Annotated[str | None, typer.Option(help="Only events of this service.", show_default=False)] = None,
    team: Annotated[str | None, typer.Option(help="Only events of this team.", show_default=False)] = None,
    description: Annotated[str, typer.Option(help="The purpose of the subscription.", show_default=False)] = "",
    secret_file: Annotated[
        Path | None,
        typer.Option(help="Write the secret to this file instead of showing it.", show_default=False, dir_okay=False),
    ] = None,
    account: AccountName = None,
    as_json: AsJson = False,
) -> None:
    """Subscribe to events. The signing secret is shown only now: PagerDuty never shows it again."""
    if service and team:
        raise ConfigurationError("--service and --team exclude each other: create two subscriptions")
    events = _events(event, all_events)

    with ExitStack() as stack:
        folder = "" if secret_file else stack.enter_context(tempfile.TemporaryDirectory(prefix="resolute-"))
        file = secret_file or Path(folder, "secret")

        async def work(desk: Desk) -> WebhookSubscription:
            import resolute_pagerduty as pagerduty

            found = await one(desk, SERVICE if service else TEAM, service or team or "") if service or team else None
            made = await desk.run(
                pagerduty.create_webhook_subscription(
                    url=url,
                    events=events,
                    secret_file=str(file),
                    filter_type="service" if service else "team" if team else "account",
                    filter_id=found.id if found else None,
                    description=description,
                )
            )
            return made.webhook_subscription

        made = at_desk(work, account=account, key=secrets.token_hex(8))
        secret = None if secret_file else file.read_text(encoding="utf-8")
    _tell_created(made, secret, secret_file, as_json)


def _tell_created(made: WebhookSubscription, secret: str | None, file: Path | None, as_json: bool) -> None:
    """Shows the secret if it was not written to a file, on stdout only; nothing else ever shows it."""
    shown = {"secret": secret} if secret else {"secret_file": str(file)}
    if as_json:
        show(True, {"webhook_subscription": _json(made), **shown}, str)
        return
    say(f"subscription {made.id} delivers {len(made.events)} event type(s) to {made.delivery_method.url}")
    if secret:
        say("give the worker this secret; it is shown only now:")
        typer.echo(f"PAGERDUTY_WEBHOOK_SECRET={secret}")
    else:
        say(f"the secret for PAGERDUTY_WEBHOOK_SECRET is in {file}")


def _events(given: Sequence[str] | None, every: bool) -> list[str]:
    """The event types.

    Raises:
        ConfigurationError: one does not look like an event type of PagerDuty.
    """
    from resolute_pagerduty.webhooks import EVENT_TYPES

    if every and given:
        raise ConfigurationError("--all-events and --event exclude each other")
    events = list(EVENT_TYPES) if every else list(given or _USUAL)
    for each in events:
        if each not in EVENT_TYPES and not each.startswith(("incident.", "service.")):
            raise ConfigurationError(f"there is no event type {each!r} ({did_you_mean(each, list(EVENT_TYPES))})")
    return events


@app.command()
def ping(id: SubscriptionId, account: AccountName = None) -> None:  # noqa: A002  # PagerDuty's word
    """Have PagerDuty deliver a ping. It starts no run; a worker answers it with 2xx."""

    async def work(desk: Desk) -> None:
        import resolute_pagerduty as pagerduty

        await desk.run(pagerduty.ping_webhook_subscription(id=id))

    at_desk(work, account=account)
    say(f"PagerDuty pings the address of {id}; the worker logs it as ignored")


@app.command()
def enable(id: SubscriptionId, account: AccountName = None, as_json: AsJson = False) -> None:  # noqa: A002  # what people give
    """Re-enable a subscription that PagerDuty has disabled."""

    async def work(desk: Desk) -> WebhookSubscription:
        import resolute_pagerduty as pagerduty

        return (await desk.run(pagerduty.enable_webhook_subscription(id=id))).webhook_subscription

    found = at_desk(work, account=account)
    show(as_json, {"webhook_subscription": _json(found)}, lambda: f"{escape(found.id)}  {_state(found)}")


@app.command()
def delete(
    id: SubscriptionId,  # noqa: A002  # PagerDuty's word
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    account: AccountName = None,
) -> None:
    """Delete a subscription. Its secret becomes useless."""
    if not yes:
        if not sys.stdin.isatty():
            raise ConfigurationError("there is no terminal for the question: add --yes")
        typer.confirm(f"End subscription {id}?", abort=True, err=True)

    async def work(desk: Desk) -> None:
        import resolute_pagerduty as pagerduty

        await desk.run(pagerduty.delete_webhook_subscription(id=id))

    at_desk(work, account=account)
    say(f"subscription {id} is gone")


@app.command()
def repair(
    ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ID...]",
            help="The subscriptions to re-enable; all disabled ones if not given.",
            show_default=False,
        ),
    ] = None,
    account: AccountName = None,
    as_json: AsJson = False,
) -> None:
    """Re-enable the subscriptions that PagerDuty has disabled, and ping each of their URLs."""

    async def work(desk: Desk) -> list[dict[str, Any]]:
        found = await _all(desk)
        known = {each.id: each for each in found}
        if missing := [each for each in ids or () if each not in known]:
            raise ConfigurationError(f"there is no subscription {missing[0]} ({did_you_mean(missing[0], list(known))})")
        chosen = [known[each] for each in ids] if ids else [each for each in found if _is_disabled(each)]
        return [await _repaired(desk, each) for each in chosen]

    done = at_desk(work, account=account)

    def render() -> RenderableType:
        rows = [
            (
                escape(each["id"]),
                escape(each["url"]),
                "[green]yes[/]" if each["delivers"] else "[red]no[/]",
                each["did"],
            )
            for each in done
        ]
        return table(("Id", "Delivers to", "Delivers", "Done"), rows, empty="nothing is disabled")

    show(as_json, {"repaired": done}, render)
    if not all(each["delivers"] for each in done):
        raise NodeError("a subscription is switched off: it can only be switched on again on PagerDuty's website")


async def _repaired(desk: Desk, subscription: WebhookSubscription) -> dict[str, Any]:
    """What was done about one subscription. One that somebody switched off is left alone."""
    import resolute_pagerduty as pagerduty

    now, did = subscription, list[str]()
    if _is_disabled(subscription):
        enabled = await desk.run(pagerduty.enable_webhook_subscription(id=subscription.id))
        now, did = enabled.webhook_subscription, ["enabled"]
    if now.active:
        await desk.run(pagerduty.ping_webhook_subscription(id=now.id))
        did.append("pinged")
    delivers = now.active and not _is_disabled(now)
    return {"id": now.id, "url": now.delivery_method.url, "delivers": delivers, "did": " and ".join(did) or "nothing"}
