"""Runs nodes as an engine does, against a served simulator; what they send is held against the official documents."""

import dataclasses
import json
from typing import Any, cast

from pydantic import SecretStr

from resolute import testing
from resolute_pagerduty import PagerDuty, PagerDutyConfig
from resolute_pagerduty.simulator import Recorded, Simulator
from resolute_pagerduty.simulator.world import WORLD
from tests.providers.openapi.validator import validate_request


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


class Bench(testing.Bench[PagerDuty]):
    """A provider on the bench, with the simulator that it talks to."""

    def __init__(self, sim: Simulator, provider: PagerDuty) -> None:
        super().__init__(provider)
        self.sim = sim

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
