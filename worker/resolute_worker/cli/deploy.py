"""The command that updates Temporal's schedules: it shows what it would change, and asks."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.markup import escape

from resolute_worker.cli.asking import Yes, confirmed
from resolute_worker.cli.loading import Paths, loaded, with_temporal
from resolute_worker.cli.output import AsJson, show, table
from resolute_worker.cli.saying import say
from resolute_worker.settings import Settings, load_settings

if TYPE_CHECKING:
    from temporalio.client import Client

    from resolute.temporal.client.beat_changes import BeatChange
    from resolute.temporal.schedules.change import Release, ScheduleChange
    from resolute.temporal.schedules.spec import ScheduledFlow
    from resolute.writing.flow import Flow

_COLOURS: Final = {"created": "green", "updated": "yellow", "removed": "red", "kept": "cyan", "orphaned": "magenta"}
_CHANGES: Final = ("created", "updated", "removed")


@dataclass(frozen=True)
class _Deployment:
    """What is deployed, by whom, and whether orphans are removed."""

    flows: list[Flow]
    settings: Settings
    release: Release
    prune: bool

    async def _scheduled(self, client: Client) -> list[ScheduledFlow]:
        from resolute_worker.deploying import scheduled_flows
        from resolute_worker.keys import keys_for_client

        return scheduled_flows(self.flows, await keys_for_client(client, self.settings))

    async def preview(self, client: Client) -> list[ScheduleChange]:
        from dataclasses import replace

        from resolute.temporal.schedules.schedules import find_orphans, preview_schedules

        changes = await preview_schedules(client, await self._scheduled(client), self.release)
        orphans = await find_orphans(client, [change.flow for change in changes], self.release)
        return [*changes, *(replace(each, action="removed") if self.prune else each for each in orphans)]

    async def heartbeats(self, client: Client) -> list[BeatChange]:
        from resolute.temporal.client.beat_changes import preview_heartbeats
        from resolute_worker.serving.beats import heartbeats_of

        own = [(each.flow.name, each.beat) for each in heartbeats_of(self.flows)]
        return await preview_heartbeats(client, own, self.release)

    async def apply(self, client: Client, orphans: list[str]) -> list[ScheduleChange]:
        from resolute.temporal.schedules.schedules import deploy_schedules, remove_orphans

        changes = await deploy_schedules(client, await self._scheduled(client), self.release)
        return [*changes, *await remove_orphans(client, orphans, self.release)]


def deploy(
    paths: Paths = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove schedules of the task queue that have no flow here.")
    ] = False,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Replace a newer release, and schedules that another set deployed.")
    ] = False,
    task_queue: Annotated[
        str | None, typer.Option(help="The task queue for runs (RESOLUTE_TASK_QUEUE).", show_default=False)
    ] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Compare Temporal's schedules with the flows, and update them after asking.

    Heartbeats are compared as well. A worker of these flows changes them when it starts.

    With --json and without --yes nothing is asked and nothing is changed.
    """
    from resolute_worker.deploying import Load, place_of, release_of_load
    from resolute_worker.release import release_of

    settings = load_settings(task_queue=task_queue)
    found = loaded(paths)
    flows = [each.flow for each in found.flows]
    load = Load(flows=flows, released=settings.released or release_of(found.files), place=place_of(found.files))
    deployment = _Deployment(flows, settings, release_of_load(load, settings, take_over=take_over), prune)
    changes, beats = with_temporal(deployment.preview), with_temporal(deployment.heartbeats)
    work = [change for change in changes if change.action in _CHANGES]
    if as_json and not yes:
        show(True, _json(changes, beats, applied=False), str)
        return
    if not as_json:
        show(False, None, lambda: _table(changes))
        if beats:
            say("Heartbeats, which a worker of these flows changes when it starts:")
            show(False, None, lambda: _table_of_beats(beats))
    if work:
        if not yes and not confirmed(f"Change {len(work)} schedule(s)?"):
            say("nothing was changed")
            raise typer.Exit(1)
        orphans = [change.flow for change in work if change.action == "removed"] if prune else []
        changes = with_temporal(lambda client: deployment.apply(client, orphans))
    if as_json:
        show(True, _json(changes, beats, applied=True), str)
    else:
        done = [f"{change.flow} {change.action}" for change in changes if work and change.action in _CHANGES]
        say(", ".join(done) or "nothing to change")


def _table(changes: list[ScheduleChange]) -> Any:
    rows = [
        (
            escape(change.flow),
            f"[{_COLOURS.get(change.action, 'dim')}]{change.action}[/]",
            escape("; ".join(change.differs) or change.reason),
            escape(str(change.by) if change.by and str(change.by) not in change.reason else ""),
        )
        for change in changes
    ]
    return table(("Flow", "Change", "What", "As it is"), rows, empty="no flow has a schedule")


def _table_of_beats(changes: list[BeatChange]) -> Any:
    rows = [
        (
            escape(change.flow),
            escape(change.path),
            f"[{_COLOURS.get(change.action, 'dim')}]{change.action}[/]",
            escape("; ".join(each for each in (", ".join(change.differs), change.reason) if each)),
        )
        for change in changes
    ]
    return table(("Flow", "Path", "Change", "What"), rows, empty="no flow has a heartbeat")


def _json(changes: list[ScheduleChange], beats: list[BeatChange], *, applied: bool) -> dict[str, Any]:
    """Whether the schedules were changed, and what was or would be."""
    said = [{**asdict(change), "by": change.by.model_dump() if change.by else None} for change in changes]
    return {"applied": applied, "schedules": said, "heartbeats": [asdict(each) for each in beats]}
