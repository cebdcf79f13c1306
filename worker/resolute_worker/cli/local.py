"""Starts a run of a file's plan, after showing how it differs from what is deployed."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Final

from resolute.plan.errors import ConfigurationError
from resolute.plan.plan import Plan
from resolute.plan.values import Json
from resolute.writing.diagram import outline
from resolute.writing.flow import Flow
from resolute_worker.cli.saying import say
from resolute_worker.settings import Settings

if TYPE_CHECKING:
    from temporalio.client import Client

    from resolute.temporal.client.client import RunHandle

_MOST: Final = 30
"""How many lines of a difference are shown."""


async def start_local(
    client: Client, flow: Flow, settings: Settings, *, input_data: Json, person: str = "", dry: bool = False
) -> RunHandle:
    """Starts a run of a file's plan.

    Raises:
        ConfigurationError: no key is known here, so no worker would trust the plan.
        InvalidInputError: the input does not match the flow's input type.
    """
    from resolute_worker.keys import keys_for_client
    from resolute_worker.starting import known_plan, start_from_file

    keys = await keys_for_client(client, settings)
    if not keys:
        raise ConfigurationError(
            "a plan of your own needs the workers' key: set RESOLUTE_PLAN_KEYS (for an embedded server, "
            f"RESOLUTE_STATE_DIR), or run the deployed plan: resolute run {flow.name}"
        )
    known = await known_plan(client, flow.name)
    if known is None:
        say(f"nothing is known of a deployed plan of {flow.name}; this run uses the plan from the file")
    else:
        for line in difference(known[0], flow.plan, known[1]):
            say(line)
    return await start_from_file(
        client, flow, task_queue=settings.task_queue, keys=keys, input_data=input_data, person=person, dry=dry
    )


def difference(deployed: Plan, local: Plan, origin: str) -> list[str]:
    """How a file's plan differs from the deployed one, in lines: the outline, or else the details."""
    if deployed.fingerprint == local.fingerprint:
        return [f"the plan from the file is the deployed one (as in {origin})"]
    lines = changes_of(deployed, local)
    more = [f"  ... and {len(lines) - _MOST} more lines"] if len(lines) > _MOST else []
    return [f"the plan from the file (+) is not the deployed one (-, as in {origin}):", *lines[:_MOST], *more]


def changes_of(old: Plan, new: Plan) -> list[str]:
    """How two plans differ, in lines: their outlines, or else their details."""
    return _changes(outline(old), outline(new)) or _changes(_details(old), _details(new))


def _changes(old: str, new: str) -> list[str]:
    found = difflib.unified_diff(old.splitlines(), new.splitlines(), n=1, lineterm="")
    return [f"  {line}" for line in found if not line.startswith(("---", "+++", "@@"))]


def _details(plan: Plan) -> str:
    return json.dumps(plan.model_dump(mode="json", exclude={"places"}), indent=1, ensure_ascii=False, sort_keys=True)
