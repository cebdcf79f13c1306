"""A program that loads what the command `resolute` loads, and forks for each command that it is asked for."""

import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import sys
import time
import traceback
from pathlib import Path
from typing import Any, NoReturn

LEFT_OUT = ("resolute_worker.project", "resolute_worker.board", "resolute_worker.demo")
"""What few commands load, and files that are no modules of the package."""


def load() -> None:
    """Loads what commands load, which starts no thread and reads no setting."""
    for package in (
        importlib.import_module(name) for name in ("resolute_worker.cli", "resolute_worker", "resolute.temporal")
    ):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.startswith(LEFT_OUT):
                importlib.import_module(module.name)
    gc.collect()
    gc.freeze()


def serve(door: socket.socket, script: str) -> None:
    """Takes orders until the process that started this one is gone."""
    while True:
        came, _, _ = select.select([door, sys.stdin], [], [])
        if sys.stdin in came:
            return
        order, _ = door.accept()
        with order:
            if not os.fork():
                door.close()
                _look_after(order, script)


def _look_after(order: socket.socket, script: str) -> NoReturn:
    """Starts a command, and tells its process id and its exit code."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        head, streams, _, _ = socket.recv_fds(order, 4096, 2)
        while b"\n" not in head:
            head += order.recv(4096)
        length, _, letter = head.partition(b"\n")
        while len(letter) < int(length):
            letter += order.recv(65536)
        pid = os.fork()
        if not pid:
            order.close()
            _become(script, streams, *json.loads(letter))
        order.sendall(b"%d\n" % pid)
        _, status = os.waitpid(pid, 0)
        order.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
    finally:
        os._exit(0)


def _become(script: str, streams: list[int], arguments: list[str], folder: str, variables: dict[str, str]) -> NoReturn:
    """The command, as if it had been started."""
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(variables)
        time.tzset()
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, stream in enumerate((nothing, *streams)):
            os.dup2(stream, number)
            os.close(stream)
        sys.stdin = open(0, encoding=sys.stdin.encoding, closefd=False)  # noqa: SIM115  # as long as the process
        sys.stdout, sys.stderr = _writing(1, sys.stdout), _writing(2, sys.stderr)
        sys.argv = [script, *arguments]
        importlib.invalidate_caches()
        from resolute_worker.cli import main

        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _writing(number: int, before: Any) -> Any:
    return open(
        number, "w", encoding=before.encoding, errors=before.errors, closefd=False, buffering=1
    )  # as long as the process


if __name__ == "__main__":
    sys.path[0] = str(Path(sys.argv[2]).parent)  # as where the script itself is started
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    load()
    serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2])
