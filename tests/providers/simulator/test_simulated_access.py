"""Credentials, From, scopes and rate limits."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from resolute_pagerduty.simulator import Limits, Simulator
from tests.providers.simulator.harness import Api, token

NEEDS_FROM: list[tuple[str, str, dict[str, Any]]] = [
    ("PUT", "/incidents", {"incidents": [{"id": "1", "type": "incident_reference"}]}),
    ("POST", "/incidents", {"incident": {}}),
    ("PUT", "/incidents/1", {"incident": {"type": "incident_reference"}}),
    ("PUT", "/incidents/1/merge", {"source_incidents": []}),
    ("POST", "/incidents/1/notes", {"note": {"content": "x"}}),
    ("PUT", "/incidents/1/notes/1", {"note": {"content": "x"}}),
    ("POST", "/incidents/1/snooze", {"duration": 60}),
    ("POST", "/incidents/1/status_updates", {"message": "x"}),
    ("PUT", "/incidents/1/alerts", {"alerts": []}),
    ("PUT", "/incidents/1/alerts/1", {"alert": {}}),
    ("POST", "/maintenance_windows", {"maintenance_window": {}}),
    ("POST", "/users", {"user": {}}),
]


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "simulator-account-key",
        "Token simulator-account-key",
        "Token token=wrong",
        "Bearer wrong",
        "Basic eDp5",
    ],
)
async def test_a_missing_malformed_or_unknown_credential_is_401(sim: Simulator, authorization: str | None):
    """Every form of a wrong Authorization header is answered alike."""
    code, _ = await Api(sim, authorization).refused("GET", "/services", expect=401)

    assert 2006 == code


async def test_every_kind_of_credential_opens_the_door(sim: Simulator):
    """Account, user and read-only keys, and tokens of apps and users, can all read."""
    now, scopes = sim.clock.now(), frozenset({"services.read"})
    world = sim.world
    headers = [
        token(world.account_key),
        token(world.user_key),
        token(world.read_only_key),
        f"Bearer {sim.credentials.issue(scopes, now)}",
        f"Bearer {sim.credentials.issue(scopes, now, user_id=world.ada)}",
    ]

    for header in headers:
        assert 3 == len((await Api(sim, header)("GET", "/services"))["services"])


async def test_a_read_only_key_writes_nothing(sim: Simulator):
    """403 on every write, whatever it is."""
    reader = Api(sim, token(sim.world.read_only_key), sim.world.from_email)

    code, _ = await reader.refused("POST", "/teams", body={"team": {"type": "team", "name": "x"}}, expect=403)

    assert 2010 == code
    assert 2 == len(sim.account.state.teams)


@pytest.mark.parametrize(("method", "path", "body"), NEEDS_FROM)
async def test_an_account_key_needs_a_from_header_here(sim: Simulator, method: str, path: str, body: Mapping[str, Any]):
    """Missing is 2016, malformed 1028, unknown 1008: and all of them are 400."""
    codes: list[int] = []
    for sender in (None, "not an address", "nobody@harbour.example"):
        api = Api(sim, token(sim.world.account_key), sender)
        codes.append((await api.refused(method, path, body=body))[0])

    assert [2016, 1028, 1008] == codes


async def test_other_writes_need_no_from_header(sim: Simulator):
    """Services, teams, overrides, workflows and subscriptions are written without one."""
    api = Api(sim, token(sim.world.account_key))
    policy = {"id": sim.world.payments_policy, "type": "escalation_policy_reference"}

    await api(
        "POST", "/services", body={"service": {"type": "service", "name": "x", "escalation_policy": policy}}, expect=201
    )
    await api("POST", "/teams", body={"team": {"type": "team", "name": "x"}}, expect=201)


async def test_a_user_key_speaks_for_its_user(sim: Simulator):
    """With a user's key the user is known, and no From is needed."""
    api = Api(sim, token(sim.world.user_key))

    incident = await api.put_incident((await api.open_incident())["id"], status="acknowledged")

    assert sim.world.ada == incident["last_status_change_by"]["id"]


async def test_me_is_only_known_to_credentials_of_a_user(sim: Simulator):
    """A user's key and token know who they are; an account key is told in words that PagerDuty's client reads."""
    bearer = sim.credentials.issue(frozenset({"openid"}), sim.clock.now(), user_id=sim.world.bo)
    async with httpx.AsyncClient(transport=sim.transport(), base_url=sim.url) as client:
        refused = await client.get("/users/me", headers={"Authorization": token(sim.world.account_key)})

    assert sim.world.ada == (await Api(sim, token(sim.world.user_key))("GET", "/users/me"))["user"]["id"]
    assert sim.world.bo == (await Api(sim, f"Bearer {bearer}")("GET", "/users/me"))["user"]["id"]
    assert 400 == refused.status_code
    assert "account-level access token" in refused.json()["error"]


async def exchange(sim: Simulator, **fields: str) -> httpx.Response:
    form = {
        "grant_type": "client_credentials",
        "client_id": sim.world.oauth_client_id,
        "client_secret": sim.world.oauth_client_secret,
        "scope": f"{sim.world.oauth_scope} incidents.read services.read",
        **fields,
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    async with httpx.AsyncClient(transport=sim.transport(), base_url=sim.url) as client:
        return await client.post("/oauth/token", content=urlencode(form), headers=headers)


async def test_an_app_gets_a_token_for_a_day(sim: Simulator):
    """The token opens what its scopes name, is refused elsewhere with 403, and after a day with 401."""
    answer = (await exchange(sim)).json()
    api = Api(sim, f"Bearer {answer['access_token']}", sim.world.from_email)
    await api("GET", "/incidents")
    code, errors = await api.refused("GET", "/users", expect=403)
    note = {"note": {"content": "x"}}
    unwritable, _ = await api.refused("POST", "/incidents/1/notes", body=note, expect=403)
    sim.clock.advance(timedelta(days=1))
    expired, _ = await api.refused("GET", "/incidents", expect=401)

    assert ("bearer", 86400, f"{sim.world.oauth_scope} incidents.read services.read") == (
        answer["token_type"],
        answer["expires_in"],
        answer["scope"],
    )
    assert "refresh_token" not in answer
    assert (2010, ["Token requires scope users.read"], 2010, 2006) == (code, errors, unwritable, expired)


async def test_a_write_scope_does_not_let_anybody_read(sim: Simulator):
    """Each scope opens what it names; the classic `write` opens everything, the classic `read` all reads."""
    now = sim.clock.now()

    async def status(scope: str) -> list[int]:
        api = Api(sim, f"Bearer {sim.credentials.issue(frozenset({scope}), now)}")
        read = await api.send("GET", "/teams")
        write = await api.send("POST", "/teams", body={"team": {"type": "team", "name": scope}})
        return [read.status_code, write.status_code]

    assert [403, 201] == await status("teams.write")
    assert [200, 403] == await status("teams.read")
    assert [200, 403] == await status("read")
    assert [200, 201] == await status("write")


async def test_a_client_secret_stays_out_of_the_log_of_requests(sim: Simulator):
    """The body of a token request is not kept."""
    await exchange(sim)

    assert sim.world.oauth_client_secret not in repr(list(sim.requests))


async def test_a_scope_that_does_not_exist_is_left_out_silently(sim: Simulator):
    """Asking for too much is no error: what was granted has to be compared."""
    some = (await exchange(sim, scope=f"{sim.world.oauth_scope} incidents.read incidents.reed")).json()
    none = (await exchange(sim, scope=f"{sim.world.oauth_scope} everything")).json()

    assert f"{sim.world.oauth_scope} incidents.read" == some["scope"]
    assert f"{sim.world.oauth_scope} openid" == none["scope"]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"client_secret": "wrong"}, 401),
        ({"client_id": "wrong"}, 401),
        ({"grant_type": "password"}, 400),
        ({"scope": "incidents.read"}, 400),
    ],
)
async def test_a_token_is_not_given_to_everybody(sim: Simulator, fields: dict[str, str], status: int):
    """Wrong credentials are 401; another grant, or a request without the account's scope, is 400."""
    assert status == (await exchange(sim, **fields)).status_code


async def test_the_limit_is_told_and_then_kept(sim: Simulator):
    """Headers count down; when nothing is left it is 429 with code 2020, until the window has passed."""
    sim = Simulator(clock=sim.clock, limits=Limits(2))
    api = Api(sim, token(sim.world.account_key))
    first, second = await api.send("GET", "/services"), await api.send("GET", "/services")
    sim.clock.advance(seconds=20)
    refused = await api.send("GET", "/services")
    other = await Api(sim, token(sim.world.user_key)).send("GET", "/services")
    sim.clock.advance(seconds=40)
    again = await api.send("GET", "/services")

    def told(answer: httpx.Response) -> list[str]:
        return [answer.headers[f"ratelimit-{name}"] for name in ("limit", "remaining", "reset")]

    assert [["2", "1", "60"], ["2", "0", "60"], ["2", "0", "40"]] == [told(first), told(second), told(refused)]
    assert (429, 2020, 200, 200) == (
        refused.status_code,
        refused.json()["error"]["code"],
        other.status_code,
        again.status_code,
    )


@pytest.mark.parametrize(
    ("method", "path", "limits"),
    [
        ("POST", "/incidents", Limits(post_incidents=1)),
        ("PUT", "/incidents", Limits(put_incidents=1)),
        ("GET", "/oncalls", Limits(get_oncalls=1)),
    ],
)
async def test_three_operations_have_limits_of_their_own(sim: Simulator, method: str, path: str, limits: Limits):
    """The headers show the limit that is closer to being reached, and other operations go on."""
    sim = Simulator(clock=sim.clock, limits=limits)
    api = Api(sim, token(sim.world.account_key), sim.world.from_email)

    first = await api.send(method, path, body={})
    refused = await api.send(method, path, body={})
    other = await api.send("GET", "/incidents")

    assert ("1", "0") == (first.headers["ratelimit-limit"], first.headers["ratelimit-remaining"])
    assert (429, 200, "960") == (refused.status_code, other.status_code, other.headers["ratelimit-limit"])


async def test_what_does_not_exist_is_404_and_a_wrong_method_405(api: Api):
    """Paths and methods that nobody knows are answered in the common shape."""
    async with httpx.AsyncClient(transport=api.sim.transport(), base_url=api.sim.url) as client:
        unknown = await client.get("/no/such/path")
        wrong = await client.request("DELETE", "/incidents")

    assert (404, 2100) == (unknown.status_code, unknown.json()["error"]["code"])
    assert (405, 2015) == (wrong.status_code, wrong.json()["error"]["code"])


async def test_the_log_of_requests_hides_the_credential(sim: Simulator, api: Api):
    """A request is remembered whole, but for its Authorization header."""
    await api.send("GET", "/services", [("query", "pay")])

    [seen] = sim.requests
    assert ("GET", "/services", {"query": ["pay"]}, 200) == (seen.method, seen.path, seen.query, seen.status)
    assert "[hidden]" == seen.headers["authorization"]
    assert sim.world.account_key not in repr(seen)
