"""Reads the pages of the documentation: their blocks of code, and what these ask for."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from typer.main import get_command

from resolute_pagerduty.account.config import PagerDutyConfig
from resolute_slack import SlackConfig
from resolute_worker.cli.app import app
from resolute_worker.settings import Settings
from tests.house.reading import ROOT

_BLOCK: Final = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE: Final = re.compile(r"# ([\w/]*\.(?:py|json|sh|env|ini))\n")
_LINK: Final = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")

_PROVIDER: Final = {"accounts", "grants", "read_only", "audit_log", "webhook_secret"}
_TEMPORAL: Final = {
    "TEMPORAL_ADDRESS",
    "TEMPORAL_NAMESPACE",
    "TEMPORAL_API_KEY",
    "TEMPORAL_PROFILE",
    "TEMPORAL_TLS",
    "TEMPORAL_TLS_CLIENT_CERT_PATH",
    "TEMPORAL_TLS_CLIENT_KEY_PATH",
}  # Source: https://docs.temporal.io/develop/environment-configuration


@dataclass(frozen=True)
class Block:
    """A fenced block. `file` is the name in its first line, where it is a file."""

    language: str
    text: str
    line: int

    @property
    def file(self) -> str | None:
        found = _FILE.match(self.text)
        return found[1] if found else None

    @property
    def content(self) -> str:
        """What stands in the file. JSON has no comments, so the line that names a file of it is no part of it."""
        return self.text.partition("\n")[2] if self.language == "json" else self.text


@dataclass(frozen=True)
class Page:
    """A page of the documentation."""

    path: Path

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def blocks(self) -> list[Block]:
        return [
            Block(found["language"], found["text"], self.text[: found.start()].count("\n") + 2)
            for found in _BLOCK.finditer(self.text)
        ]

    def section(self, heading: str) -> list[Block]:
        """The blocks below a heading, up to the next heading of its level."""
        before, found, rest = self.text.partition(f"\n## {heading}\n")
        assert found, f"{self.path.name} has no section {heading!r}"
        first = before.count("\n") + 2
        last = first + rest.partition("\n## ")[0].count("\n")
        return [block for block in self.blocks if first <= block.line <= last]

    def files(self) -> list[Block]:
        """Blocks that are whole files."""
        return [block for block in self.blocks if block.language in ("python", "json") and block.file]

    def tests(self) -> list[Block]:
        """Blocks that are files of tests."""
        return [block for block in self.files() if str(block.file).startswith("test_")]

    def commands(self) -> Iterator[tuple[int, list[str]]]:
        """Every line of a shell, with its number."""
        for block in self.blocks:
            if block.language == "sh":
                for offset, line in enumerate(block.text.replace("\\\n", " ").splitlines()):
                    words = shlex.split(line, comments=True)
                    if words:
                        yield block.line + offset, words

    def broken_links(self) -> list[str]:
        """Links to files that are not there."""
        return [link for link in _LINK.findall(self.text) if not (self.path.parent / link).exists()]


def pages() -> list[Page]:
    """Every page that a person wrote."""
    return [Page(ROOT / "README.md"), *(Page(path) for path in sorted((ROOT / "docs").glob("*.md")))]


def misspoken(words: list[str]) -> str | None:
    """What is wrong with a line of a shell, as far as can be told without running it."""
    match words:
        case ["make", *targets]:
            known = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
            return next(
                (f"no target {target}" for target in targets if target not in known and "=" not in target), None
            )
        case ["export", *assignments]:
            names = [assignment.partition("=")[0] for assignment in assignments]
            return next((f"nobody reads {name}" for name in names if not _is_read(name)), None)
        case ["resolute", *arguments]:
            return _unparsed(arguments)
        case ["pytest" | "curl" | "pip" | "kill" | "cd" | "echo" | "python3" | ".", *_]:
            return None
        case _:
            return f"{words[0]} is no command that a page may show"


def _is_read(name: str) -> bool:
    prefix, _, rest = name.partition("_")
    match prefix:
        case "RESOLUTE":
            return rest.lower() in Settings.model_fields
        case "TEMPORAL":
            return name in _TEMPORAL
        case "PAGERDUTY":
            fields = set(PagerDutyConfig.model_fields) | _PROVIDER
            account = rest.partition("_")[2]  # of PAGERDUTY_<ACCOUNT>_API_KEY
            return rest.lower() in fields or account.lower() in fields
        case "SLACK" if rest.lower() in SlackConfig.model_fields:
            return True
        case _:
            flows = "".join(path.read_text() for path in (ROOT / "flows").rglob("*.py"))
            return f'"{name}"' in flows


def _unparsed(arguments: list[str]) -> str | None:
    """Why the command line does not take arguments; None where it does."""
    command: Any = get_command(app)
    left = list(arguments)
    while left and hasattr(command, "commands"):
        name = left.pop(0)
        if name not in command.commands:
            return f"no command {name}"
        command = command.commands[name]
    try:
        command.make_context("resolute", left)
    except Exception as error:  # whatever the library raises for a line that it does not take
        return f"{' '.join(arguments)}: {error}"
    return None
