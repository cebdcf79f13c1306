"""What may be imported from the packages' own names, and what importing them costs."""

import importlib
import subprocess
import sys
from types import ModuleType

import pytest

PROVIDERS = ("resolute_pagerduty", "resolute_slack")
PACKAGES = ("resolute", *PROVIDERS, "resolute_worker")

# Libraries that only a process which uses them should pay for.
WORLD = (
    "temporalio",
    "httpx",
    "starlette",
    "uvicorn",
    "typer",
    "rich",
    "watchfiles",
    "mcp",
    "pytest",
    "slack_sdk",
    "aiohttp",
    "asyncio",
    "cryptography",
    "jinja2",
    "ssl",
    "yaml",
)


@pytest.mark.parametrize("package", PACKAGES)
def test_the_front_door_is_exactly_what_it_lists(package: str) -> None:
    """`__all__` is every public name of a package, sorted, and none that only passes through."""
    door = importlib.import_module(package)
    public = {
        name
        for name, value in vars(door).items()
        if name.isidentifier() and not name.startswith("_") and not _is_own(value, package)
    }

    assert sorted(public) == list(door.__all__)


def _is_own(value: object, package: str) -> bool:
    """Whether a value is a module of the package: importing one leaves its name at the door."""
    return isinstance(value, ModuleType) and value.__name__.startswith(f"{package}.")


def test_importing_resolute_stays_cheap() -> None:
    """A file that writes a flow loads no Temporal, no HTTP client, no web server and no terminal."""
    assert set() == _loaded_by("resolute") & set(WORLD)


def test_importing_resolute_builds_no_model() -> None:
    """Pydantic builds the models of plans when one is used: that would be a third of the time of the import."""
    script = """
import resolute, pydantic
def below(model):
    return [model, *(each for child in model.__subclasses__() for each in below(child))]
models = [each for each in below(pydantic.BaseModel) if each.__module__.startswith("resolute.")]
print(len(models) > 30, [each.__name__ for each in models if each.__pydantic_complete__])
"""
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert "True []" == told.strip()


@pytest.mark.parametrize("provider", PROVIDERS)
def test_importing_a_provider_never_loads_temporal(provider: str) -> None:
    """A flow file that names a provider can be read and checked without Temporal, a web server or a terminal."""
    assert set() == _loaded_by(provider) & set(WORLD) - {"httpx", "asyncio", "ssl"}


def test_a_costly_import_is_seen() -> None:
    """The two promises above look at what is really loaded."""
    assert {"pytest"} == _loaded_by("pytest") & {"pytest", "temporalio"}


def _loaded_by(module: str) -> set[str]:
    """The top-level modules in a fresh process after it imported one."""
    script = f"import {module}, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    return {name.partition(".")[0] for name in loaded.split()}
