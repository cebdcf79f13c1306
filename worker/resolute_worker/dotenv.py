"""The file `.env` of the folder that `resolute dev` runs in."""

from __future__ import annotations

import os
from pathlib import Path

from dotenv import dotenv_values

from resolute.plan.errors import ConfigurationError

FILE = ".env"


def read_dotenv(folder: Path) -> tuple[str, ...]:
    """Sets the variables of a folder's `.env` that are not set yet, and returns their names. Empty values are ignored.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    file = folder / FILE
    if not file.is_file():
        return ()
    try:
        values = dotenv_values(file, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read ({error}): make it a readable UTF-8 text file") from None
    fresh = {name: value for name, value in values.items() if value and not os.environ.get(name)}
    os.environ.update(fresh)
    return tuple(fresh)
