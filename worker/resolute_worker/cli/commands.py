"""The commands of `resolute` by name. Each is loaded when it is used: none waits for the others, or holds them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final

import typer
from typer.core import TyperGroup

COMMANDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "new": "new.new",
        "check": "flows.check",
        "graph": "flows.graph",
        "import": "documents.import_",
        "schema": "documents.schema",
        "run": "runs.run",
        "list": "flows.list_",
        "runs": "runs.runs",
        "show": "runs.show",
        "cancel": "runs.cancel",
        "pause": "pausing.pause",
        "resume": "pausing.resume",
        "export": "exporting.export",
        "diff": "exporting.diff",
        "held": "held.held",
        "retry": "held.retry",
        "skip": "held.skip",
        "fail": "held.fail",
        "tell": "tell.tell",
        "lines": "lines.lines",
        "mute": "mutes.mute",
        "unmute": "mutes.unmute",
        "mutes": "mutes.mutes",
        "gates": "gates.gates",
        "approve": "gates.approve",
        "reject": "gates.reject",
        "rerun": "rerun.rerun",
        "try": "rerun.try_",
        "backtest": "backtest.backtest",
        "why": "why.why",
        "report": "why.report",
        "replay": "replay.replay",
        "nodes": "nodes.nodes",
        "worker": "serve.worker",
        "board": "board.board",
        "deploy": "deploy.deploy",
        "dev": "serve.dev",
        "simulator": "serve.simulator",
        "demo": "serve.demo",
        "mcp": "agents.mcp",
        "audit": "audit.audit",
        "clean": "clean.clean",
        "backup": "backup.backup",
        "restore": "backup.restore",
        "codec": "codec.codec",
        "schedules": "schedules.app",
        "beats": "beats.app",
        "brake": "brake.app",
        "pagerduty": "pagerduty.app",
    }
)
"""Where each command stands in `resolute_worker.cli`: a function, or an app with commands of its own."""


class Commands(TyperGroup):
    """The group of all commands. Only `--help` and the completion of names load more than one of them."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands: MutableMapping[str, Any] = _Loaded()

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names."""
        return list(self.commands)


class _Loaded(MutableMapping[str, Any]):
    """The commands by name. One is loaded when it is read."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = _made(name, COMMANDS[name])
        return self._made[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._made[name] = command

    def __delitem__(self, name: str) -> None:
        del self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in COMMANDS or name in self._made

    def __iter__(self) -> Iterator[str]:
        return iter({**COMMANDS, **self._made})

    def __len__(self) -> int:
        return len({**COMMANDS, **self._made})


def _made(name: str, place: str) -> Any:
    module, _, member = place.rpartition(".")
    what = getattr(import_module(f"resolute_worker.cli.{module}"), member)
    if not isinstance(what, typer.Typer):
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        alone.command(name=name)(what)
        return typer.main.get_command(alone)
    group = typer.main.get_group(what)
    group.name = name
    return group
