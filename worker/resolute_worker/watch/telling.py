"""How the watcher reaches people: PagerDuty by a routing key of its own, and a sign of life to an address outside."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

import httpx
from pydantic import SecretStr

from resolute.plan.texts import shortened
from resolute.plan.values import digest
from resolute_pagerduty.account.accounts import Accounts
from resolute_pagerduty.calls.events import LONGEST_SUMMARY, send_alert
from resolute_worker.serving.seldom import Seldom
from resolute_worker.watch.findings import Finding

log = logging.getLogger(__name__)

_PATIENCE: Final = 10.0
_LONGEST_KEY: Final = 255


class PagerDutyPager:
    """Opens and resolves an incident for each flow, budget or buffer with which something is wrong.

    Args:
        accounts: a PagerDuty provider, open.
        routing_key: the key of the service for trouble with the automation itself.
        place: the namespace, which is part of what incidents are known by.
    """

    def __init__(self, accounts: Accounts, routing_key: SecretStr, place: str) -> None:
        self._accounts = accounts
        self._key = routing_key
        self._place = place

    async def tell(self, about: str, findings: Sequence[Finding]) -> None:
        """Opens the incident of a flow or a bound, or resolves it; several workers that see the same open one.

        Raises:
            PagerDutyAPIError: PagerDuty refused, or did not answer.
        """
        key = f"resolute-watch/{self._place}/{about}"
        key = key if len(key) <= _LONGEST_KEY else f"{key[: _LONGEST_KEY - 20]}~{digest(key)}"
        fields = None
        if findings:
            summary = shortened("; ".join(finding.said for finding in findings), LONGEST_SUMMARY)
            source = f"Resolute, namespace {self._place}"
            payload = {"summary": summary, "source": source, "severity": "error", "component": about}
            fields = {"payload": {**payload, "class": findings[0].kind}}
        action = "trigger" if findings else "resolve"
        await send_alert(self._accounts.account(None), action, self._key.get_secret_value(), key, fields)


class Heartbeat:
    """Asks for an address again and again: what listens there raises the alarm when it is no longer asked for.

    Args:
        url: the address; it may hold a secret, and is never logged.
    """

    def __init__(self, url: SecretStr) -> None:
        self._url = url
        self._say = Seldom(log)

    async def __call__(self) -> None:
        """One beat. An address that does not answer is said in the log; the next beat follows."""
        try:
            async with httpx.AsyncClient(timeout=_PATIENCE) as client:
                answer = await client.get(self._url.get_secret_value())
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            self._say(logging.WARNING, "RESOLUTE_HEARTBEAT_URL did not answer: %s", type(error).__name__)
            return
        if answer.is_error:
            self._say(logging.WARNING, "RESOLUTE_HEARTBEAT_URL answered %d", answer.status_code)
