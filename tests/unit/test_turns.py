"""Whose turn it is, where several processes run tests."""

import select
import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.turns import turn

PROGRAM = """
import sys
from pathlib import Path
from tests.turns import turn
print("at the door", flush=True)
with turn(alone=sys.argv[1] == "alone", door=Path(sys.argv[2]), room=Path(sys.argv[3])):
    print("inside", flush=True)
"""


@pytest.fixture
def place(tmp_path: Path) -> dict[str, Path]:
    """A door and a room."""
    place = {"door": tmp_path / "door", "room": tmp_path / "room"}
    for file in place.values():
        file.touch()
    return place


@contextmanager
def other(how: str, place: dict[str, Path]) -> Generator[subprocess.Popen[bytes]]:
    """Another process, which has come to the door."""
    arguments = [how, *(str(file) for file in place.values())]
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments], cwd=root, stdout=subprocess.PIPE, bufsize=0
    ) as process:
        assert b"at the door\n" == line_of(process)
        yield process


def line_of(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    return process.stdout.readline()


def says_nothing(process: subprocess.Popen[bytes]) -> bool:
    """Whether nothing comes for a while."""
    assert process.stdout is not None
    return [] == select.select([process.stdout], [], [], 0.3)[0]


@pytest.mark.parametrize(("first", "second"), [("alone", "beside"), ("beside", "alone"), ("alone", "alone")])
def test_who_is_alone_shares_with_nobody(place: dict[str, Path], first: str, second: str) -> None:
    """Where one of two wants to be alone, the second comes in when the first has left."""
    with ExitStack() as stack:
        with turn(alone=first == "alone", **place):
            process = stack.enter_context(other(second, place))
            kept_out = says_nothing(process)
        entered = line_of(process)

    assert (True, b"inside\n") == (kept_out, entered)


def test_others_share(place: dict[str, Path]) -> None:
    """Tests that do not ask to be alone run beside each other."""
    with turn(alone=False, **place), other("beside", place) as process:
        assert b"inside\n" == line_of(process)
