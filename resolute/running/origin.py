"""Where a run comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Origin:
    """Where a run comes from: its first run id, whatever histories it is continued in, and the person who started it.

    `person` is empty where no person did, or nobody knows.
    """

    run_id: str = ""
    person: str = ""


NOWHERE: Final = Origin()
