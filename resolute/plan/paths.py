"""Paths of the worker's HTTP server, as triggers name them."""

from __future__ import annotations

import re
from typing import Final, TypeAlias

Complaint: TypeAlias = tuple[str, str]
"""What is wrong, and what to do about it."""

_PATH: Final = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_LONGEST_PATH: Final = 200


def path_problems(path: str, example: str) -> list[Complaint]:
    """What is wrong with a path, if anything is; `example` is one that is not.

    >>> path_problems("hooks", "/hooks/deploys")[0][0]
    "path 'hooks'"
    """
    found: list[Complaint] = []
    if not _PATH.fullmatch(path):
        found.append((f"path {path!r}", f'write it like "{example}": letters, digits, . _ ~ - between slashes'))
    if len(path) > _LONGEST_PATH:
        found.append((f"a path of {len(path)} characters", f"give at most {_LONGEST_PATH}"))
    return found
