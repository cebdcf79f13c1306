"""`resolute check --against`: the open runs of a Temporal server, held against the flows in files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.markup import escape

from resolute_worker.cli.loading import with_temporal
from resolute_worker.cli.output import table
from resolute_worker.discovery import Discovery
from resolute_worker.settings import load_settings

if TYPE_CHECKING:
    from temporalio.client import Client

    from resolute.execution.agreement import Finding
    from resolute.execution.code import Code
    from resolute.temporal.history.open_runs import CheckedRun

Against = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Also check the runs that are open on the Temporal server at this address: can this code execute what "
        "they have still ahead? The task queue is that of RESOLUTE_TASK_QUEUE.",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class HeldAgainst:
    """The open runs of a task queue, each with what the code of the files cannot execute of it."""

    address: str
    task_queue: str
    runs: Sequence[CheckedRun]

    @property
    def broken(self) -> list[CheckedRun]:
        """The runs that would fail."""
        return [run for run in self.runs if run.breaks]

    @property
    def _pinned(self) -> int:
        return sum(run.pinned for run in self.runs)

    def as_data(self) -> dict[str, Any]:
        """For programs: how many runs were looked at, and those with findings."""
        return {
            "address": self.address,
            "task_queue": self.task_queue,
            "open": len(self.runs),
            "pinned": self._pinned,
            "broken": [_row(run) for run in self.broken],
            "unsure": [_row(run) for run in self.runs if run.findings and not run.breaks],
        }

    def rendered(self) -> RenderableType:
        """For a person: a line for each step, and what to do."""
        count = f"{len(self.runs):,} open run{'' if len(self.runs) == 1 else 's'} on task queue {self.task_queue}"
        if self._pinned:
            count += f", {self._pinned:,} of them pinned to earlier builds and left to those"
        found = [run for run in self.runs if run.findings]
        if not found:
            return escape(f"{count}: this code can execute what is ahead of each")
        headers = ("Run", "Step", "Node", "Problem", "What to do")
        rows = [cells for run in found for cells in _cells(run)]
        parts: list[RenderableType] = ["", table(headers, rows, empty=""), ""]
        if self.broken:
            parts.append(
                escape(
                    f"{count}: {len(self.broken):,} would fail with this code. Keep what they need until they have "
                    "ended (resolute runs --status running), or end them first (resolute cancel RUN)"
                )
            )
        else:
            parts.append(escape(f"{count}: none is certain to fail with this code"))
        return Group(*parts)


def held_against(found: Discovery, address: str) -> HeldAgainst:
    """The runs that are open at an address, held against the flows in files.

    Raises:
        TemporalUnreachableError: no server answers there.
        ConfigurationError: Temporal refuses, or a provider's settings are wrong.
    """
    queue = load_settings().task_queue
    code = code_of(found)

    async def work(client: Client) -> list[CheckedRun]:
        from resolute.temporal.history.open_runs import check_open_runs

        return await check_open_runs(client, code, task_queue=queue)

    return HeldAgainst(address, queue, with_temporal(work, address=address))


def code_of(found: Discovery) -> Code:
    """What a worker of these files could call, also for runs whose flows no longer use it."""
    from resolute.execution.code import Code
    from resolute.execution.executor import NodeExecutor
    from resolute_worker.nodes import nodes_beside
    from resolute_worker.providers import providers_for

    flows = [each.flow for each in found.flows]
    providers = providers_for(found.modules)
    executor = NodeExecutor.for_flows(flows, providers, extra=nodes_beside(flows, found.modules))
    return Code(executor, [inner.name for flow in flows for inner in (flow, *flow.children)])


def _row(run: CheckedRun) -> dict[str, Any]:
    return {
        "run": run.workflow_id,
        "run_id": run.run_id,
        "flow": run.flow,
        "findings": [asdict(each) for each in run.findings],
    }


def _cells(run: CheckedRun) -> Iterator[tuple[str, ...]]:
    for found in run.findings:
        yield tuple(
            escape(cell)
            for cell in (run.workflow_id, found.step or "-", found.node or "-", _problem(found), _do(found))
        )


def _problem(found: Finding) -> str:
    unsure = "" if found.certain else "perhaps: "
    return unsure + found.problem + (" (only if the run fails)" if found.when == "if it fails" else "")


def _do(found: Finding) -> str:
    return found.remedy if found.remedy.startswith("deploy") else f"{found.remedy} until this run has ended"
