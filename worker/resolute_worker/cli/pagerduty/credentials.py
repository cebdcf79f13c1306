"""The command that checks the credentials."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import typer
from rich.console import RenderableType
from rich.markup import escape

from resolute.plan.errors import ConfigurationError, NodeError
from resolute_worker.cli.output import AsJson, show, table
from resolute_worker.cli.pagerduty.desk import AccountName

if TYPE_CHECKING:
    from resolute_pagerduty.calls.checkup import CredentialsReport


def credentials(account: AccountName = None, as_json: AsJson = False) -> None:
    """Check whether the credentials work and what they allow. Pages nobody and changes nothing."""
    reports = asyncio.run(_reports(account))

    def render() -> RenderableType:
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


async def _reports(account: str | None) -> list[CredentialsReport]:
    from resolute_pagerduty import PagerDuty
    from resolute_pagerduty.calls.checkup import check_account

    try:
        async with PagerDuty.from_env() as provider:
            return [
                await check_account(provider.account(name)) for name in ([account] if account else provider.configs)
            ]
    except NodeError as error:
        raise ConfigurationError(str(error)) from None
