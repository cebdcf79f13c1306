"""The image without Docker: its steps run here, on what the build would be given, and its worker starts."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.test_images import DOCKERFILE
from tests.house.reading import ROOT
from tests.worker.processes import started

HOME = "/usr/local/lib/resolute"
FLOW = """
from resolute import flow, manual, node

@node
def greet() -> str:
    return "hello"

greeting = flow("greeting").triggered_by(manual("greet")).then(greet()).build()
"""


def _stage(name: str) -> list[tuple[str, str]]:
    """The instructions of a stage."""
    begins = [
        number for number, (word, rest) in enumerate(DOCKERFILE) if word == "FROM" and rest.endswith(f"AS {name}")
    ]
    steps = DOCKERFILE[begins[0] + 1 :]
    return steps[: next((number for number, (word, _) in enumerate(steps) if word == "FROM"), len(steps))]


def _run(steps: list[tuple[str, str]], folder: Path, home: Path) -> None:
    """Does what a stage does, with another folder in place of the image's."""
    for word, rest in steps:
        if word == "COPY":
            *sources, target = rest.split()
            for source in sources:
                place = folder / target / (source if target == "./" else "")
                place.parent.mkdir(parents=True, exist_ok=True)
                copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
                copy(ROOT / source, place)
        elif word == "RUN":
            words = [each.replace(HOME, str(home)) for each in json.loads(rest)]
            done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
            assert 0 == done.returncode, f"{rest}: {done.stdout[-2000:]}{done.stderr[-2000:]}"


@pytest.mark.soak
@pytest.mark.timeout(1200)
async def test_the_steps_of_the_image_make_a_worker_that_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The locked packages and the copied files are enough: the worker serves, with an embedded server, and is ready.

    Without that server, as in the image for a cluster, the command is still whole.
    """
    home, folder = tmp_path / "home", tmp_path / "src"
    folder.mkdir()
    _run(_stage("build"), folder, home)
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "greeting.py").write_text(FLOW)
    monkeypatch.setattr("tests.worker.processes.RESOLUTE", str(home / "bin" / "resolute"))
    variables = {"RESOLUTE_EMBEDDED": "true", "RESOLUTE_EMBEDDED_PORT": "0", "RESOLUTE_HTTP_PORT": "0"}

    async with started("worker", folder=tmp_path, **variables) as worker:
        url = await worker.url()
        code = re.sub(r"http://127.0.0.1:' \+ os.environ\['RESOLUTE_HTTP_PORT'\] \+ '", url, _check())
        healthy = subprocess.run([home / "bin" / "python", "-c", code], env=dict(os.environ), check=False)
        ended = await worker.stopped()
    _run(_stage("build-worker"), folder, home)
    version = subprocess.run([home / "bin" / "resolute", "--version"], capture_output=True, text=True, check=True)

    assert (0, 0) == (healthy.returncode, ended)
    assert version.stdout.startswith("resolute ")
    assert not (home / "bin" / "temporal").exists()


def _check() -> str:
    """The program of the image's health check."""
    rest = next(rest for word, rest in DOCKERFILE if word == "HEALTHCHECK")
    return str(json.loads(rest.partition("CMD ")[2])[-1])
