"""The command that shows the available nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from resolute.plan.errors import ConfigurationError
from resolute.plan.shapes import did_you_mean
from resolute_worker.cli.output import AsJson, show, table

if TYPE_CHECKING:
    from resolute_worker.reference.describe import NodeReference


def nodes(
    name: Annotated[
        str | None,
        typer.Argument(
            help="A node, such as trigger_event or pagerduty.TriggerEvent, or a provider, such as slack.",
            show_default=False,
        ),
    ] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the reference of a provider's nodes in Markdown.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the nodes that flows can use, or show one.

    Shows the node's input and output, its effect, the grant it needs, its rate limit, and why it is safe to repeat.
    """
    if markdown:
        if as_json:
            raise ConfigurationError("--markdown prints a whole document: leave out --json")
        typer.echo(document("pagerduty" if name is None else name), nl=False)
        return
    found = _references(name)
    if name is None or found:
        show(as_json, [_summary(each) for each in found], lambda: _listed(found))
        return
    node = _named(name, _references())
    show(as_json, _whole(node), lambda: _rendered(node))


def document(provider: str) -> str:
    """The reference of a provider's nodes, as in the documentation.

    Raises:
        ConfigurationError: there is no such provider.
    """
    from resolute_worker.providers import KNOWN
    from resolute_worker.reference.markdown import markdown

    known = KNOWN.get(provider)
    if known is None:
        hint = did_you_mean(provider, list(KNOWN))
        raise ConfigurationError(f"--markdown prints the nodes of a provider, and {provider!r} is none ({hint})")
    return markdown(known.title, known.package, _references(provider))


def _references(provider: str | None = None) -> list[NodeReference]:
    """The nodes of a provider; of all without one."""
    from resolute_worker.providers import KNOWN
    from resolute_worker.reference.describe import describe

    return [
        describe(definition)
        for name, known in KNOWN.items()
        if provider in (None, name)
        for definition in known.nodes()
    ]


def _named(name: str, found: list[NodeReference]) -> NodeReference:
    wanted = name.strip().casefold()
    for each in found:
        if wanted in (each.name.casefold(), each.name.partition(".")[2].casefold(), each.call.casefold()):
            return each
    raise ConfigurationError(f"there is no node {name!r} ({did_you_mean(wanted, [each.call for each in found])})")


def _summary(node: NodeReference) -> dict[str, Any]:
    return {
        "node": node.call,
        "activity": node.name,
        "effect": node.effect,
        "summary": node.docstring.summary,
        "facts": node.facts,
    }


def _whole(node: NodeReference) -> dict[str, Any]:
    return {
        **_summary(node),
        "description": node.docstring.body,
        "input": node.input_schema,
        "output": node.output_schema,
        "raises": node.docstring.raises,
        "policy": node.policy,
        "example": node.docstring.example,
    }


def _listed(found: list[NodeReference]) -> RenderableType:
    rows = [
        (escape(each.call), each.effect, escape(each.facts.get("Grant", "")), escape(each.docstring.summary))
        for each in found
    ]
    return table(("Node", "Effect", "Grant", "What it does"), rows, empty="no node")


def _rendered(node: NodeReference) -> RenderableType:
    parts: list[RenderableType] = [f"[bold]{escape(node.call)}[/]  {escape(node.name)}", escape(node.docstring.summary)]
    if node.docstring.body:
        parts += ["", escape(node.docstring.body)]
    inputs = [
        (
            escape(field.name) + ("" if field.default is not None else " [red]*[/]"),
            escape(field.kind),
            escape(field.default or ""),
            escape(field.meaning),
        )
        for field in node.input
    ]
    outputs = [(escape(path), escape(field.kind)) for path, field in node.paths()]
    parts += ["", table(("Input (* required)", "Type", "Default", "Meaning"), inputs, empty="no input")]
    parts += ["", table((f"Output: {node.output}", "Type"), outputs, empty="no output")]
    facts = Table.grid(padding=(0, 2))
    for name, text in node.said.items():
        facts.add_row(f"[dim]{name}[/]", escape(text))
    parts += ["", facts]
    for error, meaning in node.docstring.raises.items():
        parts.append(f"[dim]Raises[/] {escape(error)}: {escape(meaning)}")
    if node.docstring.example:
        parts += ["", *(f"  {escape(line)}" for line in node.docstring.example.splitlines())]
    return Group(*parts)
