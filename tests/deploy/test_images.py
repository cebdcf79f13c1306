"""The Dockerfile and the Compose files: linted, valid by their schema, and in line with the worker that they start."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main

from resolute_worker.cli.app import app
from resolute_worker.life import OVERTIME
from resolute_worker.serving.deliveries import RESERVED
from tests.deploy.reading import DEPLOY, Document, documents, problems
from tests.deploy.settings import is_secret, known, settings_of
from tests.house.reading import ROOT
from tests.house.test_package import pinned, wishes
from tests.patience import PATIENCE

HADOLINT = Path(sys.executable).with_name("hadolint")
COMPOSE = ("compose.yaml", "compose.cluster.yaml")


def instructions(text: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile, continued lines joined."""
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    lines = [line.partition(" ") for line in joined.splitlines() if line.strip()]
    return [(word, rest.strip()) for word, _, rest in lines]


DOCKERFILE = instructions((DEPLOY / "Dockerfile").read_text())


def environment() -> dict[str, str]:
    """The variables that the image sets, in the stages that it is made of."""
    base = DOCKERFILE.index(("FROM", "${BASE} AS base"))
    words = (word for name, rest in DOCKERFILE[base:] if name == "ENV" for word in shlex.split(rest))
    return dict(word.split("=", 1) for word in words)


@pytest.mark.skipif(not HADOLINT.exists(), reason="hadolint has no package for this platform")
def test_the_dockerfile_has_no_findings() -> None:
    """hadolint, with shellcheck inside, finds nothing in it, and does find what is wrong in another."""
    wrong = "FROM python\nRUN cd /x && pip install resolute\n"
    found, other = (
        subprocess.run([HADOLINT, "-"], input=text, capture_output=True, text=True, timeout=PATIENCE, check=False)
        for text in ((DEPLOY / "Dockerfile").read_text(), wrong)
    )

    assert (0, "") == (found.returncode, found.stdout)
    assert 0 != other.returncode


def test_what_the_image_copies_is_there_and_gets_to_the_build() -> None:
    """Each file that is copied exists, the build is given it, and it holds all that the package is built from."""
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = [
        source for word, rest in DOCKERFILE if word == "COPY" and "--from" not in rest for source in rest.split()[:-1]
    ]

    assert [] == [source for source in copied if not (ROOT / source).exists() or source not in allowed]
    assert sorted(allowed) == sorted(copied)
    assert {"resolute", "providers", "worker", "flows", "pyproject.toml", "README.md", "LICENSE"} <= set(copied)
    assert "*" in (ROOT / ".dockerignore").read_text().splitlines()


def test_the_image_runs_a_command_as_nobody_special() -> None:
    """It runs `resolute worker` as a user without rights, with settings that the worker takes, and no secret in it."""
    user, entry, command = (
        next(rest for word, rest in DOCKERFILE if word == name) for name in ("USER", "ENTRYPOINT", "CMD")
    )
    variables = environment()
    settings = settings_of(variables)
    check = next(rest for word, rest in DOCKERFILE if word == "HEALTHCHECK")
    ports = [int(rest) for word, rest in DOCKERFILE if word == "EXPOSE"]

    assert ("10001:10001", '["resolute"]', '["worker"]') == (user, entry, command)
    assert set() == set(variables) - known()
    assert [] == [name for name in variables if is_secret(name)]
    assert (True, "/state/resolute", [8080]) == (settings.embedded, str(settings.state_dir), ports)
    assert ("0.0.0.0", 8080) == (settings.http_host, settings.http_port)
    assert re.findall(r"(/\w+z)'", check) == ["/readyz"]
    assert "/readyz" in RESERVED
    assert "worker" in _commands()


def _commands() -> list[str]:
    command: Any = typer.main.get_command(app)
    return list(command.commands)


def test_the_lock_of_the_image_is_part_of_the_lock() -> None:
    """The image has the versions that the tests ran with: what the worker needs, the server, and no tool of ours."""
    image, whole = (pinned(path.read_text()) for path in (DEPLOY / "requirements.txt", ROOT / "requirements.txt"))
    needed = wishes(extras=("embedded", "s3"))

    assert {} == {name: pin for name, pin in image.items() if whole.get(name) != pin}, "run `make lock`"
    assert [] == [name for name in needed if name not in image], "run `make lock`"
    assert {"pytest", "ruff", "hypothesis", "pyright"} & set(image) == set()


@pytest.mark.parametrize("name", COMPOSE)
def test_a_compose_file_is_valid(name: str) -> None:
    """It holds to the Compose Specification."""
    (found,) = documents(DEPLOY / name)
    wrong = {**found, "services": {"worker": {"image": "x", "healthcheck": {"every": "5s"}}}}

    assert [] == problems(found, "compose-spec.json")
    assert [] != problems(wrong, "compose-spec.json")


@pytest.mark.parametrize("name", COMPOSE)
def test_the_worker_of_a_compose_file_is_as_the_image_is_meant(name: str) -> None:
    """It builds a stage that exists, has settings that the worker takes and time to end, and may do nothing else."""
    worker: Document = documents(DEPLOY / name)[0]["services"]["worker"]
    variables = {key: str(value) for key, value in worker["environment"].items()}
    settings = settings_of({key: value for key, value in variables.items() if "${" not in value})
    stages = re.findall(r"AS (\w+)", " ".join(rest for word, rest in DOCKERFILE if word == "FROM"))
    build, grace = worker["build"], int(worker["stop_grace_period"].removesuffix("s"))
    written = {mount.split(":")[1] for mount in worker["volumes"]} | {mount.split(":")[0] for mount in worker["tmpfs"]}

    assert (True, (DEPLOY / build["context"]).resolve()) == (build["target"] in stages, ROOT)
    assert build["dockerfile"] == "deploy/Dockerfile"
    assert set() == set(variables) - known()
    assert [] == [key for key, value in variables.items() if is_secret(key) and not value.startswith("${")]
    assert settings.shutdown_seconds + OVERTIME + 5 <= grace
    assert (True, ["ALL"], ["no-new-privileges:true"]) == (
        worker["read_only"],
        worker["cap_drop"],
        worker["security_opt"],
    )
    assert {"/tmp", "/state", "/app/flows"} == written
    assert [] == [port for port in worker["ports"] if not port.startswith("127.0.0.1:")]


def test_two_workers_share_a_temporal_that_nobody_else_reaches() -> None:
    """Temporal and its database are published nowhere, and every network that they are in is closed to the outside."""
    (found,) = documents(DEPLOY / "compose.cluster.yaml")
    services: dict[str, Document] = found["services"]
    inside = {network for name in ("temporal", "postgresql") for network in services[name]["networks"]}

    assert 2 == services["worker"]["deploy"]["replicas"]
    assert [] == [name for name in ("temporal", "postgresql") if services[name].get("ports")]
    assert [True] * len(inside) == [found["networks"][name]["internal"] for name in sorted(inside)]
    assert services["worker"]["environment"]["TEMPORAL_ADDRESS"] == "temporal:7233"
