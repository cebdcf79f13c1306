"""The board from outside: what somebody gets who is not let in, and what is written down of it."""

from __future__ import annotations

import json
import uuid
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from resolute.execution.secrets import Environment
from resolute.plan.errors import ConfigurationError
from resolute_worker.board.access import Access
from resolute_worker.board.actions import ACTIONS
from resolute_worker.board.sessions import COOKIE
from resolute_worker.settings import Settings
from tests.board.flows import ASKING, GREETING
from tests.board.site import HOST, TOKENS, Browser, Site
from tests.keys import KEYS

PAGES = ("", "runs", "run?id=x", "run.json?id=x", "flow?name=x", "live")


def refusals(site: Site, before: int) -> list[tuple[str, str]]:
    """What was refused since then: the word, and why."""
    return [(each.operation, each.error or "") for each in site.audit()[before:] if each.outcome == "refused"]


async def test_nobody_sees_anything(site: Site) -> None:
    """Without a login every page leads to the login, whatever the cookie says."""
    forged = ("x", "W10.W10", f"{'A' * 3000}.B", "eyJ9.")
    async with site.browser() as nobody:
        for page in PAGES:
            assert 303 == (await nobody.get(page)).status_code, page
        for cookie in forged:
            answer = await nobody.get("", headers={"Cookie": f"__Host-{COOKIE}={cookie}"})
            assert (303, "/board/login?to=") == (answer.status_code, answer.headers["location"])


async def test_a_changed_cookie(site: Site) -> None:
    """A viewer cannot make the own cookie say something else."""
    async with site.browser("bob") as bob:
        known = bob.http.cookies[f"__Host-{COOKIE}"]
        sealed = known.partition(".")[2]
        session = site.board.access.sessions.read(known)
        assert session is not None
        said = json.dumps([session.id, "ada", ["approver"], 9_999_999_999]).encode()
        import base64

        changed = base64.urlsafe_b64encode(said).decode().rstrip("=") + f".{sealed}"

        assert site.board.access.sessions.read(changed) is None


async def test_foreign_hosts(site: Site) -> None:
    """A name that leads to the board's address and is not its own is not answered (DNS rebinding)."""
    before = len(site.audit())
    async with site.browser("bob") as bob:
        for host in ("evil.test", "ops.test.evil.test", "", "ops.test@evil.test", "[::1"):
            answer = await bob.get("", headers={"Host": host})
            assert 421 == answer.status_code, host

    assert 5 == sum(word == "host" for word, _ in refusals(site, before))


async def test_forms_of_other_sites(site: Site) -> None:
    """A form that another site sends, or that lacks the session's own token, does nothing."""
    before = len(site.audit())
    async with site.browser("ada") as ada, site.browser("bob") as bob:
        of_bob = await bob.form_token()
        for headers in ({"Origin": "https://evil.test"}, {"Origin": "null"}, {}, {"Sec-Fetch-Site": "cross-site"}):
            ada.headers = headers
            assert 403 == (await ada.post("logout", form=await ada.form_token())).status_code
        ada.headers = {"Origin": HOST}
        for form in ("", "x", of_bob):
            assert 403 == (await ada.post("logout", form=form)).status_code
        assert 200 == (await ada.get("")).status_code

    found = refusals(site, before)
    assert (4, 3) == (sum(word == "origin" for word, _ in found), sum(word == "logout" for word, _ in found))


async def test_static_files_lead_nowhere(site: Site) -> None:
    """No path below the static files leads to another file."""
    before = len(site.audit())
    tried = (
        "../board.py",
        "%2e%2e/board.py",
        "..%2f..%2fsettings.py",
        "/etc/passwd",
        "board.css/../../app.py",
        ".",
        "",
    )
    async with site.browser() as nobody:
        statuses = {path: (await nobody.get(f"static/{path}")).status_code for path in tried}
        css = await nobody.get("static/board.css")

    assert set(statuses.values()) <= {303, 404}, statuses
    assert 200 == css.status_code
    assert any(word == "static" for word, _ in refusals(site, before))


async def test_what_browsers_are_told(site: Site) -> None:
    """No script or style but the board's own runs, nothing frames it, nothing keeps its pages."""
    async with site.browser("bob") as bob:
        headers = (await bob.get("")).headers
        nothing = (await bob.get("nowhere")).headers
        login = await bob.post("login", token=TOKENS["bob"], to="//evil.test")

    for told in (headers, nothing):
        policy = told["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert "no-store" == told["cache-control"]
    cookie = login.headers["set-cookie"]
    for word in ("__Host-", "HttpOnly", "Secure", "SameSite=lax", "Path=/"):
        assert word in cookie
    assert "/board/" == login.headers["location"]


async def test_logins_are_limited(site: Site) -> None:
    """After ten wrong tokens an address has to wait, even with the right one; others need not."""
    before = len(site.audit())
    async with site.browser(peer="198.51.100.9") as guessing, site.browser(peer="198.51.100.10") as other:
        statuses = [(await guessing.post("login", token=f"guess-{number}")).status_code for number in range(10)]
        limited = await guessing.post("login", token=TOKENS["ada"])
        admitted = await other.post("login", token=TOKENS["ada"])

    assert [403] * 10 == statuses
    assert 429 == limited.status_code
    assert int(limited.headers["retry-after"]) > 0
    assert 303 == admitted.status_code
    assert 10 == sum(why == "wrong token" for _, why in refusals(site, before))


async def test_open_on_loopback_alone(site: Site) -> None:
    """Where nobody needs a login, only who sits at this machine is let in: no tunnel, no other host, no other name."""
    access = Access(Settings(), KEYS, is_open=True)

    def asks(peer: str, **headers: str) -> bool:
        from starlette.requests import Request

        raw = [(name.encode(), value.encode()) for name, value in {"host": "127.0.0.1:8080", **headers}.items()]
        request = Request({"type": "http", "headers": raw, "client": (peer, 1), "path": "/board/", "method": "GET"})
        return access.person(request, None) is not None

    assert asks("127.0.0.1")
    assert asks("::1", host="localhost")
    assert not asks("203.0.113.7")
    assert not asks("127.0.0.1", host="evil.test")
    assert not asks("127.0.0.1", **{"x-forwarded-for": "203.0.113.7"})


def test_a_session_ends_with_its_roles() -> None:
    """Who is given other roles, or another token, has to log in again: the cookie from before is worth nothing."""
    token = "0123456789abcdefghij"
    before = Access(Settings.model_validate({"board_token": f"ada:operator+approver:{token}"}), KEYS)
    cookie = before.sessions.cookie(before.sessions.fresh(before.tokens.person(token)))
    entries = {
        f"ada:operator+approver:{token}": True,
        f"ada:viewer:{token}": False,
        f"bob:operator+approver:{token}": False,
        f"ada:operator+approver:{token}-and-more": False,
    }

    for entry, holds in entries.items():
        after = Access(Settings.model_validate({"board_token": entry}), KEYS)
        assert holds is (after.sessions.read(cookie) is not None), entry


def test_a_board_that_nobody_could_enter() -> None:
    """A board without a login is refused, and so are tokens that can be guessed; no message holds a token."""
    with pytest.raises(ConfigurationError, match="RESOLUTE_BOARD_TOKEN"):
        Access(Settings(), KEYS)
    for text in ("short", "ada:boss:0123456789abcdefghij", ":viewer:0123456789abcdefghij"):
        with pytest.raises(ConfigurationError) as refused:
            Access(Settings.model_validate({"board_token": text}), KEYS)
        assert text.rpartition(":")[2] not in str(refused.value)


async def test_proxies_are_believed_by_their_address(site: Site) -> None:
    """Only a trusted proxy says who somebody is; who has no role there is nobody."""
    folder = site.board.journal.path.parent / uuid.uuid4().hex
    settings: dict[str, Any] = {
        "board_proxy_header": "X-User",
        "board_proxies": ("10.0.0.0/8",),
        "board_roles": "ada:approver",
    }
    async with Site.of(site.client, site.queue, folder, Environment({}), **settings) as behind:
        tried = (("10.1.2.3", "ada", 200), ("10.1.2.3", "eve", 303), ("203.0.113.7", "ada", 303))
        for peer, name, status in tried:
            async with behind.browser(peer=peer) as browser:
                assert status == (await browser.get("", headers={"X-User": name})).status_code, (peer, name)
        async with behind.browser(peer="10.1.2.3") as browser:
            doubled = httpx.Headers([("X-User", "ada"), ("X-User", "eve")])
            assert 303 == (await browser.get("", headers=doubled)).status_code


async def test_who_may_only_look(site: Site) -> None:
    """A viewer does nothing, an operator decides no gate, nobody does anything; each is in the audit log by name."""
    before = len(site.audit())
    run = await site.start(ASKING)
    await site.at(run, "approve", "running")
    fields = {"id": run.workflow_id, "gate": "approve", "decision": "approve", "field:region": "eu"}
    async with site.browser("bob") as bob, site.browser("olga") as olga, site.browser() as nobody:
        for word in ACTIONS:
            assert 403 == (await bob.post(f"do/{word}", **fields)).status_code, word
        refused = await olga.post("do/decide", **fields)
        unknown = await nobody.post("do/decide", **fields)
        missing = await olga.post("do/dance", **fields)
        pages = await bob.text(f"run?id={quote(run.workflow_id)}") + await bob.text("")
    found = await site.at(run, "approve", "running")
    await run.handle.cancel()

    assert (403, 401, 404) == (refused.status_code, unknown.status_code, missing.status_code)
    assert found.report is not None
    assert not found.report.step("approve").details["decisions"]
    assert "board/do/" not in pages
    entries = [(each.person, each.operation) for each in site.audit()[before:] if each.outcome == "refused"]
    assert {("bob", word) for word in ACTIONS} | {("olga", "decide"), (None, "decide"), ("olga", "dance")} == set(
        entries
    )


async def test_titles_are_a_strangers_text(site: Site) -> None:
    """What stands in inputs, outputs, names and addresses is shown as text, wherever it is shown."""
    run = await site.start(GREETING, {"names": ["<img src=x onerror=alert(1)>", '"><script>alert(1)</script>']})
    await run.result()
    said = quote('"><script>alert(1)</script>')

    async with site.browser("bob") as bob:
        shown = [
            await bob.text(f"run?id={quote(run.workflow_id)}&step={quote('all[1].greet')}"),
            await bob.text(f"run?id={quote(run.workflow_id)}&step={said}"),
            await bob.text(f"runs?q={said}&flow={said}&incident="),
            (await bob.get(f"flow?name={said}")).text,
        ]

    for page in shown:
        assert "<script>alert" not in page
        assert "<img" not in page


async def test_a_browser_without_a_name(site: Site) -> None:
    """Methods that no page has are refused."""
    async with site.browser("ada") as ada:
        browser: Browser = ada
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
            assert 405 == (await browser.http.request(method, "/board/")).status_code
