"""When flows were released is told from their files, so that an old worker stays old."""

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from resolute_worker.release import release_of

COMMITTED = datetime(2026, 3, 1, 12, tzinfo=UTC)
CHANGED = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A flow file that was changed at a known time."""
    return written(tmp_path / "flows.py", "one = 1")


def written(file: Path, text: str) -> Path:
    file.write_text(text)
    os.utime(file, (CHANGED.timestamp(), CHANGED.timestamp()))
    return file


def commit(folder: Path) -> None:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@harbour.example")
    when = {**os.environ, "GIT_COMMITTER_DATE": COMMITTED.isoformat(), "GIT_AUTHOR_DATE": COMMITTED.isoformat()}
    for words in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "flows")):
        subprocess.run(["git", "-C", str(folder), *identity, *words], check=True, env=when)


def test_without_git_the_newest_file_says_it(file: Path) -> None:
    """The release does not depend on when the process was started."""
    older = file.with_name("older.py")
    older.write_text("")
    os.utime(older, (0, 0))

    assert CHANGED == release_of([older, file])


def test_a_clean_checkout_is_released_when_it_was_committed(file: Path) -> None:
    """A worker that checks an old commit out again has the old release."""
    commit(file.parent)

    assert COMMITTED == release_of([file])


def test_a_change_after_the_commit_is_a_release_of_its_own(file: Path) -> None:
    """What is not committed yet is as new as its file."""
    commit(file.parent)
    written(file, "another = 2")

    assert CHANGED == release_of([file])
