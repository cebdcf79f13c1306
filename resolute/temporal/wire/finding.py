"""Finds the run that a person means: by its id, by the start of its id, or as the latest run of a flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from resolute.plan.errors import ConfigurationError
from resolute.temporal.wire.parts import NOT_CONTINUED, described

_MOST: Final = 5


class UnknownRunError(ConfigurationError):
    """Temporal knows no run with that id."""


@dataclass(frozen=True)
class RunKey:
    """What identifies a run in Temporal."""

    workflow_id: str
    run_id: str


async def find_run(client: Client, name: str, run_id: str | None = None) -> RunKey:
    """The run with an id or with a unique prefix of one, or the latest run of a flow.

    Raises:
        UnknownRunError: there is none, or several ids start with it.
        temporalio.service.RPCError: Temporal refused or did not answer.
    """
    try:
        found = await described(client, name, run_id)
    except RPCError as error:
        if error.status not in {RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT}:
            raise
    else:
        return RunKey(found.id, found.run_id)
    latest = await _listed(client, f"WorkflowType = {quoted(name)}", most=1)
    if latest:
        return latest[0]
    alike = await _listed(client, f"WorkflowId STARTS_WITH {quoted(name)}", most=_MOST)
    if len({each.workflow_id for each in alike}) == 1:
        return alike[0]
    if alike:
        ids = ", ".join(dict.fromkeys(each.workflow_id for each in alike))
        raise UnknownRunError(f"several runs begin with {name!r}: {ids}; give more of the id")
    raise UnknownRunError(
        f"Temporal knows no run {name!r}, or no longer, and no run of a flow of that name: see `resolute runs`"
    )


async def _listed(client: Client, query: str, *, most: int) -> list[RunKey]:
    listed = client.list_workflows(f"{query} AND {NOT_CONTINUED}", limit=most)
    return [RunKey(run.id, run.run_id) async for run in listed]


def quoted(text: str) -> str:
    """Text as it is written in a Temporal visibility query."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
