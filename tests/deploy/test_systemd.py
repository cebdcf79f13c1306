"""The units for systemd: accepted by systemd itself, closed, and in line with the worker that they start."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from resolute_worker.cli.app import USAGE, app
from resolute_worker.life import OVERTIME
from tests.deploy.reading import DEPLOY
from tests.deploy.settings import known, settings_of
from tests.patience import PATIENCE

UNITS = DEPLOY / "systemd"
NAMES = sorted(path.name for path in UNITS.iterdir())


def entries(name: str) -> Iterator[tuple[str, str, str]]:
    """Section, key and value of each line of a unit."""
    section = ""
    for line in (UNITS / name).read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            yield section, key, value


def service(name: str) -> dict[str, str]:
    """The single entries of a unit's [Service]."""
    return {key: value for section, key, value in entries(name) if section == "Service" and key != "Environment"}


def environment(name: str) -> dict[str, str]:
    """The variables that a unit sets."""
    return dict(value.split("=", 1) for _, key, value in entries(name) if key == "Environment")


def verified(folder: Path, name: str, **changed: str) -> list[str]:
    """What systemd says of a unit, in a folder with all of them, where their program and user exist."""
    here = {
        "/usr/local/lib/resolute/bin/resolute": "/bin/true",
        "User=resolute": "User=root",
        "Group=resolute": "Group=root",
    }
    for each in NAMES:
        text = (UNITS / each).read_text()
        for ours, everywhere in {**here, **changed}.items():
            text = text.replace(ours, everywhere)
        (folder / each).write_text(text)
    command = ["systemd-analyze", "verify", "--recursive-errors=no", folder / name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    # Other units of the machine may have their own faults.
    return [line for line in done.stderr.splitlines() if "resolute" in line]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not here")
@pytest.mark.parametrize("name", NAMES)
def test_systemd_takes_a_unit(name: str, tmp_path: Path) -> None:
    """Systemd knows every section, key and value of it."""
    assert [] == verified(tmp_path, name)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not here")
def test_systemd_tells_of_what_it_does_not_take(tmp_path: Path) -> None:
    """A key that it does not know and a value of a wrong kind are told of."""
    assert 2 == len(verified(tmp_path, "resolute.service", NoNewPrivileges="NoPrivileges", **{"=mixed": "=both"}))


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not here")
def test_the_worker_is_shut_in() -> None:
    """By systemd's own measure of exposure, from 0 (closed) to 10, the worker is below 2."""
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", UNITS / "resolute.service"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert 0 == done.returncode, done.stdout[-500:]


def test_the_worker_has_its_own_state_and_the_time_to_end() -> None:
    """It runs as its own user, in a state folder for that user alone, and has its grace period to end in."""
    unit, variables = service("resolute.service"), environment("resolute.service")
    settings = settings_of(variables)

    assert set() == set(variables) - known()
    assert ("resolute", "resolute", "0700") == (unit["User"], unit["StateDirectory"], unit["StateDirectoryMode"])
    assert (f"/var/lib/{unit['StateDirectory']}", True) == (str(settings.state_dir), settings.embedded)
    assert settings.shutdown_seconds + OVERTIME + 5 <= int(unit["TimeoutStopSec"])
    assert "mixed" == unit["KillMode"]
    assert str(USAGE) == unit["RestartPreventExitStatus"]


def test_a_worker_that_tells_systemd_nothing_is_not_waited_for() -> None:
    """The worker sends no sd_notify, so its unit does not wait for one."""
    tells = [path for path in (DEPLOY.parent / "worker").rglob("*.py") if "NOTIFY_SOCKET" in path.read_text()]

    assert ("simple", []) == (service("resolute.service")["Type"], tells)


def test_a_backup_is_made_of_the_state_of_the_worker() -> None:
    """The timer starts a backup of the worker's own state folder, as its user, into a folder that it may write."""
    unit, command = service("resolute-backup.service"), service("resolute-backup.service")["ExecStart"]
    words = shlex.split(shlex.split(command)[-1])
    registered = getattr(typer.main.get_command(app), "commands", {})

    assert (
        environment("resolute.service")["RESOLUTE_STATE_DIR"]
        == environment("resolute-backup.service")["RESOLUTE_STATE_DIR"]
    )
    assert service("resolute.service")["User"] == unit["User"]
    assert ["exec", "/usr/local/lib/resolute/bin/resolute", "backup"] == words[:3]
    assert "backup" in registered
    assert set(re.findall(r"/var/backups/resolute", command)) <= set(unit["ReadWritePaths"].split())
