"""What has been answered before, so that what is asked twice counts once. Bounded in number and in time."""

from __future__ import annotations

from typing import Generic, TypeVar, cast

from resolute.plan.values import Json

T = TypeVar("T")


class Known(Generic[T]):
    """Answers by the ids of who asked, oldest first.

    At most `most` are kept, each for `seconds`; `forgotten` counts those that were let go of earlier.
    """

    def __init__(self, most: int, seconds: float) -> None:
        self.forgotten = 0
        self._most = most
        self._seconds = seconds
        self._answers: dict[str, tuple[T, float]] = {}

    def __contains__(self, asked: str) -> bool:
        return asked in self._answers

    def __bool__(self) -> bool:
        return bool(self._answers)

    def __getitem__(self, asked: str) -> T:
        return self._answers[asked][0]

    def get(self, asked: str) -> T | None:
        """The answer, if there is one."""
        found = self._answers.get(asked)
        return found[0] if found else None

    def keep(self, asked: str, answer: T, now: float) -> None:
        """Keeps an answer, in place of an earlier one."""
        self.forget(now)
        self._answers.pop(asked, None)
        self._answers[asked] = (answer, now)
        while len(self._answers) > self._most:
            del self._answers[next(iter(self._answers))]
            self.forgotten += 1

    def drop(self, asked: str) -> None:
        """Lets go of an answer that does not hold any more."""
        self._answers.pop(asked, None)

    def forget(self, now: float) -> None:
        """Lets go of what nobody asks any more."""
        while self._answers and self._answers[oldest := next(iter(self._answers))][1] + self._seconds <= now:
            del self._answers[oldest]

    def ends_in(self, now: float) -> float:
        """Seconds until none of what is known now is kept."""
        if not self._answers:
            return 0.0
        return max(0.0, self._answers[next(reversed(self._answers))][1] + self._seconds - now)

    def as_json(self) -> Json:
        """As plain data, where the answers are."""
        return [[asked, cast("Json", answer), at] for asked, (answer, at) in self._answers.items()]

    def restore(self, data: Json) -> None:
        """Takes up what `as_json` wrote."""
        for asked, answer, at in cast("list[tuple[str, T, float]]", data):
            self._answers[asked] = (answer, at)
