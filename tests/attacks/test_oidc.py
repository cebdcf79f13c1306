"""Logging in to the board with OpenID Connect, by people and by attackers, against an issuer on loopback."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
import pytest
from joserfc.jwk import RSAKey
from joserfc.jwt import encode

from resolute.execution.secrets import Environment
from resolute.plan.errors import ConfigurationError
from resolute_worker.board.access import Access
from resolute_worker.board.oidc.client import OidcClient
from resolute_worker.board.tries import Tries
from resolute_worker.settings import Settings
from tests.board.flows import ASKING
from tests.board.issuer import CLIENT, SECRET, Issuer
from tests.board.site import TOKENS, Browser, Site
from tests.keys import KEYS
from tests.patience import PATIENCE


@pytest.fixture(scope="module")
async def issuer() -> AsyncIterator[Issuer]:
    async with Issuer.serve() as served:
        yield served


@pytest.fixture(scope="module")
async def guarded(site: Site, issuer: Issuer) -> AsyncIterator[Site]:
    """A board that trusts the issuer, beside the worker of the other one."""
    async with trusting(site, issuer) as made:
        yield made


@asynccontextmanager
async def trusting(site: Site, issuer: Issuer, **more: Any) -> AsyncGenerator[Site]:
    folder = site.board.journal.path.parent / f"oidc-{len(issuer.asked)}-{len(more)}"
    async with Site.of(site.client, site.queue, folder, Environment({}), **issuer.settings(**more)) as made:
        yield made


@pytest.fixture(autouse=True)
def as_it_should_be(issuer: Issuer, guarded: Site) -> None:
    """What one test has changed is not there for the next."""
    issuer.person = {"sub": "u-1", "email": "ada@ops.test", "email_verified": True, "groups": ["sre"]}
    issuer.elsewhere, issuer.metadata, issuer.sign, issuer.change, issuer.is_down = {}, {}, None, lambda _: None, False
    guarded.board.access.tries = Tries()


async def led(browser: Browser, place: str = "runs") -> str:
    """Where the board leads somebody who wants to log in."""
    answer = await browser.get("login/oidc", params={"to": place})
    assert 303 == answer.status_code, answer.text
    return answer.headers["location"]


async def back_from(address: str) -> str:
    """Where the issuer leads back to."""
    async with httpx.AsyncClient(timeout=PATIENCE) as http:
        return (await http.get(address)).headers["location"]


async def log_in(browser: Browser, place: str = "runs") -> httpx.Response:
    """All of it."""
    return await browser.http.get(await back_from(await led(browser, place)))


def refusals(site: Site) -> list[str]:
    """Why logins were refused."""
    return [each.error or "" for each in site.audit() if (each.operation, each.outcome) == ("login", "refused")]


async def test_a_person_logs_in_and_approves(guarded: Site) -> None:
    """Who logs in by OpenID Connect decides a gate by name: in the decision, in the audit log, and in nothing else."""
    run = await guarded.start(ASKING)
    await guarded.at(run, "approve", "running")
    async with guarded.browser() as ada:
        assert "/board/login?to=" in (await ada.get("")).headers["location"]
        assert "Log in with 127.0.0.1" in await ada.text("login")
        answer = await log_in(ada)
        page = await ada.text("runs")
        fields = {"id": run.workflow_id, "gate": "approve", "decision": "approve", "field:region": "eu"}
        decided = await ada.post("do/decide", form=form_on(page), **fields)
    await run.result()
    found = await guarded.at(run, "approve", "completed")

    assert (303, "/board/runs") == (answer.status_code, answer.headers["location"])
    assert 303 == decided.status_code
    assert found.report is not None
    decisions: Any = found.report.step("approve").details["decisions"]
    assert ["ada@ops.test"] == [each["by"] for each in decisions]
    acts = [(each.operation, each.outcome) for each in guarded.audit() if each.person == "ada@ops.test"]
    assert [("login", "done"), ("decide", "done")] == acts
    for line in guarded.board.journal.path.read_text().splitlines():
        assert SECRET not in line


async def test_what_the_browser_is_told(guarded: Site) -> None:
    """The way to the issuer has a challenge, a nonce and a state; scripts and other sites have no cookie."""
    async with guarded.browser() as ada:
        sent = await ada.get("login/oidc")
        asked = parse_qs(urlsplit(sent.headers["location"]).query)
        answer = await ada.http.get(await back_from(sent.headers["location"]))

    assert {"client_id", "code_challenge", "code_challenge_method", "nonce", "redirect_uri"} < set(asked)
    assert ["https://ops.test/board/login/back"] == asked["redirect_uri"]
    assert (["S256"], ["code"], ["openid email profile"]) == (
        asked["code_challenge_method"],
        asked["response_type"],
        asked["scope"],
    )
    assert 3 == len({asked["state"][0], asked["nonce"][0], asked["code_challenge"][0]})
    for cookie in (sent.headers["set-cookie"], *answer.headers.get_list("set-cookie")):
        assert cookie.startswith("__Host-")
        for word in ("HttpOnly", "Secure", "SameSite=lax", "Path=/", "Max-Age="):
            assert word in cookie


@pytest.mark.parametrize(
    "place", ["//evil.test", "https://evil.test/", "/\\evil.test", "\\\\evil.test", "javascript:alert(1)", "/etc"]
)
async def test_no_way_leads_to_another_site(guarded: Site, place: str) -> None:
    """After a login nobody is led to an address that is not the board's (open redirect)."""
    async with guarded.browser() as ada:
        assert "/board/" == (await log_in(ada, place)).headers["location"]


async def test_a_login_of_somebody_else(guarded: Site) -> None:
    """Who is sent the address at which another login ends is not logged in by it (login CSRF, wrong state)."""
    async with guarded.browser() as mallory, guarded.browser() as ada:
        ends = await back_from(await led(mallory))
        nothing_begun = await ada.http.get(ends)
        await led(ada)
        of_another = await ada.http.get(ends)
        query = dict(parse_qsl(urlsplit(await back_from(await led(ada))).query))
        without = [await ada.get("login/back", params={"code": query["code"]})]
        await led(ada)
        without.append(await ada.get("login/back", params={"code": query["code"], "state": "x" * 43}))
        assert 303 == (await ada.get("")).status_code

    assert [403] * 4 == [each.status_code for each in (nothing_begun, of_another, *without)]
    assert ["this login was not begun"] * 4 == [each[:24] for each in refusals(guarded)[-4:]]


async def test_a_code_is_good_for_once(guarded: Site) -> None:
    """A way back is taken once: again without its cookie, and again with it, which the issuer refuses."""
    async with guarded.browser() as ada:
        address = await led(ada)
        kept = dict(ada.http.cookies)
        ends = await back_from(address)
        first = await ada.http.get(ends)
        ada.http.cookies.clear()
        second = await ada.http.get(ends)
        ada.http.cookies.clear()
        third = await ada.http.get(ends, headers={"Cookie": "; ".join(f"{name}={kept[name]}" for name in kept)})

    assert [303, 403, 403] == [first.status_code, second.status_code, third.status_code]
    assert "does not take the code" in refusals(guarded)[-1]


async def test_a_code_of_another_login(guarded: Site) -> None:
    """A code that was stolen from somebody is worth nothing in another browser (PKCE)."""
    async with guarded.browser() as ada, guarded.browser() as mallory:
        stolen = dict(parse_qsl(urlsplit(await back_from(await led(ada))).query))["code"]
        own = dict(parse_qsl(urlsplit(await back_from(await led(mallory))).query))
        answer = await mallory.get("login/back", params={"code": stolen, "state": own["state"]})

    assert 403 == answer.status_code
    assert "does not take the code" in refusals(guarded)[-1]


def unsigned(claims: dict[str, Any]) -> str:
    """A token with `alg: none`."""
    return f"{packed({'alg': 'none', 'typ': 'JWT'})}.{packed(claims)}."


def packed(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def confused(issuer: Issuer, as_pem: bool) -> Callable[[dict[str, Any]], str]:
    """Signs with HS256, with the public key of the issuer as its secret."""

    def sign(claims: dict[str, Any]) -> str:
        public = issuer.key.as_dict(private=False)
        secret = issuer.key.as_pem(private=False) if as_pem else json.dumps(public).encode()
        head = f"{packed({'alg': 'HS256', 'kid': issuer.key.kid})}.{packed(claims)}"
        seal = base64.urlsafe_b64encode(hmac.digest(secret, head.encode(), hashlib.sha256)).decode().rstrip("=")
        return f"{head}.{seal}"

    return sign


def test_a_confused_token_is_one() -> None:
    """The tests forge what a careless library would take: the seal is right for the public key as a secret."""
    issuer = Issuer()
    head, _, seal = confused(issuer, as_pem=True)({"sub": "x"}).rpartition(".")

    expected = hmac.digest(issuer.key.as_pem(private=False), head.encode(), hashlib.sha256)
    assert expected == base64.urlsafe_b64decode(seal + "=")


FORGED: dict[str, tuple[Callable[[Issuer], None], str]] = {
    "a wrong nonce": (lambda issuer: claim(issuer, nonce="of-another-login"), "nonce"),
    "no nonce": (lambda issuer: claim(issuer, nonce=None), "nonce"),
    "another audience": (lambda issuer: claim(issuer, aud="another-client"), "aud"),
    "an audience beside, for another party": (lambda issuer: claim(issuer, aud=[CLIENT, "x"], azp="x"), "azp"),
    "another issuer": (lambda issuer: claim(issuer, iss="https://evil.test"), "iss"),
    "an expired token": (lambda issuer: later(issuer, -4000), "clocks"),
    "a token of tomorrow": (lambda issuer: later(issuer, 86_400), "clocks"),
    "no end": (lambda issuer: claim(issuer, exp=None), "exp"),
    "an access token of another": (lambda issuer: claim(issuer, at_hash="AAAAAAAAAAAAAAAAAAAAAA"), "at_hash"),
    "alg none": (lambda issuer: signs(issuer, unsigned), "alg"),
    "HS256 with the public key": (lambda issuer: signs(issuer, confused(issuer, as_pem=True)), "alg"),
    "HS256 with the public key as JSON": (lambda issuer: signs(issuer, confused(issuer, as_pem=False)), "alg"),
    "another key": (lambda issuer: signs(issuer, with_key(issuer, issuer.key.kid or "")), "signed"),
    "another key by another name": (lambda issuer: signs(issuer, with_key(issuer, "unknown")), "signed"),
    "no token": (lambda issuer: signs(issuer, lambda _: "x.y.z"), "believed"),
}


def claim(issuer: Issuer, **changes: Any) -> None:
    def change(claims: dict[str, Any]) -> None:
        claims.update(changes)
        for name in [name for name, value in changes.items() if value is None]:
            del claims[name]

    issuer.change = change


def later(issuer: Issuer, seconds: int) -> None:
    issuer.change = lambda claims: claims.update(iat=claims["iat"] + seconds, exp=claims["exp"] + seconds)


def signs(issuer: Issuer, sign: Callable[[dict[str, Any]], str]) -> None:
    issuer.sign = sign


def with_key(issuer: Issuer, kid: str) -> Callable[[dict[str, Any]], str]:
    other = RSAKey.generate_key(2048)
    return lambda claims: encode({"alg": "RS256", "kid": kid, "jwk": other.as_dict(private=False)}, claims, other)


@pytest.mark.parametrize("name", FORGED)
async def test_forged_tokens(guarded: Site, issuer: Issuer, name: str) -> None:
    """A token that the issuer has not made for this login logs nobody in; the page and the audit log say why."""
    forge, why = FORGED[name]
    forge(issuer)
    async with guarded.browser() as mallory:
        answer = await log_in(mallory)
        assert 303 == (await mallory.get("")).status_code

    assert 403 == answer.status_code, answer.text
    assert why in refusals(guarded)[-1]


async def test_clocks_may_differ_a_little(guarded: Site, issuer: Issuer) -> None:
    """A clock that is half a minute ahead or behind keeps nobody out."""
    for seconds in (30, -330):
        later(issuer, seconds)
        async with guarded.browser() as ada:
            assert 303 == (await log_in(ada)).status_code


async def test_who_has_no_role(guarded: Site, issuer: Issuer) -> None:
    """A person of no group that has a role, or without the claim, is told which claim is missing, and not let in."""
    people: list[dict[str, Any]] = [{"groups": ["sales"]}, {"groups": []}, {"groups": {"sre": True}}, {}]
    for person in people:
        issuer.person = {"sub": "u-2", "email": "eve@ops.test", "email_verified": True, **person}
        async with guarded.browser() as eve:
            answer = await log_in(eve)
            assert 303 == (await eve.get("")).status_code
        assert 403 == answer.status_code
        assert "the claim &#39;groups&#39;" in answer.text
        assert "eve@ops.test has no role" in refusals(guarded)[-1]


async def test_names_are_the_issuers(guarded: Site, issuer: Issuer) -> None:
    """An address that is not verified names nobody: the subject does. Texts of an issuer are shown as text."""
    for email in ({"email": "boss@ops.test"}, {"email": "boss@ops.test", "email_verified": False}):
        issuer.person = {"sub": "<script>7</script>", "groups": "support team", **email}
        async with guarded.browser() as eve:
            await log_in(eve)
            page = await eve.text("runs")
        assert "boss@ops.test" not in page
        assert "&lt;script&gt;7" in page
        assert 'action="/board/do/' not in page


async def test_groups_beside_the_token(guarded: Site, issuer: Issuer) -> None:
    """Claims that the token lacks are asked for with the access token, and count only for the same subject."""
    issuer.person = {"sub": "u-1"}
    answers: list[int] = []
    for subject in ("u-1", "u-2"):
        issuer.elsewhere = {"sub": subject, "groups": ["sre"], "email": "ada@ops.test", "email_verified": True}
        async with guarded.browser() as ada:
            answers.append((await log_in(ada)).status_code)

    assert [303, 403] == answers


async def test_roles_by_a_path(site: Site, issuer: Issuer) -> None:
    """A claim inside another is named by its path, and another claim may name people."""
    issuer.person = {"sub": "u-1", "realm_access": {"roles": ["sre"]}, "preferred_username": "ada"}
    more = {"board_oidc_claim": "realm_access.roles", "board_oidc_name": "preferred_username"}
    async with trusting(site, issuer, **more) as made, made.browser() as ada:
        assert 303 == (await log_in(ada)).status_code
        assert '<span class="who">ada' in await ada.text("runs")


async def test_the_issuer_is_down(site: Site, issuer: Issuer, caplog: pytest.LogCaptureFixture) -> None:
    """Where the issuer does not answer, the board begins, says so in its log and to who logs in, and takes tokens.

    As soon as the issuer answers people log in. None of it counts as a failed try.
    """
    issuer.is_down = True
    async with trusting(site, issuer, board_oidc_claim="groups") as made:
        async with made.browser() as ada:
            told = [await ada.get("login/oidc") for _ in range(12)]
            assert 303 == (await ada.post("login", token=TOKENS["ada"])).status_code
        issuer.is_down = False
        async with made.browser() as ada:
            ends = await back_from(await led(ada))
            issuer.is_down = True
            later_told = await ada.http.get(ends)
            issuer.is_down = False
            assert 303 == (await log_in(ada)).status_code
        refused = refusals(made)

    assert {503} == {each.status_code for each in (*told, later_told)}
    assert "answered 502 without a JSON object at /.well-known" in told[0].text
    assert "without a JSON object at /token" in later_told.text
    assert 13 == len(refused)
    assert "nobody can log in to the board with OpenID Connect" in caplog.text


async def test_nobody_listens_there(site: Site, issuer: Issuer) -> None:
    """An issuer that cannot be reached is named, with what to look at."""
    settings = {"board_oidc_issuer": "http://127.0.0.1:9"}
    async with trusting(site, issuer, **settings) as made, made.browser() as ada:
        answer = await ada.get("login/oidc")

    assert 503 == answer.status_code
    assert "127.0.0.1 cannot be reached (ConnectError)" in answer.text


async def test_the_wrong_client(site: Site, issuer: Issuer) -> None:
    """A wrong secret is told as what it is: which settings are wrong, and not the secret."""
    wrong = "another-secret-of-this-length"
    async with trusting(site, issuer, board_oidc_client_secret=wrong) as made, made.browser() as ada:
        answer = await log_in(ada)

    assert 503 == answer.status_code
    assert "RESOLUTE_BOARD_OIDC_CLIENT_SECRET is wrong" in answer.text
    assert "another-secret" not in answer.text


async def test_an_issuer_by_another_name(site: Site, issuer: Issuer) -> None:
    """An issuer that calls itself something else is not believed, and neither is one that leads to plain HTTP."""
    for metadata, said in (
        ({"issuer": f"{issuer.url}/"}, "calls itself"),
        ({"token_endpoint": "http://evil.test/token"}, "which is not https://"),
    ):
        issuer.metadata = metadata
        async with trusting(site, issuer, board_oidc_scopes=("groups", said)) as made, made.browser() as ada:
            answer = await ada.get("login/oidc")
        assert 503 == answer.status_code
        assert said in answer.text


async def test_a_new_key(site: Site, issuer: Issuer) -> None:
    """A key that the issuer has signed with since the board began is looked for, once in half a minute at most."""
    now = [0.0]
    async with trusting(site, issuer, board_hosts=("ops.test", "localhost")) as made:
        assert made.board.access.oidc is not None
        made.board.access.oidc = OidcClient(made.board.access.oidc.config, since=lambda: now[0])
        async with made.browser() as ada:
            await with_another_key(ada, issuer, now)


async def with_another_key(ada: Browser, issuer: Issuer, now: list[float]) -> None:
    before = issuer.key
    try:
        assert 303 == (await log_in(ada)).status_code
        issuer.key = RSAKey.generate_key(2048, {"use": "sig", "kid": "new"})
        now[0] = 31
        looked = issuer.asked.count("/keys")
        assert 303 == (await log_in(ada)).status_code
        signs(issuer, with_key(issuer, "unknown"))
        assert [403] * 3 == [(await log_in(ada)).status_code for _ in range(3)]

        assert 1 == issuer.asked.count("/keys") - looked
    finally:
        issuer.key = before


async def test_failed_logins_are_limited(guarded: Site, issuer: Issuer) -> None:
    """After ten that failed an address waits, with tokens as well, and nothing is asked of the issuer for it."""
    claim(issuer, nonce="wrong")
    async with guarded.browser(peer="198.51.100.77") as guessing, guarded.browser(peer="198.51.100.78") as other:
        statuses = [(await log_in(guessing)).status_code for _ in range(10)]
        asked = issuer.asked.count("/token")
        limited = await log_in(guessing)
        by_token = await guessing.post("login", token=TOKENS["ada"])
        issuer.change = lambda _: None
        admitted = await log_in(other)

    assert [403] * 10 == statuses
    assert (429, 429, 303) == (limited.status_code, by_token.status_code, admitted.status_code)
    assert 1 == issuer.asked.count("/token") - asked
    assert "too many tries" == refusals(guarded)[-1]


async def test_what_the_issuer_says_in_the_address(guarded: Site) -> None:
    """An error of the issuer is told, as text; without a login that was begun here nothing of the address is."""
    said = {"error": "access_denied", "error_description": "<b>You</b> may not"}
    async with guarded.browser() as ada:
        state = parse_qs(urlsplit(await led(ada)).query)["state"][0]
        told = await ada.get(f"login/back?{urlencode({**said, 'state': state})}")
        again = await ada.get(f"login/back?{urlencode({**said, 'state': state})}")

    assert (403, 403) == (told.status_code, again.status_code)
    assert "access_denied &lt;b&gt;You" in told.text
    assert "access_denied" not in again.text


async def test_a_session_ends(guarded: Site) -> None:
    """Who logs out is nobody from then on, and says so in the audit log."""
    async with guarded.browser() as ada:
        await log_in(ada)
        page = await ada.text("runs")
        answer = await ada.post("logout", form=form_on(page))
        after = await ada.get("")

    assert (303, "/board/login?said=logout") == (answer.status_code, answer.headers["location"])
    assert 303 == after.status_code
    assert ("logout", "done") in [(each.operation, each.outcome) for each in guarded.audit()]


def test_a_login_that_lacks_something() -> None:
    """Settings that are missing or cannot be safe are refused when the board begins, by their names."""
    whole = {
        "board_oidc_issuer": "https://id.ops.test",
        "board_oidc_client_id": CLIENT,
        "board_oidc_client_secret": SECRET,
        "board_oidc_roles": "sre:operator",
    }
    wrong: dict[str, dict[str, Any]] = {
        "RESOLUTE_BOARD_OIDC_CLIENT_SECRET": {"board_oidc_client_secret": None},
        "RESOLUTE_BOARD_OIDC_ROLES": {"board_oidc_roles": None},
        "reached by https://": {"board_oidc_issuer": "http://id.ops.test"},
        "'boss'": {"board_oidc_roles": "sre:boss"},
        "NAME:ROLES": {"board_oidc_roles": "sre"},
    }

    assert Access(Settings.model_validate(whole), KEYS).oidc is not None
    for said, change in wrong.items():
        with pytest.raises(ConfigurationError, match=said):
            Access(Settings.model_validate({**whole, **change}), KEYS)


def test_a_session_is_sealed_with_more_than_a_login() -> None:
    """Who has the only token knows all that people log in with, and cannot make the session of somebody else."""
    token = "0123456789abcdefghij"
    settings = Settings.model_validate({"board_token": f"bob:viewer:{token}"})
    known = [f"bob:['viewer']:{token}"]
    said = json.dumps(["x", "ada", ["approver"], 9_999_999_999], separators=(",", ":")).encode()
    key = hashlib.sha256(b"resolute board\0" + "\0".join(known).encode()).digest()
    body = base64.urlsafe_b64encode(said).decode().rstrip("=")
    seal = base64.urlsafe_b64encode(hmac.digest(key, b"session\0" + said, "sha256")).decode().rstrip("=")

    assert Access(settings, KEYS).sessions.read(f"{body}.{seal}") is None


def form_on(page: str) -> str:
    """What the forms of a page send."""
    return page.partition('name="form" value="')[2].partition('"')[0]
