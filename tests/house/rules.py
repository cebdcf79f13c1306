"""The rules of the house. Each answers with the places where it is broken, each with what to do; none is good news."""

import ast
import graphlib
from collections.abc import Iterator, Sequence

from tests.house.reading import House, Module, imports, matches, room_of, uses
from tests.house.rooms import (
    INSIDE_THE_WORKFLOW,
    KINDS_OF_STEPS,
    KNOWN_BY_ALL,
    KNOWS,
    KNOWS_KINDS,
    LAYERS,
    NEVER_ASYNC,
    NEVER_IN,
    ONLY_IN,
    ROOMS,
    TAKEN_BY_WORKERS,
    Room,
)


def climbing_rooms() -> list[str]:
    """Rooms of the table that know a room which does not stand above them."""
    above: list[str] = []
    wrong: list[str] = []
    for room in ROOMS:
        wrong += [
            f"room {room.name!r} cannot know {known!r}: list it further up"
            for known in room.knows
            if known not in above
        ]
        above.append(room.name)
    return wrong


def homeless(house: House) -> list[str]:
    """Modules that stand in no folder that is a room."""
    return [f"{module.file} is in no room: move it into the folder of one" for module in _outside(house)]


def unknown_rooms(rooms: Sequence[Room]) -> list[str]:
    """Folders that nobody has said a word about, and words about folders that are gone."""
    names = {room.name for room in rooms}
    return [
        *(
            f"{name} is no known room: say in KNOWS (tests/house/rooms.py) whom it knows"
            for name in sorted(names - {*KNOWS})
        ),
        *(f"KNOWS (tests/house/rooms.py) names {name!r}, which is no folder" for name in KNOWS if name not in names),
    ]


def _outside(house: House) -> Iterator[Module]:
    yield from (module for module in house.values() if room_of(module.name) is None)


def wrong_imports(house: House) -> list[str]:
    """Imports of a room that the importing room may not know."""
    return [
        f"{module.at(use.line)} imports {use.name}: {room.name} may not know {other.name}"
        for module, room in _placed(house)
        for use in imports(module, house)
        if (other := room_of(use.name)) is not None and other != room and other.name not in room.knows
    ]


def climbing_layers(house: House) -> list[str]:
    """Imports within a room from a folder that stands after the importing one, and folders that have no place."""
    wrong: list[str] = []
    for module in house.values():
        for room, layers in LAYERS.items():
            inside = _layer(module.name, room)
            if inside is None:
                continue
            if inside not in layers:
                wrong.append(f"{module.file}: {inside!r} has no place in LAYERS (tests/house/rooms.py)")
                continue
            wrong += [
                f"{module.at(use.line)} imports {use.name}: {inside} may not know {other or 'what stands beside it'}"
                for use in imports(module, house)
                if use.name.startswith(f"{room}.") and use.name != f"{room}.__init__"
                if (other := _layer(use.name, room)) not in layers[: layers.index(inside) + 1]
            ]
    return wrong


def _layer(name: str, room: str) -> str | None:
    """The folder of a room that a module stands in; None for one that stands in no folder of it."""
    inside = name.removeprefix(f"{room}.").split(".") if name.startswith(f"{room}.") else []
    return inside[0] if len(inside) > 1 else None


def cycles(house: House) -> list[str]:
    """Modules that import each other in a ring, be it under TYPE_CHECKING or inside a function."""
    graph = {name: {use.name for use in imports(module, house)} - {name} for name, module in house.items()}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as ring:
        return [" -> ".join(ring.args[1]) + " go round: move what both need to a module below them"]
    return []


def reached_from(start: str, house: House) -> list[str]:
    """Modules outside the workflow's side of the line that are reached from `start`, each with the way there."""
    ways = {start: start}
    waiting = [start] if start in house else []
    while waiting:
        name = waiting.pop()
        for use in imports(house[name], house):
            if use.name not in ways:
                ways[use.name] = f"{ways[name]} -> {use.name}"
                waiting.append(use.name)
    rooms = ((room_of(name), way) for name, way in ways.items())
    return [
        f"{way}: {room.name} is outside the workflow"
        for room, way in rooms
        if room and room.name not in INSIDE_THE_WORKFLOW
    ]


def misplaced_names(house: House) -> list[str]:
    """Libraries and names that are used where they may not stand."""
    return [
        *(
            f"{module.at(use.line)} uses {use.name}: {name} stands only in {', '.join(places)}"
            for module in house.values()
            for use in uses(module)
            for name, places in ONLY_IN.items()
            if matches(use.name, (name,)) and not matches(module.name, places)
        ),
        *(
            f"{module.at(use.line)} uses {use.name}: never in {room.name}"
            for module, room in _placed(house)
            for use in uses(module)
            if matches(use.name, NEVER_IN.get(room.name, ()))
        ),
    ]


def misplaced_async(house: House) -> list[str]:
    """Coroutines in rooms whose own code never waits."""
    return [
        f"{module.at(node.lineno)} {node.name} is async: {room.name} never waits"
        for module, room in _placed(house)
        if room.name in NEVER_ASYNC and not matches(module.name, TAKEN_BY_WORKERS)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.AsyncFunctionDef)
    ]


def asking_for_kinds(house: House) -> list[str]:
    """Modules that know a kind of step by its class, though everybody else walks plans by `title` and `blocks()`."""
    return [
        f"{module.at(use.line)} imports {use.name}: walk plans by title and blocks(); kinds are known in {folder} only"
        for module, room in _placed(house)
        for use in imports(module, house)
        for folder, known_in in KNOWS_KINDS.items()
        if use.name.startswith(f"{folder}.") and use.name not in KNOWN_BY_ALL
        if not matches(module.name, (*KINDS_OF_STEPS, *known_in)) and room.name != "door"
    ]


def untold_tests(module: Module) -> list[str]:
    """Tests without a docstring."""
    return [
        f"{module.at(node.lineno)} {node.name} does not say what it promises"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if node.name.startswith("test_") and not ast.get_docstring(node)
    ]


def _placed(house: House) -> Iterator[tuple[Module, Room]]:
    for module in house.values():
        room = room_of(module.name)
        if room is not None:
            yield module, room
