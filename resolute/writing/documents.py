"""Flows in files of their own: YAML or JSON, with the line of each step.

YAML as its version 1.2 means it for JSON: `yes`, `no` and `on` are text, and so are times. Anchors are not taken: a
short file could stand for an endless one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from resolute.plan.errors import FlowBuildError, Problem, ResoluteError
from resolute.plan.values import DEEPEST, Json
from resolute.writing.data import Document, flow_as_data
from resolute.writing.flow import Flow

LARGEST: Final = 1_000_000
"""Characters of a file."""

SCHEMA: Final = "flow.schema.json"
"""The file that editors find the schema in, beside the flows."""

_PLAIN: Final[Mapping[str, re.Pattern[str]]] = {
    "tag:yaml.org,2002:bool": re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"),
    "tag:yaml.org,2002:null": re.compile(r"^(?:~|null|Null|NULL|)$"),
    "tag:yaml.org,2002:int": re.compile(r"^[-+]?[0-9]+$"),
    "tag:yaml.org,2002:float": re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$"),
}


class _Loader(yaml.SafeLoader):
    """Reads YAML 1.2's words for JSON's values, and no others."""

    yaml_implicit_resolvers: dict[str | None, list[tuple[str, re.Pattern[str]]]] = {  # noqa: RUF012  # PyYAML's way
        None: list(_PLAIN.items())
    }


class _Dumper(yaml.SafeDumper):
    """Writes what `_Loader` reads as the same."""

    yaml_implicit_resolvers: dict[str | None, list[tuple[str, re.Pattern[str]]]] = {  # noqa: RUF012  # PyYAML's way
        None: list(_PLAIN.items())
    }

    def ignore_aliases(self, data: object) -> bool:
        """Writes equal parts out, each in its place."""
        return True


_BREAKS: Final = {"\x85": "\\N", "\u2028": "\\L", "\u2029": "\\P"}
"""Line breaks of Unicode's, which PyYAML writes as they are and reads as spaces, and how YAML writes them."""


def _text(dumper: _Dumper, text: str) -> ScalarNode:
    style = '"' if any(each in text for each in _BREAKS) else None
    node: ScalarNode = dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)  # pyright: ignore[reportUnknownMemberType]  # PyYAML's own types
    return node


_Dumper.add_representer(str, _text)


def read_document(text: str, file: str) -> Document:
    """What stands in a file.

    Raises:
        FlowBuildError: it is no YAML, or YAML that means more than JSON.
    """
    lines: dict[str, int] = {}
    try:
        if len(text) > LARGEST:
            raise _UnreadableError(None, f"the file has {len(text):,} characters, {LARGEST:,} are the most")
        loader = _Loader(text)
        try:
            _refuse_anchors(text)
            root = loader.get_single_node()
        finally:
            loader.dispose()
        data = _value(root, lines, 0) if root is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{file}:{mark.line + 1}" if mark else file
        raise FlowBuildError(file, [Problem(place, f"that is no YAML: {error.problem}")]) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise FlowBuildError(
            file, [Problem(file, f"that is no YAML: {str(error) or 'it is nested too deep'}")]
        ) from None
    except _UnreadableError as error:
        place = f"{file}:{error.line}" if error.line else file
        raise FlowBuildError(file, [Problem(place, error.message, error.hint)]) from None
    return Document(data, lines)


def write_document(flow: Flow) -> str:
    """A flow as YAML, for a file of its own."""
    data = cast("dict[str, Any]", flow_as_data(flow))
    written = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    for raw, escaped in _BREAKS.items():
        written = written.replace(raw, escaped)
    return f"# yaml-language-server: $schema={SCHEMA}\n{written}"


class _UnreadableError(ResoluteError):
    """A file holds what is no flow."""

    def __init__(self, line: int | None, message: str, hint: str = "") -> None:
        self.line = line
        self.message = message
        self.hint = hint
        super().__init__(message)


def _refuse_anchors(text: str) -> None:
    for event in _events(text):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            line = event.start_mark.line + 1 if event.start_mark else None
            raise _UnreadableError(line, "anchors (&name) and aliases (*name) are not taken", "write the part out")


def _events(text: str) -> Iterator[Any]:
    yield from yaml.parse(text, Loader=_Loader)  # pyright: ignore[reportUnknownMemberType]  # PyYAML's own types


def _value(node: Node, lines: dict[str, int], depth: int) -> Json:
    line = node.start_mark.line + 1
    if depth > DEEPEST:
        raise _UnreadableError(line, f"lists and objects are nested more than {DEEPEST} deep")
    match node:
        case MappingNode():
            return _object(node, lines, depth)
        case SequenceNode():
            return [_value(item, lines, depth + 1) for item in cast("list[Node]", node.value)]
        case ScalarNode():
            return _scalar(str(node.tag), str(node.value), line)
        case _:
            raise _UnreadableError(line, "that is no JSON value")


def _object(node: MappingNode, lines: dict[str, int], depth: int) -> Json:
    found: dict[str, Json] = {}
    for key, value in cast("list[tuple[Node, Node]]", node.value):
        line = key.start_mark.line + 1
        if not isinstance(key, ScalarNode):
            raise _UnreadableError(line, "a key is a text")
        name = str(key.value)
        if name in found:
            raise _UnreadableError(line, f"the key {name!r} stands there twice", "keep one")
        found[name] = _value(value, lines, depth + 1)
    step = found.get("id")
    if isinstance(step, str):
        lines.setdefault(step, node.start_mark.line + 1)
    return found


def _scalar(tag: str, text: str, line: int) -> Json:
    match tag.rpartition(":")[2]:
        case "str":
            return text
        case "bool":
            return text.lower() == "true"
        case "null":
            return None
        case "int" if len(text) <= DEEPEST * 40:
            return int(text)
        case "float":
            return float(text)
        case other:
            raise _UnreadableError(line, f"{text[:60]!r} is no JSON value ({other})", "quote it, where a text is meant")
