"""What the pages show runs: their flows build, their tests pass, their commands are commands."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from resolute_worker.cli.app import app
from resolute_worker.discovery import discover
from tests.docs.pages import Block, Page, misspoken, pages
from tests.house.reading import ROOT
from tests.patience import PATIENCE
from tests.worker.processes import resolute

PAGES = pages()
named = pytest.mark.parametrize("page", PAGES, ids=[page.path.stem for page in PAGES])
OFFLINE = ("check", "graph", "nodes")


def written(page: Page, folder: Path) -> list[Path]:
    """The files of a page, in a folder."""
    found: list[Path] = []
    for block in page.files():
        path = folder / str(block.file)
        path.write_text(block.content)
        found.append(path)
    return found


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A process in a folder with the files of a page."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *sys.path])}
    return subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE
    )


@named
def test_flows_of_a_page_build(page: Page, tmp_path: Path) -> None:
    """Every file of a page is free of mistakes."""
    files = [path for path in written(page, tmp_path) if not path.name.startswith(("test_", "conftest"))]
    files = [path for path in files if path.suffix == ".py"]

    found = discover(files)

    assert [] == list(found.mistakes)
    for module in found.modules:
        sys.modules.pop(module.__name__, None)


@pytest.mark.parametrize("page", [page for page in PAGES if page.tests()], ids=lambda page: page.path.stem)
def test_tests_of_a_page_pass(page: Page, tmp_path: Path) -> None:
    """Tests that a page shows are tests that pass, in a project of their own."""
    written(page, tmp_path)

    options = ["-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function", "-p", "no:cacheprovider"]
    done = run(tmp_path, "-m", "pytest", "-q", *options, str(tmp_path))

    assert 0 == done.returncode, done.stdout + done.stderr


@named
def test_snippets_of_a_page_run(page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The snippets of a page are one program, from the top down, and give what the page says.

    That is what stands behind an expression as a comment, and for `shown` the block that follows.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    known = set(sys.modules)
    names: dict[str, Any] = {"__name__": "page"}
    written(page, tmp_path)
    try:
        for block in page.blocks:
            if block.language == "python" and not block.file:
                _execute(page, block, names)
            elif block.language == "text" and "shown" in names:
                assert block.text.rstrip("\n") == names.pop("shown")
    finally:
        for name in set(sys.modules) - known:
            if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
                del sys.modules[name]


def _execute(page: Page, block: Block, names: dict[str, Any]) -> None:
    source = "\n" * (block.line - 1) + block.text
    lines = source.splitlines()
    for statement in ast.parse(source).body:
        said = lines[(statement.end_lineno or 1) - 1].partition("  # -> ")[2]
        if isinstance(statement, ast.Expr) and said:
            value = eval(compile(ast.Expression(statement.value), str(page.path), "eval"), names)
            assert said == repr(value)
        else:
            exec(compile(ast.Module([statement], []), str(page.path), "exec"), names)


@named
def test_commands_of_a_page_are_commands(page: Page) -> None:
    """Commands, options, targets of make and variables that a page names are there."""
    wrong = [f"{page.path.name}:{line} {reason}" for line, words in page.commands() if (reason := misspoken(words))]

    assert [] == wrong


@named
async def test_commands_of_a_page_work(page: Page, tmp_path: Path) -> None:
    """Commands that need no server do, in a folder with the files of the page, what it says."""
    written(page, tmp_path)
    (tmp_path / "flows").symlink_to(ROOT / "flows")
    for line, words in page.commands():
        if words[0] == "resolute" and words[1] in OFFLINE:
            code, _, said = await resolute(*words[1:], folder=tmp_path)

            assert 0 == code, f"{page.path.name}:{line} {said}"


@named
def test_links_of_a_page_lead_somewhere(page: Page) -> None:
    """Links to other files of the repository are not broken."""
    assert [] == page.broken_links()


@pytest.mark.parametrize(
    "words",
    [
        ["make", "coffee"],
        ["export", "PAGERDUTY_KEY=x"],
        ["export", "RESOLUTE_TASKQUEUE=x"],
        ["resolute", "chekc"],
        ["resolute", "run"],
        ["resolute", "check", "--fast"],
        ["sudo", "make", "demo"],
    ],
)
def test_a_wrong_command_is_seen(words: list[str]) -> None:
    """A page that names what is not there fails."""
    assert misspoken(words) is not None


def test_the_first_screen_shows_what_runs() -> None:
    """The README begins with a sentence, and the first thing that it shows is a command."""
    page = PAGES[0]

    assert page.blocks[0].line < 12
    assert ["make", "demo"] == next(page.commands())[1]


def test_the_readme_names_every_command() -> None:
    """The README lists every command, and none that does not exist."""
    section = PAGES[0].text.partition("## Commands")[2].partition("\n## ")[0]
    command: Any = get_command(app)

    assert set(command.commands) == set(re.findall(r"\| `([\w-]+)`", section))
