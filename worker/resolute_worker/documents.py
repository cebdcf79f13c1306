"""Flows that are data, in files beside the Python ones: `NAME.flow.yaml`. They may call every node that is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import cast

from resolute.plan.errors import FlowBuildError
from resolute.plan.provider import NodeDefinition
from resolute.plan.values import Json
from resolute.writing.data import SUFFIXES, Document, flow_from_data
from resolute.writing.flow import Flow
from resolute_worker.nodes import nodes_in
from resolute_worker.providers import KNOWN


def is_document(file: Path) -> bool:
    """Whether a file holds a flow as data, by its name."""
    return file.name.endswith(SUFFIXES)


def shown(file: Path) -> str:
    """A path for people: relative if it is below the current folder."""
    current = Path.cwd()
    return str(file.relative_to(current)) if file.is_relative_to(current) else str(file)


def flows_in_documents(
    files: Sequence[Path], modules: Sequence[ModuleType]
) -> tuple[list[tuple[Path, Flow]], list[tuple[str, str, str | None]]]:
    """The flows in files that hold data, and every mistake in them: its place, what it is, and the flow's name.

    They may call the nodes of the modules, and those of every known provider.
    """
    found = [file for file in files if is_document(file)]
    if not found:
        return [], []
    from resolute.writing.documents import read_document  # which loads a YAML library

    own = {node.name: node for module in modules for node in nodes_in(module)}
    flows: list[tuple[Path, Flow]] = []
    mistakes: list[tuple[str, str, str | None]] = []
    for file in found:
        name = shown(file)
        try:
            document = read_document(file.read_text(encoding="utf-8"), name)
        except UnicodeDecodeError:
            mistakes.append((name, "the file is not written in UTF-8", None))
            continue
        except FlowBuildError as error:
            mistakes += [(problem.place, _text(problem.message, problem.hint), None) for problem in error.problems]
            continue
        try:
            flows.append((file, flow_of(document, name, own)))
        except FlowBuildError as error:
            for problem in error.problems:
                line = _line(problem.place, document.lines)
                text = f"flow {error.flow!r}: {problem.place}: {_text(problem.message, problem.hint)}"
                mistakes.append((f"{name}:{line}" if line else name, text, error.flow))
    return flows, mistakes


def flow_of(document: Document, file: str, own: Mapping[str, NodeDefinition]) -> Flow:
    """The flow in a document, with these nodes and those of the known providers that it names.

    Raises:
        FlowBuildError: the flow cannot run; lists every mistake.
    """
    nodes = dict(own)
    named = set(_node_names(document.data))
    for provider, known in KNOWN.items():
        if any(name.startswith(f"{provider}.") for name in named):
            nodes |= {node.name: node for node in known.nodes()}
    kept = "/".join(Path(file).parts[-2:])
    return flow_from_data(
        document.data, nodes, places={step: f"{kept}:{line}" for step, line in document.lines.items()}
    )


def _node_names(data: Json) -> Iterator[str]:
    if isinstance(data, Mapping):
        node = data.get("node")
        if isinstance(node, str):
            yield node
        for value in data.values():
            yield from _node_names(value)
    elif isinstance(data, (list, tuple)):
        for value in cast("Sequence[Json]", data):
            yield from _node_names(value)


def _line(place: str, lines: Mapping[str, int]) -> int | None:
    return next((line for step, line in lines.items() if f"'{step}'" in place), None)


def _text(message: str, hint: str) -> str:
    return f"{message}: {hint}" if hint else message
