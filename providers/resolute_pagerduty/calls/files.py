"""Writes a secret where only the worker's user can read it: what PagerDuty shows once must not enter a history."""

from __future__ import annotations

import os
from pathlib import Path

from resolute_pagerduty.errors import InvalidRequestError


def check_folder(field: str, path: str) -> None:
    """Refuses a file that could not be written, before the secret exists.

    Raises:
        InvalidRequestError: its folder does not exist or is not writable.
    """
    folder = Path(path).absolute().parent
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InvalidRequestError(field, f"{folder} is not a folder that the worker can write to")


def write_secret(path: str, value: str) -> None:
    """Writes the value, readable only by the owner. A half-written file is never visible."""
    part = Path(f"{path}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(value)
    part.replace(path)
