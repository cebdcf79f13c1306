"""What a webhook delivery comes to, flow by flow: verified, checked, and started exactly once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, cast

from pydantic_core import from_json
from temporalio.client import Client
from temporalio.service import RPCError

from resolute.execution.inputs import read_input
from resolute.execution.secrets import Environment
from resolute.plan.errors import ConfigurationError, InvalidInputError, MissingEnvironmentError, PayloadTooLargeError
from resolute.plan.provider import Verifier
from resolute.plan.triggers import Webhook
from resolute.plan.values import Json
from resolute.temporal.client import start_run
from resolute.writing.flow import Flow

log = logging.getLogger(__name__)

PATIENCE: Final = 4.0
"""Seconds that Temporal has to accept a start. PagerDuty waits five for an answer, and delivers again."""

RESERVED: Final = ("/livez", "/readyz", "/startupz")

Result: TypeAlias = Literal["started", "duplicate", "ignored", "malformed", "too_large", "refused", "unavailable"]


@dataclass(frozen=True)
class Outcome:
    """What a delivery came to for one flow, and the HTTP status that says so. `detail` is for the sender."""

    flow: str
    result: Result
    status: int
    run: str | None = None
    detail: str = ""


@dataclass(frozen=True)
class _Route:
    flow: Flow
    webhook: Webhook


class Deliveries:
    """The webhooks of a worker's flows. `replace` swaps them while the server goes on."""

    def __init__(
        self, client: Client, *, task_queue: str, verifiers: Mapping[str, Verifier], environment: Environment
    ) -> None:
        self._client = client
        self._task_queue = task_queue
        self._verifiers = verifiers
        self._environment = environment
        self._routes: dict[str, tuple[_Route, ...]] = {}

    def replace(self, flows: Iterable[Flow]) -> None:
        """Serves the webhooks of these flows from now on.

        Raises:
            ConfigurationError: a webhook cannot be served by this worker.
        """
        routes: dict[str, tuple[_Route, ...]] = {}
        for flow in flows:
            for trigger in flow.plan.triggers:
                if isinstance(trigger, Webhook):
                    self._check(flow.name, trigger)
                    routes[trigger.path] = (*routes.get(trigger.path, ()), _Route(flow, trigger))
        self._routes = routes

    def _check(self, flow: str, webhook: Webhook) -> None:
        if webhook.path in RESERVED:
            raise ConfigurationError(f"flow {flow!r}: path {webhook.path} tells how the worker is; choose another one")
        scheme = str(webhook.verify.get("scheme"))
        if scheme not in self._verifiers:
            raise ConfigurationError(
                f"flow {flow!r}: webhook scheme {scheme!r} is not known here ({', '.join(sorted(self._verifiers))}): "
                "give its provider to the worker"
            )

    @property
    def paths(self) -> Mapping[str, tuple[str, ...]]:
        """The names of the flows behind each path."""
        return {path: tuple(route.flow.name for route in routes) for path, routes in self._routes.items()}

    def limit(self, path: str) -> int | None:
        """The most bytes that any flow behind a path takes; None where nothing is served."""
        routes = self._routes.get(path)
        return max(route.webhook.max_bytes for route in routes) if routes else None

    async def deliver(self, path: str, headers: Mapping[str, str], body: bytes) -> list[Outcome]:
        """Hands a delivery to every flow behind a path. Header names are in lower case."""
        outcomes = await asyncio.gather(
            *(self._hand_over(route, headers, body) for route in self._routes.get(path, ()))
        )
        return list(outcomes)

    async def _hand_over(self, route: _Route, headers: Mapping[str, str], body: bytes) -> Outcome:
        flow = route.flow.name
        if len(body) > route.webhook.max_bytes:
            return Outcome(flow, "too_large", 413, detail=f"more than {route.webhook.max_bytes:,} bytes")
        judged = self._judged(route, headers, body)
        if judged is not None:
            return judged
        try:
            value = cast("Json", from_json(body, allow_inf_nan=False))
        except ValueError:
            return Outcome(flow, "malformed", 400, detail="the body is not JSON")
        if not isinstance(value, Mapping):
            return Outcome(flow, "malformed", 400, detail="the body is not a JSON object")
        try:
            value = read_input(route.flow, route.webhook, value)
        except InvalidInputError as error:
            return Outcome(flow, "malformed", 400, detail=str(error))
        return await self._start(route, route.webhook.delivery_id(headers, body), value)

    def _judged(self, route: _Route, headers: Mapping[str, str], body: bytes) -> Outcome | None:
        """What ends a delivery before its body is read; None where it may go on."""
        flow, settings = route.flow.name, route.webhook.verify
        try:
            secrets = self._secrets(settings)
        except MissingEnvironmentError as error:
            log.error("webhook %s cannot be verified: %s", route.webhook.path, error, extra={"flow": flow})
            return Outcome(flow, "unavailable", 503)
        verdict = self._verifiers[str(settings["scheme"])](settings, headers, body, secrets)
        match verdict.outcome:
            case "accepted":
                return None
            case "ignored":
                log.info("webhook %s ignored: %s", route.webhook.path, verdict.reason, extra={"flow": flow})
                return Outcome(flow, "ignored", verdict.status, detail=verdict.reason)
            case "refused":
                log.warning("webhook %s refused: %s", route.webhook.path, verdict.reason, extra={"flow": flow})
                return Outcome(flow, "refused", verdict.status)

    def _secrets(self, settings: Mapping[str, Json]) -> list[str]:
        """The values of the secrets that are set; one is enough, while another one is being introduced."""
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

    async def _start(self, route: _Route, delivery_id: str, value: Json) -> Outcome:
        flow, workflow_id = route.flow.name, f"{route.flow.name}/{delivery_id}"
        try:
            async with asyncio.timeout(PATIENCE):
                run = await start_run(
                    self._client,
                    route.flow.plan,
                    task_queue=self._task_queue,
                    input_data=value,
                    workflow_id=workflow_id,
                    eager=True,
                )
        except PayloadTooLargeError as error:
            return Outcome(flow, "too_large", 413, detail=str(error))
        except (RPCError, TimeoutError) as error:
            log.error("webhook %s not taken: Temporal: %s", route.webhook.path, error, extra={"flow": flow})
            return Outcome(flow, "unavailable", 503)
        result = "started" if run.is_new else "duplicate"
        log.info("webhook %s %s", route.webhook.path, result, extra={"flow": flow, "run": workflow_id})
        return Outcome(flow, result, 202 if run.is_new else 200, run=workflow_id)
