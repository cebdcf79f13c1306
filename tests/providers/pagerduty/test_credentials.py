"""Credentials: every kind, what each is told to be, and how a wrong one is recognised."""

import json
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any, cast

import pytest
from pydantic import SecretStr

import resolute_pagerduty as pagerduty
from resolute.plan.errors import ConfigurationError
from resolute_pagerduty import PagerDuty, PagerDutyConfig, errors
from resolute_pagerduty.calls.checkup import CredentialsReport, check_account
from resolute_pagerduty.simulator import Simulator
from resolute_pagerduty.simulator.auth import OAuthClient
from resolute_pagerduty.simulator.world import WORLD
from tests.providers.pagerduty.harness import Bench, config_for

APP: dict[str, Any] = {
    "api_key": None,
    "client_id": WORLD.oauth_client_id,
    "client_secret": SecretStr(WORLD.oauth_client_secret),
    "subdomain": WORLD.subdomain,
    "scopes": "incidents.read incidents.write, users.read abilities.read",
}


async def report_of(sim: Simulator, **settings: Any) -> CredentialsReport:
    async with PagerDuty(config_for(sim, **settings)) as provider:
        return await check_account(provider.account())


def told(report: CredentialsReport) -> dict[str, tuple[bool | None, str]]:
    return {check.name: (check.ok, check.message) for check in report.checks}


async def test_the_key_of_an_account_is_told(sim: Simulator):
    """It works, may change things in the name of From, and its events are taken; nobody was paged."""
    report = await report_of(sim)

    assert (True, "key of the account", True, None) == (report.ok, report.kind, report.can_write, report.user)
    assert {"REST API", "From", "changes", "Events API"} == set(told(report))
    assert "teams" in report.abilities
    assert [] == sim.incidents()


async def test_the_key_of_a_user_is_told(sim: Simulator):
    """It speaks for its user, so no From is needed."""
    report = await report_of(sim, api_key=SecretStr(WORLD.user_key), from_email=None)

    assert report.user is not None
    assert (True, "key or token of a user", "Ada Moreno") == (report.ok, report.kind, report.user.name)
    assert (True, "ada@harbour.example, the owner of the credential") == told(report)["From"]


async def test_a_read_only_key_is_told(sim: Simulator):
    """That it only reads is found out by a change of something that does not exist."""
    report = await report_of(sim, api_key=SecretStr(WORLD.read_only_key))

    assert (True, False) == (report.ok, report.can_write)
    assert (None, "not allowed: the credential is read-only") == told(report)["changes"]


async def test_a_wrong_key_is_told_with_the_other_region(sim: Simulator):
    """401 is also what the wrong region answers, so both causes are named."""
    report = await report_of(sim, api_key=SecretStr("wrong"))
    ok, message = told(report)["REST API"]

    assert (False, False) == (report.ok, ok)
    assert "PAGERDUTY_REGION=eu" in message
    assert "wrong" not in message


async def test_a_from_that_nobody_has_is_told(sim: Simulator):
    """The address is looked up, and a change is not even tried."""
    report = await report_of(sim, from_email="nobody@harbour.example")

    assert not report.ok
    assert "PAGERDUTY_FROM_EMAIL is nobody@harbour.example" in told(report)["From"][1]
    assert "changes" not in told(report)


async def test_a_wrong_routing_key_is_told(sim: Simulator):
    """Events are checked with a resolve of nothing, which PagerDuty drops after it has checked the key."""
    report = await report_of(sim, routing_key=SecretStr("short"))

    assert False is told(report)["Events API"][0]


async def test_without_any_credential_only_events_are_tried(sim: Simulator):
    """A worker that only sends alerts needs no API key, and the report says so."""
    report = await report_of(sim, api_key=None)

    assert ("none", True) == (report.kind, report.ok)
    assert (None, "PAGERDUTY_API_KEY is not set: events only") == told(report)["REST API"]


@pytest.mark.parametrize(
    ("grants", "seen"),
    [
        ([], {"REST API": True, "abilities": None, "From": None, "changes": None, "Events API": None}),
        (["notes:write"], {"REST API": True, "abilities": None, "From": None, "changes": None, "Events API": None}),
        (["users:read", "events:write"], {"REST API": True, "abilities": None, "From": True, "changes": None,
                                          "Events API": True}),
        (["incidents:write"], {"REST API": True, "abilities": None, "From": None, "changes": True,
                               "Events API": None}),
        (["*:read"], {"REST API": True, "From": True, "changes": None, "Events API": None}),
    ],
)  # fmt: skip
async def test_what_the_grants_do_not_allow_is_told_and_no_failure(
    sim: Simulator, grants: list[str], seen: dict[str, bool | None]
):
    """Credentials that work are said to work; each thing that could not be looked at names the grant that it needs."""
    async with PagerDuty(config_for(sim), grants=grants) as provider:
        report = await check_account(provider.account())

    assert (True, seen) == (report.ok, {name: ok for name, (ok, _) in told(report).items()})
    for ok, message in told(report).values():
        assert ok or "needs the grant" in message


async def test_a_wrong_key_fails_also_where_little_is_granted(sim: Simulator):
    """What the grants hide is no failure; what PagerDuty refuses is one."""
    async with PagerDuty(config_for(sim, api_key=SecretStr("wrong")), grants=["notes:write"]) as provider:
        report = await check_account(provider.account())

    assert (False, False) == (report.ok, told(report)["REST API"][0])


async def test_a_sender_that_cannot_be_looked_up_is_not_taken_for_a_known_one(sim: Simulator):
    """PagerDuty refuses the change: that may be the sender's fault, so nothing is claimed about changes."""
    async with PagerDuty(config_for(sim, from_email="nobody@harbour.example"), grants=["incidents:write"]) as provider:
        report = await check_account(provider.account())

    assert (None, None) == (report.can_write, told(report)["changes"][0])
    assert "Requester User Not Found" in told(report)["changes"][1]


async def test_an_app_without_the_scope_of_abilities_works(sim: Simulator):
    """A scope that nobody asked for is no mistake; what cannot be looked at for want of it is told."""
    report = await report_of(sim, **{**APP, "scopes": "incidents.read incidents.write"})

    assert (True, True) == (report.ok, told(report)["REST API"][0])
    assert "abilities.read" in told(report)["abilities"][1]


async def test_an_app_is_told_which_scopes_it_was_not_granted(sim: Simulator):
    """PagerDuty grants fewer scopes without an error; the report compares."""
    report = await report_of(sim, **{**APP, "scopes": "incidents.read incidents.admin users.read"})

    assert (False, "app with scoped OAuth", ("incidents.admin",)) == (report.ok, report.kind, report.missing_scopes)
    assert "incidents.read" in report.granted_scopes


async def test_a_key_of_the_account_without_from_names_the_setting(sim: Simulator):
    """Reading works; what is done in a user's name is refused before it is sent."""
    incident = sim.add_incident("Slow", WORLD.service)
    async with PagerDuty(config_for(sim, from_email=None)) as provider:
        bench = Bench(sim, provider)
        await bench.run(pagerduty.get_incident, id=incident.id)
        with pytest.raises(errors.MissingSettingError, match="set PAGERDUTY_FROM_EMAIL"):
            await bench.run(pagerduty.update_incident, id=incident.id, status="resolved")

    assert [] == bench.sent("PUT")


async def test_a_key_of_a_user_acts_in_the_name_of_its_user(sim: Simulator):
    """Without a setting, From is the user that PagerDuty says the key belongs to, asked for once."""
    incident = sim.add_incident("Slow", WORLD.service)
    async with PagerDuty(config_for(sim, api_key=SecretStr(WORLD.user_key), from_email=None)) as provider:
        bench = Bench(sim, provider)
        await bench.run(pagerduty.add_note, incident_id=incident.id, content="one")
        await bench.run(pagerduty.add_note, incident_id=incident.id, content="two", step="other")

    assert [WORLD.from_email] * 2 == [each.headers["from"] for each in bench.sent("POST")]
    assert 1 == len(bench.sent(path="/users/me"))


async def test_an_oauth_token_is_sent_as_it_is(sim: Simulator):
    """A token that was fetched elsewhere goes into the header as a Bearer; what it may not do is refused for good."""
    token = sim.credentials.issue(frozenset({"incidents.read"}), sim.clock.now())
    async with PagerDuty(config_for(sim, api_key=None, oauth_token=SecretStr(token))) as provider:
        bench = Bench(sim, provider)
        await bench.run(pagerduty.list_incidents)
        with pytest.raises(errors.ForbiddenError, match=r"needs the scope services\.read"):
            await bench.run(pagerduty.list_services)


async def test_an_app_fetches_one_token_for_many_requests(sim: Simulator):
    """The token is fetched with the client's id and secret, and kept."""
    async with PagerDuty(config_for(sim, **APP)) as provider:
        bench = Bench(sim, provider)
        await bench.run(pagerduty.list_incidents)
        await bench.run(pagerduty.list_incidents)

    assert 1 == len(bench.sent(path="/oauth/token"))


async def test_a_token_is_renewed_before_it_ends(sim: Simulator, monkeypatch: pytest.MonkeyPatch):
    """A token with less than five minutes to live is not used any more."""
    begin = monotonic()
    async with PagerDuty(config_for(sim, **APP)) as provider:
        bench = Bench(sim, provider)
        fetched: list[int] = []
        for hours in (0, 23.9, 23.95):
            monkeypatch.setattr(
                "resolute_pagerduty.account.credentials.monotonic", lambda hours=hours: begin + hours * 3600
            )
            await bench.run(pagerduty.list_incidents)
            fetched.append(len(bench.sent(path="/oauth/token")))

    assert [1, 1, 2] == fetched


async def test_a_token_that_was_revoked_is_replaced_by_the_next_attempt(sim: Simulator):
    """The attempt fails with an error that is tried again; the next one has a new token."""
    async with PagerDuty(config_for(sim, **APP)) as provider:
        bench = Bench(sim, provider)
        await bench.run(pagerduty.list_incidents)
        sim.clock.advance(timedelta(days=2))
        with pytest.raises(errors.TokenExpiredError) as caught:
            await bench.run(pagerduty.list_incidents)
        await bench.run(pagerduty.list_incidents, attempt=2)

    assert caught.value.retryable


async def test_an_app_with_a_wrong_secret_is_told_which_settings_to_check(sim: Simulator):
    """No token is given, and the secret is not in the message."""
    async with PagerDuty(config_for(sim, **{**APP, "client_secret": SecretStr("not the secret")})) as provider:
        with pytest.raises(errors.UnauthorizedError, match="_CLIENT_SECRET") as caught:
            await Bench(sim, provider).run(pagerduty.list_incidents)

    assert "not the secret" not in str(caught.value)


async def test_a_scope_that_was_not_granted_is_said_before_sending(sim: Simulator):
    """The app asked for it, PagerDuty left it out: the node says so instead of running into a 403."""
    reader = OAuthClient(id="reader", secret="secret of reader", scopes=frozenset({"incidents.read"}))
    sim.credentials.add_client(reader)
    app = {**APP, "client_id": "reader", "client_secret": SecretStr("secret of reader")}
    async with PagerDuty(config_for(sim, **app)) as provider:
        bench = Bench(sim, provider)
        await bench.run(pagerduty.list_incidents)
        with pytest.raises(errors.MissingSettingError, match=r"needs the scope incidents\.write"):
            await bench.run(pagerduty.create_incident, title="t", service_id=WORLD.service)


async def test_several_accounts_are_told_apart_by_name(sim: Simulator):
    """A node goes to the account that it names, and to the first one where it names none."""
    second = config_for(sim, api_key=SecretStr(WORLD.user_key), from_email="bo@harbour.example")
    async with PagerDuty(config_for(sim), accounts={"eu": second}) as provider:
        bench = Bench(sim, provider)
        incident = sim.add_incident("Slow", WORLD.service)
        await bench.run(pagerduty.add_note, incident_id=incident.id, content="one")
        await bench.run(pagerduty.add_note, incident_id=incident.id, content="two", step="other", account="eu")
        with pytest.raises(errors.MissingSettingError, match=r"no PagerDuty account 'ue' \(known: default, eu\)"):
            await bench.run(pagerduty.add_note, incident_id=incident.id, content="three", account="ue")

    assert [WORLD.from_email, "bo@harbour.example"] == [each.headers["from"] for each in bench.sent("POST")]


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """The documented names are read, those of further accounts behind their name; empty ones are as good as none."""
    for name, value in {
        "API_KEY": "key one",
        "SERVICE_KEY": "service key",
        "ROUTING_KEY": "",
        "FROM_EMAIL": "ada@harbour.example",
        "REGION": "EU",
        "API_URL": "http://127.0.0.1:9/",
        "ACCOUNTS": "staging",
        "STAGING_API_KEY": "key two",
        "GRANTS": "incidents:read, notes:write",
        "AUDIT_LOG": str(tmp_path / "audit.jsonl"),
    }.items():
        monkeypatch.setenv(f"PAGERDUTY_{name}", value)
    provider = PagerDuty.from_env()
    config = provider.configs["default"]

    assert ("eu", "http://127.0.0.1:9", "https://events.eu.pagerduty.com") == (
        config.region,
        config.rest_base,
        config.events_base,
    )
    assert config.events_key is not None
    assert "service key" == config.events_key.get_secret_value()
    assert {"key one", "key two", "service key"} == set(provider.secrets())
    assert "incidents:read, notes:write" == str(provider.grants)
    assert "key" not in repr(provider.configs).replace("_key", "")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("PAGERDUTY_REGION", "usa", "PAGERDUTY_REGION: give 'us' or 'eu'"),
        ("PAGERDUTY_API_URL", "ftp://x", "PAGERDUTY_API_URL: give a URL that starts with https"),
        ("PAGERDUTY_API_URL", "https://me:word@x", "PAGERDUTY_API_URL: leave out the user and password"),
        ("PAGERDUTY_API_KEY", "two\nlines", "PAGERDUTY_API_KEY: contains characters that no key has"),
        ("PAGERDUTY_FROM_EMAIL", "ada", "PAGERDUTY_FROM_EMAIL: String should match"),
        ("PAGERDUTY_CLIENT_ID", "x", "client_id needs client_secret, subdomain and scopes"),
        ("PAGERDUTY_GRANTS", "incident:read", "grant 'incident:read' is not known .did you mean 'incidents'"),
        ("PAGERDUTY_READ_ONLY", "perhaps", "PAGERDUTY_READ_ONLY: Input should be a valid boolean"),
    ],
)
def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str):
    """The message says which variable is wrong and what it should be."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=told):
        PagerDuty.from_env()


def test_a_wrong_setting_as_given_is_named():
    """Settings that code gives are refused in the same words, by their own names."""
    with pytest.raises(ConfigurationError) as caught:
        PagerDutyConfig(region=cast("Any", "usa"))

    assert "PagerDutyConfig: region: give 'us' or 'eu'" == str(caught.value)


def test_a_secret_is_never_in_a_message(monkeypatch: pytest.MonkeyPatch):
    """Two credentials at once are an error that shows neither."""
    monkeypatch.setenv("PAGERDUTY_API_KEY", "very secret one")
    monkeypatch.setenv("PAGERDUTY_OAUTH_TOKEN", "very secret two")
    with pytest.raises(ConfigurationError, match="api_key and oauth_token are set") as caught:
        PagerDutyConfig.from_env()

    assert "very secret" not in json.dumps([str(caught.value), repr(caught.value)])
