"""Commands about PagerDuty: what people look up in it and do with it."""

from __future__ import annotations

from typing import Final

import typer

from resolute_worker.cli.pagerduty import (
    change_events,
    changes,
    creation,
    credentials,
    incidents,
    maintenance,
    metrics,
    people,
    services,
    webhooks,
)

app: Final = typer.Typer(help="Work with PagerDuty.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def pagerduty() -> None:
    """Work with PagerDuty. Settings come from the environment: PAGERDUTY_API_KEY and so on."""


app.command(name="test")(credentials.credentials)
for command in (
    incidents.incidents,
    incidents.incident,
    incidents.timeline,
    people.oncall,
    services.services,
    people.schedules,
    changes.trigger,
    creation.create,
    changes.ack,
    changes.resolve,
    changes.note,
    change_events.changes,
    change_events.change,
    metrics.metrics,
):
    app.command(name=command.__name__)(command)

app.add_typer(maintenance.app, name="maintenance")
app.add_typer(webhooks.app, name="webhooks")

__all__ = ["app"]
