"""What became of a request for one flow, and how the worker judges who sent it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from resolute.execution.secrets import Environment
from resolute.plan.errors import ConfigurationError, MissingEnvironmentError
from resolute.plan.provider import Verdict, Verifier
from resolute.plan.values import Json
from resolute_worker.serving.seldom import Seldom

Result: TypeAlias = Literal[
    "started",
    "told",
    "queued",
    "replaced",
    "skipped",
    "heard",
    "duplicate",
    "ignored",
    "malformed",
    "too_large",
    "refused",
    "unavailable",
]


@dataclass(frozen=True)
class Outcome:
    """The outcome of a request for one flow, and its HTTP status.

    `detail` is for the sender, and so is `answer`, in the form that the sender expects.
    """

    flow: str
    result: Result
    status: int
    run: str | None = None
    detail: str = ""
    answer: Mapping[str, Json] | None = None


class Proofs:
    """The verifications that a worker knows, with the secrets that they need."""

    def __init__(self, verifiers: Mapping[str, Verifier], environment: Environment, say: Seldom) -> None:
        self._verifiers = verifiers
        self._environment = environment
        self._say = say

    def check(self, flow: str, settings: Mapping[str, Json]) -> None:
        """Sees that a verification is known.

        Raises:
            ConfigurationError: it is not.
        """
        scheme = str(settings.get("scheme"))
        if scheme not in self._verifiers:
            raise ConfigurationError(
                f"flow {flow!r}: webhook scheme {scheme!r} is not known here ({', '.join(sorted(self._verifiers))}): "
                "give its provider to the worker"
            )

    def judged(
        self, flow: str, what: str, settings: Mapping[str, Json], headers: Mapping[str, str], body: bytes
    ) -> Outcome | Verdict:
        """Why a request ends here, or that it is accepted. `what` is what it was sent to, for the log."""
        try:
            secrets = self._secrets(settings)
        except MissingEnvironmentError as error:
            self._say(logging.ERROR, "%s cannot be verified: %s", what, error, flow=flow)
            return Outcome(flow, "unavailable", 503)
        verdict = self._verifiers[str(settings["scheme"])](settings, headers, body, secrets)
        match verdict.outcome:
            case "accepted":
                return verdict
            case "ignored":
                self._say(logging.INFO, "%s ignored: %s", what, verdict.reason, flow=flow)
                return Outcome(flow, "ignored", verdict.status, detail=verdict.reason)
            case "refused":
                self._say(logging.WARNING, "%s refused (%d): %s", what, verdict.status, verdict.reason, flow=flow)
                return Outcome(flow, "refused", verdict.status)

    def _secrets(self, settings: Mapping[str, Json]) -> list[str]:
        """The values of the secrets that are set; one is enough while another is being introduced."""
        references = cast("list[Mapping[str, Json]]", settings.get("secrets", []))
        found: list[str] = []
        missing: MissingEnvironmentError | None = None
        for reference in references:
            try:
                found.append(cast("str", self._environment.read("$secret", reference["$secret"])))
            except MissingEnvironmentError as error:
                missing = error
        if missing is not None and not found:
            raise missing
        return found
