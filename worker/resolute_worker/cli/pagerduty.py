"""Commands about PagerDuty."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import typer
from rich.markup import escape

from resolute.errors import ConfigurationError, NodeError
from resolute_worker.cli.output import AsJson, show, table

if TYPE_CHECKING:
    from resolute_pagerduty.checkup import CredentialsReport

app = typer.Typer(help="Work with PagerDuty.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def pagerduty() -> None:
    """Work with PagerDuty."""


@app.command("test")
def credentials(as_json: AsJson = False) -> None:
    """Say whether the credentials work, and what they can do. Pages nobody and changes nothing."""
    reports = asyncio.run(_reports())

    def render() -> Any:
        rows = [
            (escape(report.account), escape(check.name), _mark(check.ok), escape(check.message))
            for report in reports
            for check in report.checks
        ]
        return table(("Account", "Tried", "", "Found"), rows, empty="no account")

    show(as_json, [{**report.model_dump(mode="json"), "ok": report.ok} for report in reports], render)
    if not all(report.ok for report in reports):
        raise typer.Exit(2)


def _mark(ok: bool | None) -> str:
    return {True: "[green]ok[/]", False: "[red]failed[/]", None: "[dim]not tried[/]"}[ok]


async def _reports() -> list[CredentialsReport]:
    from resolute_pagerduty import PagerDuty
    from resolute_pagerduty.checkup import check_account

    try:
        async with PagerDuty.from_env() as provider:
            return [await check_account(provider.account(name)) for name in provider.configs]
    except NodeError as error:
        raise ConfigurationError(str(error)) from None
