"""Reads the source of the house, without importing it: modules, their imports, and the names that they use."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from tests.house.rooms import ROOMS, ROOT, Room

HOMES = ("", "providers", "worker")  # the folders that import packages stand in
PACKAGES = ("resolute", "flows", "resolute_*")


@dataclass(frozen=True)
class Use:
    """A name of another module that is used at a line: `datetime.datetime.now`, `resolute.plan.plan.Plan`."""

    line: int
    name: str


@dataclass(frozen=True)
class Module:
    """One source file, under the dotted name it is imported by (`resolute.temporal.__init__` for a package's door)."""

    name: str
    file: str
    tree: ast.Module

    def at(self, line: int) -> str:
        return f"{self.file}:{line}"


House = Mapping[str, Module]


def module(name: str, source: str, file: str | None = None) -> Module:
    """A module from its text; rules are tried on such texts."""
    return Module(name, file or name.replace(".", "/") + ".py", ast.parse(source))


@cache
def house() -> House:
    """Every module of the product that stands in this checkout, by name."""
    return {found.name: found for home in HOMES for found in _modules(ROOT / home)}


def _modules(home: Path) -> Iterator[Module]:
    for package in sorted(home.iterdir()):
        if package.is_dir() and any(fnmatchcase(package.name, known) for known in PACKAGES):
            for path in sorted(package.rglob("*.py")):
                name = ".".join(path.relative_to(home).with_suffix("").parts)
                yield module(name, path.read_text(encoding="utf-8"), str(path.relative_to(ROOT)))


def matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether a dotted name is one of the patterns or stands below one."""
    return any(fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*") for pattern in patterns)


def room_of(name: str) -> Room | None:
    """The room that a module stands in; None for a module that nobody has placed."""
    return next((room for room in ROOMS if matches(name, room.modules)), None)


def imports(module: Module, house: House) -> Iterator[Use]:
    """The modules of the house that a module imports, wherever the import stands: hidden ones count as well."""
    for node in ast.walk(module.tree):
        for base, name in _imported(node, module):
            door = f"{base}.__init__"
            candidates = (f"{base}.{name}", f"{base}.{name}.__init__", base, door)
            if name in _bound_at(house.get(door)):
                candidates = (door,)  # a function may have the name of a module beside it, and then it is meant
            target = next((candidate for candidate in candidates if candidate in house), None)
            if target is not None:
                yield Use(getattr(node, "lineno", 0), target)


def _bound_at(door: Module | None) -> set[str]:
    """The names that a package's door takes from elsewhere and hands on."""
    nodes = door.tree.body if door else []
    return {alias.asname or alias.name for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names}


def uses(module: Module) -> Iterator[Use]:
    """Every imported name, and every attribute that is reached through one, under its full name."""
    full_names: dict[str, str] = {}
    for node in ast.walk(module.tree):
        for base, name in _imported(node, module):
            yield Use(getattr(node, "lineno", 0), f"{base}.{name}" if name else base)
        match node:
            case ast.Import():
                full_names |= {a.asname: a.name for a in node.names if a.asname}
                full_names |= {a.name.split(".")[0]: a.name.split(".")[0] for a in node.names if not a.asname}
            case ast.ImportFrom():
                base = _base(node, module)
                full_names |= {a.asname or a.name: f"{base}.{a.name}" for a in node.names}
            case _:
                pass
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and (path := _path(node)) and path[0] in full_names:
            yield Use(node.lineno, ".".join([full_names[path[0]], *path[1:]]))


def _imported(node: ast.AST, module: Module) -> Iterator[tuple[str, str]]:
    """The module and the name in it of an import statement; no name where the whole module is imported."""
    match node:
        case ast.Import():
            yield from ((alias.name, "") for alias in node.names)
        case ast.ImportFrom():
            yield from ((_base(node, module), alias.name) for alias in node.names)
        case _:
            pass


def _base(node: ast.ImportFrom, module: Module) -> str:
    above = module.name.split(".")[: -node.level] if node.level else []
    return ".".join([*above, node.module] if node.module else above)


def _path(node: ast.expr) -> list[str]:
    match node:
        case ast.Name():
            return [node.id]
        case ast.Attribute():
            path = _path(node.value)
            return [*path, node.attr] if path else []
        case _:
            return []
