"""Runs nodes as an engine does, against a served simulator; what they send is held against the official documents."""

import dataclasses
import json
import math
from time import monotonic
from typing import Any, Final, cast

from pydantic import SecretStr, TypeAdapter

from resolute.execution.executor import NodeExecutor
from resolute.plan.context import CallContext
from resolute.plan.errors import NodeError
from resolute.plan.expressions import encode
from resolute.writing.node import NodeFactory
from resolute_pagerduty import PagerDuty, PagerDutyConfig
from resolute_pagerduty.simulator import Recorded, Simulator
from resolute_pagerduty.simulator.world import WORLD
from tests.providers.openapi.validator import validate_request

ATTEMPTS: Final = 6


def config_for(sim: Simulator, **settings: Any) -> PagerDutyConfig:
    """Settings for a simulator: with its account key, in the name of its first user, unless told otherwise."""
    defaults: dict[str, Any] = {
        "api_key": SecretStr(WORLD.account_key),
        "from_email": WORLD.from_email,
        "routing_key": SecretStr(WORLD.routing_key),
    }
    addresses = {"api_url": sim.url, "events_url": sim.events_url, "identity_url": sim.url}
    return PagerDutyConfig.model_validate({**defaults, **addresses, **settings})


def standing_of(sim: Simulator) -> dict[str, str]:
    """All that a simulated account holds, as text; without what the simulator itself keeps for speed."""
    resources = dataclasses.asdict(sim.account.state)
    return {name: repr(_without_caches(value)) for name, value in resources.items()}


def _without_caches(value: Any) -> Any:
    match value:
        case dict():
            inner = cast("dict[Any, Any]", value)
            return {key: _without_caches(item) for key, item in inner.items() if key != "cached"}
        case list():
            return [_without_caches(item) for item in cast("list[Any]", value)]
        case _:
            return value


class Bench:
    """A provider on the bench, with the simulator that it talks to. `time` is what a step has for all its attempts."""

    def __init__(self, sim: Simulator, provider: PagerDuty) -> None:
        self.sim = sim
        self.provider = provider
        self.executor = NodeExecutor([], [provider])
        self.beats: list[Any] = []
        self.time = math.inf

    async def run(
        self,
        factory: NodeFactory[..., Any],
        *,
        step: str = "step",
        attempt: int = 1,
        within: float = math.inf,
        **given: Any,
    ) -> Any:
        """One attempt of a node, which is given up after some seconds; its output as its model."""
        definition = factory.definition
        call = CallContext(
            flow="flow",
            run_id="run",
            step=step,
            node=definition.name,
            attempt=attempt,
            heartbeat=lambda *details: self.beats.append(details),
            last_heartbeat=self.beats[-1] if self.beats else (),
            deadline=monotonic() + within,
            last_deadline=monotonic() + self.time,
        )
        arguments: Any = encode(given)
        output = await self.executor.execute(call, arguments)
        return TypeAdapter(definition.result_type).validate_python(output)

    async def insist(self, factory: NodeFactory[..., Any], *, step: str = "step", **given: Any) -> Any:
        """As `run`, tried again after every error that is retryable, as the engine would."""
        for attempt in range(1, ATTEMPTS):
            try:
                return await self.run(factory, step=step, attempt=attempt, **given)
            except NodeError as error:
                if not error.retryable:
                    raise
        return await self.run(factory, step=step, attempt=ATTEMPTS, **given)

    def sent(self, method: str = "*", path: str = "") -> list[Recorded]:
        """The requests that came in, in order."""
        return [each for each in self.sim.requests if method in ("*", each.method) and path in each.path]

    def check_requests(self, *, user_token: bool = False) -> None:
        """Holds every request that came in against the official documents."""
        for each in self.sim.requests:
            if each.path.startswith("/oauth/"):
                continue
            query = [(name, value) for name, values in each.query.items() for value in values]
            body = json.loads(each.body) if each.body else None
            validate_request(each.method, each.path, query, each.headers, body, user_token=user_token)
