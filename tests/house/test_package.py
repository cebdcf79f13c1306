"""What is shipped, and what the versions of everything else are."""

import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house.reading import ROOT

PACKAGES = {
    "resolute",
    "resolute_alertmanager",
    "resolute_grafana",
    "resolute_pagerduty",
    "resolute_slack",
    "resolute_worker",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """The wheel, built with what the lock brought and nothing else."""
    target = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(target)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(target.glob("*.whl"))) as archive:
        yield archive


def test_the_wheel_holds_the_packages(wheel: zipfile.ZipFile) -> None:
    """The import packages and the facts about them: no tests, no benchmarks, no ready-to-run flows."""
    top = {name.partition("/")[0] for name in wheel.namelist()}

    assert PACKAGES == {name for name in top if not name.endswith(".dist-info")}


def test_the_wheel_is_typed_and_licensed(wheel: zipfile.ZipFile) -> None:
    """Type checkers read our annotations from the installed packages, and lawyers the licence."""
    names = set(wheel.namelist())

    assert {f"{package}/py.typed" for package in PACKAGES} <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_every_file_of_the_packages_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    """What runs from the checkout runs installed: modules, templates of projects, pages and pictures of the board."""
    homes = dict.fromkeys(PACKAGES, ROOT / "providers") | {"resolute": ROOT, "resolute_worker": ROOT / "worker"}
    files = {
        str(path.relative_to(home))
        for name, home in homes.items()
        for path in (home / name).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert {"resolute_worker/project/provider/account.py.txt", "resolute_grafana/webhooks.py"} <= files
    assert set() == files - set(wheel.namelist())


def test_the_lock_is_hashed_and_names_no_host() -> None:
    """Any mirror can serve the lock, and none can serve something else."""
    lock = (ROOT / "requirements.txt").read_text()

    assert [] == re.findall(r"^.*(?:://|--index-url|--find-links|--extra-index-url).*$", lock, re.MULTILINE)
    assert [] == [str(pin) for pin, hashes in _pins(lock) if hashes < 1 or not str(pin.specifier).startswith("==")]


def test_the_lock_holds_what_the_project_asks_for() -> None:
    """Each requirement of pyproject.toml, extras and build backend included, is locked to a version that it allows."""
    pins = {canonicalize_name(pin.name): pin for pin, _ in _pins((ROOT / "requirements.txt").read_text())}
    stale = [
        str(wish)
        for wish in _wishes()
        if (pin := pins.get(canonicalize_name(wish.name))) is None
        or not wish.specifier.contains(str(pin.specifier).removeprefix("=="))
    ]

    assert [] == stale, "run `make lock`"


def _pins(lock: str) -> Iterator[tuple[Requirement, int]]:
    """The pinned requirements of a lock, each with the number of its hashes."""
    for entry in lock.replace("\\\n", " ").splitlines():
        if entry.strip() and not entry.startswith("#"):
            pin, *hashes = entry.split("--hash=sha256:")
            yield Requirement(pin), len(hashes)


def _wishes() -> list[Requirement]:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras: dict[str, list[str]] = project["project"]["optional-dependencies"]
    wishes = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    return [Requirement(wish) for wish in [*wishes, *(wish for extra in extras.values() for wish in extra)]]


def test_no_file_speaks_of_one_machine() -> None:
    """What is kept runs anywhere: no home folder, no registry, no local wheel in it."""
    machine = re.compile(r"(?<![\w.*-])/(?:root|home|Users|work|opt)/\w|pypi\.org|python[h]osted|npm[j]s|\bfile:///\w")
    named = [
        f"{path}:{number} {line.strip()[:80]}"
        for path in _kept_files()
        for number, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), start=1)
        if machine.search(line)
    ]

    assert not named, "\n".join(named)


def _kept_files() -> list[Path]:
    """The text files under version control, or all of the source where there is no git."""
    try:
        listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        files = [ROOT / name for name in listing.splitlines()]
    except (OSError, subprocess.CalledProcessError):
        files = [
            path for path in ROOT.rglob("*") if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
        ]
    text = {".py", ".md", ".toml", ".txt", ".json", ".yaml", ".yml", "", ".sh", ".html"}
    return [path.relative_to(ROOT) for path in files if path.is_file() and path.suffix in text]


def pinned(lock: str) -> dict[str, str]:
    """The version of each package in a lock."""
    return {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin, _ in _pins(lock)}


def wishes(extras: tuple[str, ...] = ()) -> list[str]:
    """The names of the packages that the project and these extras of it ask for."""
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(wish for name in extras for wish in project["optional-dependencies"][name])]
    return [canonicalize_name(Requirement(wish).name) for wish in wanted]
