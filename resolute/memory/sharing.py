"""What the runs of one process share, in memory."""

from __future__ import annotations

import json
from datetime import datetime
from typing import cast

from resolute.plan.errors import NodeFailedError
from resolute.plan.texts import text_of
from resolute.plan.values import Json
from resolute.running.shared.asking import SHARE, Asking, SharingRefusedError
from resolute.running.shared.shared import Shared


class SharedInMemory:
    """Every book that was asked, by its name. It lives for as long as somebody holds it."""

    def __init__(self) -> None:
        self._books: dict[str, Shared] = {}
        self._runs = 0

    def begin(self) -> str:
        """What a run is known by that begins to ask."""
        self._runs += 1
        return str(self._runs)

    def ask(self, run: str, asking: Asking, now: datetime) -> Json:
        """The answer to a question of a run.

        Raises:
            NodeFailedError: it was refused.
        """
        shared = self._books.setdefault(asking.of, Shared(asking.of))
        try:
            answer = shared.answer(f"{run}/{asking.step}", asking.word, asking.data, now)
        except SharingRefusedError as error:
            raise NodeFailedError(
                step=asking.step, node=SHARE, error_type=type(error).__name__, reason=text_of(error)
            ) from error
        return cast("Json", json.loads(json.dumps(answer)))
