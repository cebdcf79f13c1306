"""`resolute new`: a folder to begin with, which works as it stands."""

import asyncio
import json
import stat
import sys
from pathlib import Path

import httpx
import pytest

from resolute.plan.errors import ConfigurationError
from resolute_worker.cli.app import run
from resolute_worker.project import create, ready_flows
from tests.patience import PATIENCE
from tests.worker.processes import environment, resolute, started

ILL = {"status": "critical", "message": "no database connections left"}


async def _pytest(folder: Path) -> tuple[int, str]:
    return await _run(folder, "pytest", "-q")


async def _run(folder: Path, module: str, *arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", module, *arguments),
        cwd=folder,
        env=environment({}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    return process.returncode or 0, printed.decode()


async def test_a_new_project_is_right_and_tested(tmp_path: Path) -> None:
    """The flow of a new project passes every check, and its test passes, before anybody has edited anything."""
    code, printed, said = await resolute("new", "my-alerting", folder=tmp_path)
    checked = await resolute("check", folder=tmp_path / "my-alerting")
    tested, output = await _pytest(tmp_path / "my-alerting")

    assert 0 == code, said
    assert "my-alerting/flows/my_alerting.py" in printed
    assert "Next: cd my-alerting && resolute dev --simulator" in said
    assert 0 == checked[0], checked[2]
    assert 0 == tested, output
    assert "1 passed" in output


async def test_a_new_provider_is_right_and_tested(tmp_path: Path) -> None:
    """A new provider passes its own tests, ruff and pyright in strict mode before anybody has edited anything."""
    code, printed, said = await resolute("new", "provider", "ops-genie", folder=tmp_path)
    folder = tmp_path / "resolute-ops-genie"
    (tested, output), (linted, found), (typed, problems) = await asyncio.gather(
        _pytest(folder),
        _run(folder, "ruff", "check", "--no-cache", "."),
        _run(folder, "pyright", "--pythonpath", sys.executable),
    )

    assert 0 == code, said
    assert "resolute-ops-genie/resolute_ops_genie/nodes.py" in printed
    assert 0 == tested, output
    assert 0 == linted, found
    assert 0 == typed, problems


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("provider",), "give the provider the name"),
        (("provider", "Ops Genie"), "cannot be a provider's name"),
        (("provider", "class"), "cannot be a provider's name"),
        (("provider", "slack"), "comes with Resolute"),
        (("alerting", "genie"), "give the provider the name"),
    ],
)
def test_what_cannot_be_a_provider(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    message: str,
) -> None:
    """A name that cannot be one, or is taken, is refused, and nothing is written."""
    monkeypatch.chdir(tmp_path)

    assert 2 == run(["new", *words])
    assert message in " ".join(capsys.readouterr().err.split())
    assert [] == list(tmp_path.iterdir())


async def test_a_new_project_opens_an_incident(tmp_path: Path) -> None:
    """Run with the simulator, and with its settings from .env, a service that falls ill opens an incident."""
    await resolute("new", "alerting", folder=tmp_path)
    folder = tmp_path / "alerting"
    ports = ("--port", "0", "--http-port", "0", "--simulator-port", "0")
    async with started("dev", "--simulator", *ports, folder=folder) as dev:
        place = (await dev.line("export TEMPORAL_ADDRESS=")).rpartition("=")[2]
        exported = await dev.line("export PAGERDUTY_API_URL=")
        words = [word.partition("=") for word in exported.split() if word.startswith("PAGERDUTY_")]
        variables = {name: value for name, _, value in words}
        await dev.line("Ready")
        (folder / "health.json").write_text(json.dumps(ILL))
        run = await resolute("run", "alerting", folder=folder, TEMPORAL_ADDRESS=place)
        async with httpx.AsyncClient(timeout=PATIENCE) as http:
            answer = await http.get(
                f"{variables['PAGERDUTY_API_URL']}/incidents",
                headers={"Authorization": f"Token token={variables['PAGERDUTY_API_KEY']}"},
            )
        await dev.stopped()

    assert 0 == run[0], run[2]
    assert "Read .env: HEALTH_FILE" in dev.output
    assert {"PAGERDUTY_ROUTING_KEY", "PAGERDUTY_WEBHOOK_SECRET", "PAGERDUTY_FROM_EMAIL"} < set(variables)
    assert ILL["message"] in [incident["title"] for incident in answer.json()["incidents"]]


@pytest.mark.parametrize("name", list(ready_flows()))
async def test_a_project_around_a_ready_flow(tmp_path: Path, name: str) -> None:
    """Each ready flow can be taken into a project of its own, where it is right and its test passes."""
    code, _, said = await resolute("new", "--from", name, folder=tmp_path)
    checked = await resolute("check", folder=tmp_path / name)
    tested, output = await _pytest(tmp_path / name)

    assert 0 == code, said
    assert 0 == checked[0], checked[2]
    assert 0 == tested, output


def test_settings_are_named(tmp_path: Path) -> None:
    """The .env of a ready flow names every variable that it reads, readable by its owner alone."""
    made = create("watch", within=tmp_path, ready="database-monitor")
    file = made.folder / ".env"
    lines = file.read_text().splitlines()

    assert 0o600 == stat.S_IMODE(file.stat().st_mode)
    named = {
        "DATABASE_ADDRESS=",
        "# DATABASE_PROTOCOL=",
        "# PAGERDUTY_ROUTING_KEY=",
        "SLACK_BOT_TOKEN=",
        "SLACK_CHANNEL=",
    }
    assert named <= set(lines)
    assert ("DATABASE_ADDRESS", "SLACK_BOT_TOKEN", "SLACK_CHANNEL") == made.to_set


@pytest.mark.parametrize(
    ("name", "ready", "message"),
    [
        ("../x", None, "cannot be a project's name"),
        ("class", None, "cannot be a project's name"),
        ("here", None, "already exists"),
        ("new", "smart-alertin", "did you mean 'smart-alerting'"),
    ],
)
def test_what_cannot_be_a_project(tmp_path: Path, name: str, ready: str | None, message: str) -> None:
    """A name that cannot be one, a folder that is there, an unknown ready flow: refused, and nothing is written."""
    (tmp_path / "here").mkdir()

    with pytest.raises(ConfigurationError, match=message):
        create(name, within=tmp_path, ready=ready)
    assert ["here"] == [path.name for path in tmp_path.iterdir()]


async def test_the_environment_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is set already is not changed by .env, and `resolute check` reads none of it."""
    from resolute_worker.dotenv import read_dotenv

    (tmp_path / ".env").write_text("GIVEN=file\nFRESH=file\nEMPTY=\n")
    monkeypatch.setenv("GIVEN", "environment")
    for name in ("FRESH", "EMPTY"):
        monkeypatch.setenv(name, "")

    assert ("FRESH",) == read_dotenv(tmp_path)
