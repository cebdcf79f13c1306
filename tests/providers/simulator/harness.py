"""A small client for the simulator's tests: every answer that it gets is held against the official documents."""

import json
from collections.abc import Iterable
from typing import Any

import httpx

from resolute_pagerduty.simulator import Simulator
from tests.patience import PATIENCE
from tests.providers.openapi.validator import validate_response

Pairs = Iterable[tuple[str, str]]


class Api:
    """A client with one credential.

    Args:
        sim: The simulator.
        authorization: The value of the Authorization header; None sends none.
        sender: The value of the From header; None sends none.
    """

    def __init__(self, sim: Simulator, authorization: str | None, sender: str | None = None) -> None:
        self.sim = sim
        self._headers = {"Authorization": authorization} if authorization else {}
        self._from = {"From": sender} if sender else {}

    async def send(self, method: str, path: str, query: Pairs = (), body: object = None, raw: bytes | None = None):
        """Send a request and return the answer, after it has been validated."""
        headers = {**self._headers, **({} if method == "GET" else self._from)}
        content = raw if raw is not None else None if body is None else json.dumps(body).encode()
        transport = self.sim.transport()
        async with httpx.AsyncClient(transport=transport, base_url=self.sim.url, timeout=PATIENCE) as client:
            answer = await client.request(method, path, params=list(query), content=content, headers=headers)
        assert answer.headers["x-request-id"]
        validate_response(method, path, answer.status_code, answer.json() if answer.content else None)
        return answer

    async def __call__(
        self, method: str, path: str, query: Pairs = (), body: object = None, *, expect: int = 200
    ) -> Any:
        """Send a request, insist on a status, and return the body."""
        answer = await self.send(method, path, query, body)
        assert expect == answer.status_code, answer.text
        return answer.json() if answer.content else None

    async def refused(
        self, method: str, path: str, query: Pairs = (), body: object = None, *, expect: int = 400
    ) -> tuple[int, list[str]]:
        """Send a request that is refused, and return PagerDuty's error code and the reasons."""
        error = (await self(method, path, query, body, expect=expect))["error"]
        return error["code"], error.get("errors", [])

    async def open_incident(self, title: str = "The database is slow", **fields: object) -> Any:
        """Create an incident on the world's first service."""
        service = {"id": self.sim.world.service, "type": "service_reference"}
        incident = {"type": "incident", "title": title, "service": service, **fields}
        return (await self("POST", "/incidents", body={"incident": incident}, expect=201))["incident"]

    async def put_incident(self, identity: str, *, expect: int = 200, **fields: object) -> Any:
        """Update an incident and return it, or the error."""
        body = {"incident": {"type": "incident_reference", **fields}}
        answer = await self("PUT", f"/incidents/{identity}", body=body, expect=expect)
        return answer["incident"] if expect == 200 else answer["error"]

    async def event(
        self,
        action: str,
        dedup_key: str | None,
        *,
        routing_key: str | None = None,
        expect: int = 202,
        **payload: object,
    ) -> Any:
        """Send an alert event."""
        event: dict[str, object] = {
            "routing_key": routing_key or self.sim.world.routing_key,
            "event_action": action,
            "dedup_key": dedup_key,
        }
        if action == "trigger":
            event["payload"] = {"summary": "Disk full", "source": "db-1", "severity": "critical", **payload}
        return await self("POST", "/v2/enqueue", body=event, expect=expect)

    async def timeline(self, identity: str) -> list[str]:
        """Return the types of an incident's log entries, oldest first."""
        answer = await self("GET", f"/incidents/{identity}/log_entries", [("limit", "100")])
        return [entry["type"].removesuffix("_log_entry") for entry in reversed(answer["log_entries"])]


def token(key: str) -> str:
    """Return the Authorization header for an API key."""
    return f"Token token={key}"
