"""Finds flows in files: every flow at the top level of a module, and every mistake on the way."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import linecache
import sys
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from itertools import accumulate
from pathlib import Path
from types import ModuleType
from typing import Any

from resolute.plan.errors import ConfigurationError, FlowBuildError
from resolute.plan.provider import NodeDefinition
from resolute.plan.texts import missing_variable, said_by
from resolute.plan.unready import meant_value
from resolute.writing.builder import FlowBuilder, draft_of
from resolute.writing.flow import Flow
from resolute_worker.documents import flows_in_documents, is_document, shown

_SKIPPED = ("_", ".", "test_")


@dataclass(frozen=True)
class FoundFlow:
    """A flow and the file that it was found in."""

    flow: Flow
    file: Path


@dataclass(frozen=True)
class Mistake:
    """Something wrong in a file. `place` is `file:line`, or the file alone."""

    place: str
    message: str
    flow: str | None = None


@dataclass(frozen=True)
class Discovery:
    """What was found in files."""

    flows: tuple[FoundFlow, ...]
    mistakes: tuple[Mistake, ...]
    modules: tuple[ModuleType, ...]
    files: tuple[Path, ...]

    def flow(self, name: str) -> Flow | None:
        """The flow of that name, if it was found."""
        return next((found.flow for found in self.flows if found.flow.name == name), None)


def discover(paths: Sequence[Path]) -> Discovery:
    """Loads files, and folders of files, and returns every flow in them.

    Files and folders whose names start with `_`, `.` or `test_` are left out.

    Raises:
        ConfigurationError: a path does not exist.
    """
    files = _files(paths)
    modules: list[tuple[Path, ModuleType]] = []
    mistakes: list[Mistake] = []
    for file in [each for each in files if not is_document(each)]:
        try:
            modules.append((file, _load(file)))
        except FlowBuildError as error:
            mistakes.append(Mistake(_place(error, file), str(error), flow=error.flow))
        except (Exception, SystemExit) as error:  # whatever a file does when it is imported, its author has to fix
            mistakes.append(Mistake(_place(error, file), _spoken(error)))
    written, unreadable = flows_in_documents(files, [module for _, module in modules])
    mistakes += [Mistake(place, message, flow=name) for place, message, name in unreadable]
    flows, doubled = _flows_in(modules, written)
    mistakes += [*doubled, *_clashing_nodes(flows)]
    mistakes += _unbuilt(modules, {found.flow.name for found in flows} | {mistake.flow or "" for mistake in mistakes})
    return Discovery(tuple(flows), tuple(mistakes), tuple(module for _, module in modules), tuple(files))


def forget(paths: Iterable[Path]) -> None:
    """Makes the next `discover` of the paths reload their files, and the modules next to and below them."""
    folders = {path if path.is_dir() else path.parent for path in (path.resolve() for path in paths)}
    for name, module in list(sys.modules.items()):
        file = _file_of(module)
        own = name.partition(".")[0].startswith("resolute")
        if file is not None and not own and not _installed(file) and not folders.isdisjoint(file.parents):
            del sys.modules[name]
    linecache.checkcache()
    importlib.invalidate_caches()


def _files(paths: Sequence[Path]) -> list[Path]:
    found: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            raise ConfigurationError(f"{path} does not exist: give files or folders with flows in them")
        found.update(dict.fromkeys(_flow_files(path.resolve()) if path.is_dir() else [path.resolve()]))
    return list(found)


def _flow_files(folder: Path) -> list[Path]:
    found: list[Path] = []
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(_SKIPPED) or entry.name == "conftest.py":
            continue
        if entry.is_dir() and not (entry / "pyvenv.cfg").exists():
            found += _flow_files(entry)
        elif entry.suffix == ".py" or is_document(entry):
            found.append(entry)
    return found


def _load(file: Path) -> ModuleType:
    name, root = _module_name(file)
    # As with `python -m` from here, plus what is next to the file; the latter must not hide a library.
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))
    known = sys.modules.get(name)
    if known is not None and _file_of(known) == file:
        return known
    _load_packages(name, file)
    return _execute(name, importlib.util.spec_from_file_location(name, file))


def _load_packages(name: str, file: Path) -> None:
    """Makes a module's parent packages those of its file, even if another package is called `flows`."""
    folder = file.parent
    for package in reversed(list(accumulate(name.split(".")[:-1], "{}.{}".format))):
        known, init = sys.modules.get(package), folder / "__init__.py"
        if known is None or str(folder) not in list(getattr(known, "__path__", [])):
            spec = ModuleSpec(package, None, is_package=True)
            if init.exists():
                spec = importlib.util.spec_from_file_location(package, init, submodule_search_locations=[str(folder)])
            else:
                spec.submodule_search_locations = [str(folder)]
            _execute(package, spec)
        folder = folder.parent


def _execute(name: str, spec: ModuleSpec | None) -> ModuleType:
    if spec is None:
        raise ImportError(f"{name} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        # What a flow file prints must not end up in the middle of JSON.
        with contextlib.redirect_stdout(sys.stderr):
            if spec.loader is not None:
                spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _module_name(file: Path) -> tuple[str, Path]:
    """The module name that `python -m` would use for the file from here; it is part of the names of decisions."""
    current = Path.cwd()
    if file.is_relative_to(current):
        parts = file.relative_to(current).with_suffix("").parts
        if all(part.isidentifier() for part in parts):
            return ".".join(parts), current
    root = file.parent
    while (root / "__init__.py").exists():
        root = root.parent
    return ".".join(file.relative_to(root).with_suffix("").parts), root


def _flows_in(
    modules: Sequence[tuple[Path, ModuleType]], written: Sequence[tuple[Path, Flow]]
) -> tuple[list[FoundFlow], list[Mistake]]:
    found: dict[str, FoundFlow] = {}
    mistakes: list[Mistake] = []
    held = [(file, each) for file, module in modules for each in vars(module).values() if isinstance(each, Flow)]
    for file, value in (*held, *written):
        first = found.setdefault(value.name, FoundFlow(value, file))
        if first.flow is not value:
            where = "twice in this file" if first.file == file else f"also in {shown(first.file)}"
            mistakes.append(
                Mistake(shown(file), f"flow {value.name!r} is {where}: rename one of them", flow=value.name)
            )
    return list(found.values()), mistakes


def _unbuilt(modules: Sequence[tuple[Path, ModuleType]], known: set[str]) -> list[Mistake]:
    return [
        Mistake(shown(file), f"flow {draft.name!r} is never built: end it with .build()", flow=draft.name)
        for file, module in modules
        for value in list(vars(module).values())
        if isinstance(value, FlowBuilder) and (draft := draft_of(value)).triggers and draft.name not in known
    ]


def _clashing_nodes(flows: Sequence[FoundFlow]) -> list[Mistake]:
    known: dict[str, tuple[NodeDefinition, Path]] = {}
    mistakes: list[Mistake] = []
    for found in flows:
        for name, definition in found.flow.nodes.items():
            first, file = known.setdefault(name, (definition, found.file))
            if not definition.same_as(first):
                message = f"node {name!r} is another one in {shown(file)}: rename one of them with @node(name=...)"
                mistakes.append(Mistake(shown(found.file), message, flow=found.flow.name))
    return mistakes


def _place(error: BaseException, file: Path) -> str:
    """Where the author has to look: the innermost line of an error that is in one of their files."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{shown(Path(error.filename))}:{error.lineno or 1}"
    frames = [(Path(frame.filename), frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    beside = [(path, line) for path, line in frames if file.parent in path.parents and not _installed(path)]
    if not beside:
        return shown(file)
    path, line = beside[-1]
    return f"{shown(path)}:{line}"


def _installed(file: Path) -> bool:
    return "site-packages" in file.parts


def _file_of(module: Any) -> Path | None:
    name = getattr(module, "__file__", None)
    return Path(name).resolve() if isinstance(name, str) else None


def _spoken(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return "the file ends the process when it is imported: move that below if __name__ == '__main__'"
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg}"
    if variable := missing_variable(error):
        return (
            f"{said_by(error)} where the file is read, which is before any run: write env({variable!r}), or "
            f"secret({variable!r}) for confidential values, and the worker reads it when a node runs"
        )
    said = f"{type(error).__name__}: {said_by(error)}"
    return f"{said}; {remedy}" if (remedy := meant_value(error)) else said
