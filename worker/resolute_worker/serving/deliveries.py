"""Handles webhook deliveries, flow by flow: verified, checked, and started exactly once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, cast
from uuid import uuid4

from pydantic_core import from_json
from temporalio.client import Client
from temporalio.service import RPCError

from resolute.execution.inputs import read_input
from resolute.execution.secrets import Environment
from resolute.plan.errors import (
    ConfigurationError,
    EvaluationError,
    InvalidInputError,
    PayloadTooLargeError,
    UnusableValueError,
)
from resolute.plan.keyed import Keyed
from resolute.plan.provider import Verifier
from resolute.plan.triggers import Webhook
from resolute.plan.values import Json
from resolute.running.evaluate import Scope, is_true
from resolute.running.line import LineFullError, Start
from resolute.running.messages import MessageRefusedError
from resolute.temporal.client.client import start_run
from resolute.temporal.client.keyed import hand_in
from resolute.temporal.client.links import PATH
from resolute.temporal.trust.seals import PlanKeys
from resolute.temporal.values.stored import StoreError
from resolute.temporal.wire.start import without_plan
from resolute.temporal.wire.tracing import CURRENT
from resolute.writing.flow import Flow
from resolute_worker.boarding import BOARD
from resolute_worker.serving.outcomes import Outcome, Proofs
from resolute_worker.serving.seldom import Seldom

log = logging.getLogger(__name__)

PATIENCE: Final = 4.0
"""Seconds that Temporal has to accept a start. PagerDuty waits five for an answer, then delivers again."""

_READERS: Final = 2
_LONGEST_REASON: Final = 500

RESERVED: Final = ("/livez", "/readyz", "/startupz")


@dataclass(frozen=True)
class _Route:
    flow: Flow
    webhook: Webhook


class Deliveries:
    """The webhooks of a worker's flows. `replace` swaps them while the server keeps running."""

    def __init__(
        self,
        client: Client,
        *,
        task_queue: str,
        verifiers: Mapping[str, Verifier],
        environment: Environment,
        keys: PlanKeys,
    ) -> None:
        self._client = client
        self._task_queue = task_queue
        self._keys = keys
        self.taken: Mapping[str, str] = {}
        """The paths of the worker's providers, which no flow can have, and the provider behind each."""
        self._routes: dict[str, tuple[_Route, ...]] = {}
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="webhook")
        self._say = Seldom(log)
        self._proofs = Proofs(verifiers, environment, self._say)

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
        if use := use_of(webhook.path, self.taken):
            raise ConfigurationError(f"flow {flow!r}: path {webhook.path} {use}; choose another one")
        self._proofs.check(flow, webhook.verify)

    @property
    def paths(self) -> Mapping[str, tuple[str, ...]]:
        """The names of the flows behind each path."""
        return {path: tuple(route.flow.name for route in routes) for path, routes in self._routes.items()}

    def limit(self, path: str) -> int | None:
        """The largest body that any flow behind a path accepts; None if nothing is served there."""
        routes = self._routes.get(path)
        return max(route.webhook.max_bytes for route in routes) if routes else None

    async def deliver(self, path: str, headers: Mapping[str, str], body: bytes) -> list[Outcome]:
        """Passes a delivery to every flow behind a path. Header names are in lower case."""
        outcomes = await asyncio.gather(
            *(self._hand_over(route, headers, body) for route in self._routes.get(path, ()))
        )
        return list(outcomes)

    async def _hand_over(self, route: _Route, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Ends within `PATIENCE`, whatever the body contains and however slow Temporal is."""
        flow, path = route.flow.name, route.webhook.path
        try:
            async with asyncio.timeout(PATIENCE):
                outcome = await self._taken(route, headers, body)
        except TimeoutError:
            self._say(logging.ERROR, "webhook %s not accepted: %.0f s were not enough", path, PATIENCE, flow=flow)
            return Outcome(flow, "unavailable", 503)
        if outcome.result in ("malformed", "too_large"):
            detail = outcome.detail[:_LONGEST_REASON]
            self._say(logging.WARNING, "webhook %s refused (%d): %s", path, outcome.status, detail, flow=flow)
        return outcome

    async def _taken(self, route: _Route, headers: Mapping[str, str], body: bytes) -> Outcome:
        flow = route.flow.name
        if len(body) > route.webhook.max_bytes:
            return Outcome(flow, "too_large", 413, detail=f"more than {route.webhook.max_bytes:,} bytes")
        judged = self._proofs.judged(flow, f"webhook {route.webhook.path}", route.webhook.verify, headers, body)
        if isinstance(judged, Outcome):
            return judged
        try:
            # In a separate thread pool: a large body takes time, and neither the loop nor any node should wait for it.
            value = await asyncio.get_running_loop().run_in_executor(self._readers, _read, route, body)
        except InvalidInputError as error:
            return Outcome(flow, "malformed", 400, detail=str(error))
        name = route.webhook.delivery_id(headers, body, value=value, signed=judged.signed) or uuid4().hex
        keyed = route.webhook.keyed or route.flow.plan.one_per
        outcome = await (self._start(route, name, value) if keyed is None else self._hand_in(route, keyed, name, value))
        return replace(outcome, answer=judged.answer)

    async def _start(self, route: _Route, delivery_id: str, value: Json) -> Outcome:
        # The path is part of a delivery's identity: the same one on two paths counts twice.
        flow, workflow_id = route.flow.name, f"{route.flow.name}/webhook{route.webhook.path}/{delivery_id}"
        try:
            run = await start_run(
                self._client,
                route.flow.plan,
                task_queue=self._task_queue,
                input_data=value,
                workflow_id=workflow_id,
                eager=True,
                patience=timedelta(seconds=PATIENCE),
                keys=self._keys,
                started_by=f"webhook {route.webhook.path}",
            )
        except PayloadTooLargeError as error:
            return Outcome(flow, "too_large", 413, detail=str(error))
        except UnusableValueError as error:
            return Outcome(flow, "malformed", 400, detail=str(error))
        except (RPCError, StoreError) as error:
            return self._unavailable(flow, route.webhook.path, error)
        result = "started" if run.is_new else "duplicate"
        log.info("webhook %s %s", route.webhook.path, result, extra={"flow": flow, "run": workflow_id})
        return Outcome(flow, result, 202 if run.is_new else 200, run=workflow_id)

    async def _hand_in(self, route: _Route, keyed: Keyed, delivery_id: str, value: Json) -> Outcome:
        """Hands a delivery with a key in, to be started in its turn."""
        flow, path, told = route.flow.name, route.webhook.path, route.webhook.told
        try:
            # A line of their own: no shadow waits for a live run, ends one, or is told to one.
            run = keyed.run_id(flow, value) + ("/shadow" if route.flow.plan.is_dry else "")
            start = Start(
                id=f"{path}/{delivery_id}",
                argument=without_plan(value),
                while_running=keyed.while_running,
                event=told.event_in(value) if told else None,
                first=told is None or told.starts is None or is_true(cast("Json", told.starts), Scope(input=value)),
                by=f"webhook {path}",
                trace=CURRENT.get(),
            )
            patience = timedelta(seconds=PATIENCE)
            handed = await hand_in(
                self._client, flow, run, start, task_queue=self._task_queue, keys=self._keys, patience=patience
            )
        except PayloadTooLargeError as error:
            return Outcome(flow, "too_large", 413, detail=str(error))
        except (InvalidInputError, EvaluationError) as error:
            return Outcome(flow, "malformed", 400, detail=str(error))
        except LineFullError as error:
            self._say(logging.ERROR, "webhook %s not accepted: %s", path, error, flow=flow)
            return Outcome(flow, "unavailable", 503, detail=str(error))
        except (RPCError, MessageRefusedError, StoreError) as error:
            return self._unavailable(flow, path, error)
        log.info("webhook %s %s", path, handed.became, extra={"flow": flow, "run": run})
        if handed.again:
            return Outcome(flow, "duplicate", 200, run=run, detail=handed.became)
        if handed.became == "ignored":
            return Outcome(flow, "ignored", 202, detail=f"it starts no run, and run {run} does not go on")
        return Outcome(flow, handed.became, 202, run=run)

    def _unavailable(self, flow: str, path: str, error: Exception) -> Outcome:
        """Asks the sender to try again, whether somebody has to mend something for it or not."""
        where = "" if isinstance(error, StoreError) else "Temporal: "
        self._say(logging.ERROR, "webhook %s not accepted: %s%s", path, where, error, flow=flow)
        return Outcome(flow, "unavailable", 503)


def use_of(path: str, providers: Mapping[str, str]) -> str:
    """What the worker itself, or a provider of its, does at a path; empty where it is left to flows."""
    if path in providers:
        return f"is that of provider {providers[path]!r}"
    taken = {PATH: "decides gates", BOARD: "is the board's"}
    use = next((use for own, use in taken.items() if f"{path}/".startswith(own)), "")
    return "reports the worker's health" if path in RESERVED else use


def _read(route: _Route, body: bytes) -> Json:
    """The input in a body.

    Raises:
        InvalidInputError: it does not match the flow's input type.
    """
    try:
        value = cast("Json", from_json(body, allow_inf_nan=False))
    except ValueError:
        raise InvalidInputError("the body is not JSON, or nested too deep") from None
    if not isinstance(value, Mapping):
        raise InvalidInputError("the body is not a JSON object")
    return read_input(route.flow, route.webhook, value)
