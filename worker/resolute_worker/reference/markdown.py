"""The reference of a provider's nodes as a document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from resolute_worker.reference.describe import Field, NodeReference, Value


def markdown(title: str, package: str, nodes: Sequence[NodeReference]) -> str:
    """The whole document: which node sends what, every node by topic, and the objects that they take and give.

    Args:
        title: what the service is called.
        package: the package that authors import.
        nodes: in the order of the document.
    """
    parts = [_head(title, package), *_requests(nodes)]
    for topic, group in groupby(nodes, key=lambda node: node.topic):
        parts.append(f"## {topic}")
        parts += [_node(node) for node in group]
    values = {name: value for node in nodes for name, value in node.values.items()}
    parts.append(
        "## Objects\n\nWhat nodes take and give, by name. A field that the service leaves out has its default."
    )
    parts += [_value(values[name]) for name in sorted(values, key=str.casefold)]
    return "\n\n".join(parts) + "\n"


def _head(title: str, package: str) -> str:
    return f"""# {title}: the nodes

<!-- Written by `resolute nodes --markdown`; change the docstrings and write it again. -->

Import them with `import {package}`; call one where a flow needs it. Every node that writes is safe to repeat, and says
how. *Grant* is what a provider must be granted to run the node; *OAuth scope* is what a token of a scoped OAuth app
needs. `resolute nodes NAME` shows the same in a terminal."""


def _requests(nodes: Sequence[NodeReference]) -> Iterator[str]:
    yield "## What sends what"
    yield "Each request of the service's API, the nodes that are for it, and those that it only helps."
    mains: dict[str, list[str]] = {}
    helped: dict[str, list[str]] = {}
    for node in nodes:
        for number, operation in enumerate(node.operations):
            mains.setdefault(operation, [])
            (helped.setdefault(operation, []) if number else mains[operation]).append(f"[{node.call}](#{node.call})")
    rows = [
        (f"`{each}`", ", ".join(mains[each]), ", ".join(helped.get(each, ()))) for each in sorted(mains, key=_by_path)
    ]
    yield _table(("Request", "Nodes", "Helps"), rows)


def _by_path(operation: str) -> tuple[list[str], str]:
    method, _, path = operation.partition(" ")
    return path.split("/"), method


def _node(node: NodeReference) -> str:
    parts = [f"### {node.call}", f"`{node.name}`", node.docstring.summary]
    if node.docstring.body:
        parts.append(node.docstring.body)
    if node.input:
        parts.append(_table(("Input", "Type", "Default", "Meaning"), [_row(field) for field in node.input]))
    parts.append(f"Output: {_linked(node.output, node.values)}" if node.output != "null" else "Output: none")
    facts = {**node.facts, "Tried": node.tries}
    parts.append("\n".join(f"- {name}: {_fact(text)}" for name, text in facts.items()))
    if node.docstring.raises:
        raised = [f"- `{name}`: {meaning}" for name, meaning in node.docstring.raises.items()]
        parts.append("\n".join(["Raises, besides what the service says:", "", *raised]))
    if node.docstring.example:
        parts.append(f"```python\n{_code(node.docstring.example)}\n```")
    return "\n\n".join(parts)


def _row(field: Field) -> tuple[str, ...]:
    default = "required" if field.default is None else f"`{field.default}`" if field.default else ""
    return f"`{field.name}`", field.kind, default, field.meaning


def _fact(text: str) -> str:
    return f"<{text}>" if text.startswith("https://") else text


def _value(value: Value) -> str:
    rows = [(f"`{field.name}`", field.kind, field.meaning) for field in value.fields]
    meanings = any(field.meaning for field in value.fields)
    table = (
        _table(("Field", "Type", "Meaning"), rows) if meanings else _table(("Field", "Type"), [row[:2] for row in rows])
    )
    source = [f"Source: <{value.source}>"] if value.source.startswith("https://") else []
    return "\n\n".join([f"### {value.name}", *([value.meaning] if value.meaning else []), table, *source])


def _linked(name: str, values: Mapping[str, Value]) -> str:
    return f"[{name}](#{name.lower()}). {values[name].meaning}".strip() if name in values else name


def _table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def _code(example: str) -> str:
    """An interactive example as code; what it prints becomes a comment."""
    lines: list[str] = []
    for line in example.splitlines():
        if line.startswith((">>>", "...")):
            lines.append(line[4:])
        else:
            lines.append(f"# {line}")
    return "\n".join(lines)
