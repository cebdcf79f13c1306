import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from pagerduty import EventsApiV2Client, OAuthTokenClient, RestApiV2Client

from resolute_pagerduty.simulator import Limits, Simulator
from tests.peers.certificates import Certificates, make_certificates

Connect = Callable[..., Any]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority that the peers are told to trust."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def sim(certificates: Certificates) -> Iterator[Simulator]:
    """A simulator that is served over https."""
    limits = Limits.none()
    with Simulator.serve(certfile=certificates.certificate, keyfile=certificates.key, limits=limits) as served:
        yield served


@pytest.fixture
def connect(sim: Simulator, certificates: Certificates) -> Iterator[Connect]:
    """Makes one of PagerDuty's Python clients, which trusts the simulator and never waits long."""
    trust = ssl.create_default_context(cafile=str(certificates.authority))
    with ExitStack() as opened:

        def make(kind: Callable[..., Any], *credentials: str, **options: object) -> Any:
            client = opened.enter_context(kind(*credentials, base_url=sim.url, verify=trust, **options))
            client.sleep_timer = 0.01
            return client

        yield make


@pytest.fixture
def rest(sim: Simulator, connect: Connect) -> Any:
    """PagerDuty's client of the REST API, with the account's key."""
    return connect(RestApiV2Client, sim.world.account_key, default_from=sim.world.from_email)


@pytest.fixture
def events(sim: Simulator, connect: Connect) -> Any:
    """PagerDuty's client of the Events API, with the routing key of the payments service."""
    return connect(EventsApiV2Client, sim.world.routing_key)


@pytest.fixture
def tokens(sim: Simulator, connect: Connect) -> Any:
    """PagerDuty's client for OAuth tokens."""
    return connect(OAuthTokenClient, sim.world.oauth_client_secret, sim.world.oauth_client_id)
