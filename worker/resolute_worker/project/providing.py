"""Writes a provider for another service: a package that passes its own tests, to be made into one's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from keyword import iskeyword
from pathlib import Path
from string import Template
from typing import Final

from resolute.plan.errors import ConfigurationError
from resolute_worker.project.new import NewProject, written_into

_NAME: Final = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
_TAKEN: Final = frozenset({"alertmanager", "grafana", "pagerduty", "slack", "worker"})

_PACKAGE: Final = ("config", "errors", "client", "account", "nodes", "provider", "simulator", "testing")
_OUTSIDE: Final[Mapping[str, str]] = {
    "pyproject.toml": "pyproject.toml.txt",
    "README.md": "README.md.txt",
    "tests/conftest.py": "conftest.py.txt",
    "tests/test_nodes.py": "test_nodes.py.txt",
}


def create_provider(name: str, *, within: Path) -> NewProject:
    """Writes the package of a provider into a new folder `resolute-NAME`.

    Args:
        name: what the service is called: small letters, digits, `-` and `_`.
        within: the folder in which to create the package's folder.

    Raises:
        ConfigurationError: the name is invalid or taken, or the folder already exists.
    """
    module = name.replace("-", "_")
    if not _NAME.fullmatch(name) or iskeyword(module):
        raise ConfigurationError(
            f"{name!r} cannot be a provider's name: use small letters, digits, '-' and '_', such as 'opsgenie'"
        )
    if module in _TAKEN:
        raise ConfigurationError(f"resolute_{module} comes with Resolute: choose another name")
    words = re.split("[-_]", name)
    names = {
        "name": name,
        "module": module,
        "prefix": module.upper(),
        "class_name": "".join(word.capitalize() for word in words),
        "title": " ".join(word.capitalize() for word in words),
    }
    package = f"resolute_{module}"
    sources = {
        **_OUTSIDE,
        f"{package}/__init__.py": "init.py.txt",
        **{f"{package}/{part}.py": f"{part}.py.txt" for part in _PACKAGE},
    }
    folder = files(__package__ or "") / "provider"
    texts = {file: Template((folder / source).read_text("utf-8")).substitute(names) for file, source in sources.items()}
    return written_into(within / f"resolute-{name}", {**texts, f"{package}/py.typed": ""})
