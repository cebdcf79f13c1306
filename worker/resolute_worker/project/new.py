"""Writes a project: from the template, or around one of the ready flows."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from keyword import iskeyword
from pathlib import Path
from string import Template
from typing import Final

from resolute.plan.errors import ConfigurationError
from resolute.plan.shapes import did_you_mean

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*([-_][A-Za-z0-9]+)*")
_FRAME: Final[Mapping[str, str]] = {
    "pyproject.toml": "pyproject.toml.txt",
    "README.md": "README.md.txt",
    ".gitignore": "gitignore.txt",
}
_SIMULATED: Final = "PAGERDUTY_"


@dataclass(frozen=True)
class NewProject:
    """A new project: its folder, its files relative to it, and what to fill in in its `.env`."""

    folder: Path
    files: tuple[Path, ...]
    to_set: tuple[str, ...] = ()


def create(name: str, *, within: Path, ready: str | None = None) -> NewProject:
    """Writes a project into a new folder.

    Args:
        name: what the folder is called, and the flow in it: letters, digits, `-` and `_`.
        within: the folder in which to create the project's folder.
        ready: the name of a ready-made flow to start with, instead of the template.

    Raises:
        ConfigurationError: the name is invalid, the folder already exists, or there is no such ready-made flow.
    """
    module = name.replace("-", "_").lower()
    if not _NAME.fullmatch(name) or iskeyword(module):
        raise ConfigurationError(f"{name!r} cannot be a project's name: use letters, digits, '-' and '_'")
    written = _ready(name, ready) if ready else _template(name, module)
    made = written_into(within / name, written)
    settings = [line.partition("=") for line in written[".env"].splitlines() if not line.startswith("#")]
    to_set = [variable for variable, _, value in settings if not value]
    return replace(made, to_set=tuple(to_set))


def written_into(folder: Path, written: Mapping[str, str]) -> NewProject:
    """A new folder with these files.

    Raises:
        ConfigurationError: the folder already exists, or cannot be made.
    """
    try:
        folder.mkdir()
    except FileExistsError:
        raise ConfigurationError(f"{folder} already exists: choose another name, or remove it") from None
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be made: {error.strerror}") from None
    for file, text in written.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        if file == ".env":
            path.touch(mode=0o600)  # it will contain secrets
        path.write_text(text, encoding="utf-8")
    return NewProject(folder, tuple(Path(file) for file in written))


def _template(name: str, module: str) -> dict[str, str]:
    return {
        "flows/__init__.py": "",
        f"flows/{module}.py": _filled("flow.py.txt", name, module),
        f"tests/test_{module}.py": _filled("test_flow.py.txt", name, module),
        "health.json": _filled("health.json.txt", name, module),
        ".env": "# Read by `resolute dev` only.\nHEALTH_FILE=health.json\n",
        **_frame(
            name,
            module,
            "| `health.json` | the health that the flow reads: set `status` to `critical` to open an incident |",
        ),
    }


def _frame(name: str, module: str, extra: str = "") -> dict[str, str]:
    return {file: _filled(source, name, module, extra) for file, source in _FRAME.items()}


def _filled(source: str, name: str, module: str, extra: str = "") -> str:
    text = (files(__package__ or "") / "template" / source).read_text(encoding="utf-8")
    return Template(text).substitute(name=name, module=module, extra=extra)


def ready_flows() -> dict[str, Path]:
    """The flows that come with Resolute: the file of each, by name."""
    return {path.stem.replace("_", "-"): path for path in sorted(_ready_folder().glob("[a-z]*.py"))}


def _ready_folder() -> Path:
    packaged = Path(__file__).parent / "ready"
    return (
        packaged if packaged.is_dir() else Path(__file__).parents[3] / "flows"
    )  # in a checkout, they are at the top level


def _ready(name: str, ready: str) -> dict[str, str]:
    known = ready_flows()
    file = known.get(ready)
    if file is None:
        raise ConfigurationError(f"there is no ready-made flow {ready!r} ({did_you_mean(ready, list(known))})")
    root = file.parent
    sources = _needed(file, root)
    return {
        **{f"flows/{source.relative_to(root).as_posix()}": source.read_text(encoding="utf-8") for source in sources},
        f"tests/test_{file.stem}.py": (root / "tests" / f"test_{file.stem}.py").read_text(encoding="utf-8"),
        ".env": _settings(sources),
        **_frame(name, file.stem),
    }


def _needed(file: Path, root: Path) -> list[Path]:
    """A ready-made flow with every file of the folder that it imports, directly or indirectly."""
    found: dict[Path, None] = {}
    waiting = [root / "__init__.py", file]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found[path] = None
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "flows":
                below = Path(*(node.module or "").split(".")[1:])
                waiting += (
                    [root / below / "__init__.py"] if (root / below).is_dir() else [root / below.with_suffix(".py")]
                )
                waiting += [root / parent / "__init__.py" for parent in below.parents]
    return sorted(found)


def _settings(sources: Sequence[Path]) -> str:
    """The `.env` for sources: each variable that they read; those that need no value are commented out."""
    needed: dict[str, bool] = {}
    for source in sources:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="env" | "secret"), args=[ast.Constant(value=str(name))], keywords=given):
                    has_default = any(keyword.arg == "default" for keyword in given)
                    needed[name] = not has_default and not name.startswith(_SIMULATED)
                case ast.Import(names=[ast.alias(name="resolute_slack"), *_]):
                    needed["SLACK_BOT_TOKEN"] = True
                case _:
                    pass
    notes = (
        "# Read by `resolute dev` only; production sets the same names as environment variables.",
        "# With --simulator, the simulated PagerDuty sets PAGERDUTY_... itself.",
    )
    lines = [f"{'' if needed[name] else '# '}{name}=" for name in sorted(needed)]
    return "\n".join((*notes, *lines, ""))
