"""`resolute simulator` over https, as PagerDuty's own clients want it."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest
from pagerduty import RestApiV2Client

from resolute_pagerduty.simulator import WORLD
from tests.peers.certificates import Certificates
from tests.worker.processes import resolute, started


def services(url: str, trust: ssl.SSLContext) -> list[str]:
    client: Any = RestApiV2Client(WORLD.account_key, base_url=url, verify=trust)
    with client:
        return [service["name"] for service in client.iter_all("services")]


async def test_the_command_serves_https(certificates: Certificates, tmp_path: Path) -> None:
    """With a certificate and its key the simulator is what PagerDuty's Python client asks for."""
    trust = ssl.create_default_context(cafile=str(certificates.authority))
    files = ("--certificate", str(certificates.certificate), "--key", str(certificates.key))
    async with started("simulator", "--port", "0", *files, folder=tmp_path) as simulator:
        line = await simulator.line("PAGERDUTY_API_URL=https://")
        url = line.split("PAGERDUTY_API_URL=")[1].split()[0]
        found = await asyncio.to_thread(services, url, trust)
        code = await simulator.stopped()

    assert ["Checkout", "Payments API", "Search"] == found
    assert 0 == code


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--certificate", "authority.pem"), "cannot be served with the key in"),
        (("--certificate", "missing.pem"), "No such file"),
        (("--key", "key.pem"), "add --certificate"),
    ],
)
async def test_a_certificate_that_cannot_be_served(
    certificates: Certificates, given: tuple[str, str], said: str
) -> None:
    """A file that is missing or is no certificate with its key is told in one line, and nothing is served."""
    code, _, error = await resolute("simulator", "--port", "0", *given, folder=certificates.authority.parent)

    assert (2, 1) == (code, len(error.splitlines()))
    assert said in error
