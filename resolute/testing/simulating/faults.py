"""Faults on request: what a network and a busy service do to a client, exactly when a test wants it."""

from fnmatch import fnmatchcase
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Action = Literal["status", "rate_limit", "hang", "reset", "slow"]


class Fault(BaseModel):
    """Something that goes wrong with the next requests that match.

    Attributes:
        action: `status` answers with `status`; `rate_limit` with 429; `hang` never answers; `reset` breaks the
            connection; `slow` waits `seconds` and then answers as usual.
        method: The HTTP method, or `*`.
        path: A pattern for the path, such as `/incidents/*/notes`; `*` stands for anything, slashes included.
        times: How many requests it hits; None for all until it is cleared.
        after: Whether the request is carried out first, so that only its answer is lost.
        status: The status for `status`.
        with_headers: Whether a 429 says how long to wait; some services' sometimes do not.
        reset_seconds: How many seconds a 429 asks to wait, for `rate_limit`.
        seconds: How long `slow` waits, in real time.
        body: The body for `status`; without it there is the usual one, or an HTML page for 502 to 504.

    Example:
        >>> fault = Fault(action="reset", method="POST", path="/incidents/*/notes", after=True)
        >>> fault.hits("POST", "/incidents/PABC123/notes")
        True
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Action
    method: str = "*"
    path: str = "*"
    times: int | None = Field(default=1, ge=1)
    after: bool = False
    status: int = Field(default=503, ge=400, le=599)
    with_headers: bool = True
    reset_seconds: int = Field(default=1, ge=0)
    seconds: float = Field(default=1.0, ge=0)
    body: str | None = None

    def hits(self, method: str, path: str) -> bool:
        """Whether a request is one that this fault waits for."""
        return self.method in ("*", method) and fnmatchcase(path, self.path)


class Faults:
    """The faults that wait for a request, first come first served."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Fault, int | None]] = []

    def add(self, fault: Fault | None = None, **fields: Any) -> Fault:
        """Let something go wrong: a `Fault`, or its fields by name."""
        fault = fault or Fault(**fields)
        self._waiting.append((fault, fault.times))
        return fault

    def take(self, method: str, path: str) -> Fault | None:
        """Return the fault that hits this request, and count it."""
        for index, (fault, left) in enumerate(self._waiting):
            if fault.hits(method, path):
                if left == 1:
                    del self._waiting[index]
                elif left is not None:
                    self._waiting[index] = (fault, left - 1)
                return fault
        return None

    def pending(self) -> list[Fault]:
        """Return the faults that still wait, with the number of times they have left."""
        return [fault.model_copy(update={"times": left}) for fault, left in self._waiting]

    def clear(self) -> None:
        """Forget all faults."""
        self._waiting.clear()
