"""Where an author wrote something: the file and the line, as a plan keeps them."""

from __future__ import annotations

import sys
from typing import Final

_PARTS: Final = 2
"""Parts of a file's path that are kept: enough to find it in a project, and nothing of the machine it is on."""


def is_ours(module: object) -> bool:
    """Whether a module, by its name, is Resolute's or a provider's; every other one is the author's."""
    package = str(module).partition(".")[0]
    return package == "resolute" or package.startswith("resolute_")


def place_of_caller() -> str:
    """The line of the author's that is at work: `flows/alerting.py:40`; an empty text where there is none."""
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]  # Python's way to ask who calls
    while is_ours(frame.f_globals.get("__name__")):
        if frame.f_back is None:
            return ""
        frame = frame.f_back
    file = frame.f_code.co_filename
    if file.startswith("<frozen "):
        return ""  # Python imports a module of Resolute's own
    kept = file if file.startswith("<") else "/".join(file.replace("\\", "/").strip("/").split("/")[-_PARTS:])
    return f"{kept.encode(errors='replace').decode()}:{frame.f_lineno}"
