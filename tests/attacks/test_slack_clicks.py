"""Clicks that are none: forged, recorded, from elsewhere, or on buttons that somebody has made up."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
from slack_sdk.signature import Clock, SignatureVerifier
from temporalio.client import Client

from resolute.providing.audit import AuditEntry, NoAudit, read_audit
from resolute.providing.refusals import PER_MINUTE, Refusals
from resolute.temporal.client.buttons import Button, read_button
from resolute.temporal.trust.seals import PlanKeys
from resolute.temporal.trust.tokens import BadLinkError
from resolute_slack.signing import WINDOW, problem_of, sign
from resolute_slack.simulator.clicking import signed
from tests.clicking import ADA, EDSGER, PATH, Office, office
from tests.keys import KEYS
from tests.patience import PATIENCE

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
NOW = 1_800_000_000.0


@pytest.fixture(scope="module")
async def at(temporal_client: Client, audit: Path) -> AsyncIterator[Office]:
    """Every test has a run and a message of its own."""
    async with office(temporal_client, audit) as found:
        yield found


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The audit log of all of them."""
    return tmp_path_factory.mktemp("slack") / "audit.jsonl"


async def refused(audit: Path, number: int, since: int) -> list[AuditEntry]:
    """The clicks that were refused since then, as soon as there are so many: they are written after the answer."""
    async with asyncio.timeout(PATIENCE):
        while len(found := [each for each in clicks(audit)[since:] if each.outcome == "refused"]) < number:
            await asyncio.sleep(0.05)
    return found


def clicks(audit: Path) -> list[AuditEntry]:
    """What the audit log says of clicks."""
    return [each for each in read_audit(audit) if each.method == "-"]


def changed(body: bytes, *, user: Any = None, **action: str) -> bytes:
    """A click on another button, or by another person."""
    payload: Any = json.loads(parse_qs(body.decode())["payload"][0])
    payload["user"] = user or payload["user"]
    payload["actions"][0].update(action)
    return urlencode({"payload": json.dumps(payload)}).encode()


async def test_only_slack_can_click(at: Office, audit: Path) -> None:
    """Without a signature, with another secret, with another body or time, a request is refused and decides nothing.

    Each is in the audit log, with what was wrong with it.
    """
    before = len(clicks(audit))
    run, message = await at.ask()
    headers, body = at.sim.click(message, "Approve", by=ADA)
    stamp = headers["x-slack-request-timestamp"]
    attempts: list[tuple[Mapping[str, str], bytes]] = [
        ({}, body),
        ({**headers, "x-slack-signature": ""}, body),
        ({**headers, "x-slack-signature": sign(body, stamp, "another secret")}, body),
        ({**headers, "x-slack-request-timestamp": str(int(stamp) + 1)}, body),
        ({**headers, "x-slack-request-timestamp": "soon"}, body),
        ({**headers, "x-slack-signature": "v0=é"}, body),
        (headers, changed(body, action_id="resolute_reject")),
        (headers, body + b"&x=1"),
        *[signed(body, at.sim.world.signing_secret, time.time() + way * (WINDOW + 60)) for way in (-1, 1)],
    ]

    statuses = [
        (
            await at.http.post(
                PATH, headers=[(name.encode(), value.encode()) for name, value in sent.items()], content=content
            )
        ).status_code
        for sent, content in attempts
    ]

    assert [401] * len(attempts) == statuses
    said = [each.error or "" for each in await refused(audit, len(attempts), before)]
    assert len(attempts) == len(said)
    assert 2 == sum("sent again by somebody" in each for each in said)
    assert 5 == sum("does not fit" in each for each in said)
    assert ([], False) == (await at.decisions(run), message.edited)


async def test_a_recorded_click_decides_once(at: Office, audit: Path) -> None:
    """A click that is sent again within its five minutes is refused by the run: a person decides once.

    The decision and the refusal are in the audit log, with the person, the run and the gate.
    """
    before = len(clicks(audit))
    run, message = await at.ask()
    headers, body = at.sim.click(message, "Approve", by=ADA)

    await at.send(headers, body)
    await run.result()
    await at.sim.until(lambda: message.edited)
    heard = len(at.sim.whispers(ADA))
    await at.send(headers, body)
    await at.sim.until(lambda: len(at.sim.whispers(ADA)) > heard)

    assert ["Ada@Example.com approved"] == await at.decisions(run)
    again = await refused(audit, 1, before)
    known = (ADA, "approve", "clicked", run.workflow_id, "approve")
    assert [known] == [(each.person, each.operation, each.flow, each.run, each.step) for each in again]
    assert [("done", *known)] == [
        (each.outcome, each.person, each.operation, each.flow, each.run, each.step)
        for each in clicks(audit)[before:]
        if each.outcome != "refused"
    ]


async def test_who_is_no_approver_clicks_for_nothing(at: Office, audit: Path) -> None:
    """A member of the workspace whom the gate does not name decides nothing, and is in the audit log by name."""
    before = len(clicks(audit))
    run, message = await at.ask()
    await at.click(message, "Approve", by=EDSGER)
    await at.sim.until(lambda: at.sim.whispers(EDSGER))

    assert [] == await at.decisions(run)
    assert [(EDSGER, run.workflow_id)] == [(each.person, each.run) for each in await refused(audit, 1, before)]


@pytest.mark.parametrize("who", ["elsewhere", "deleted"])
async def test_an_address_of_another_workspace_proves_nothing(at: Office, audit: Path, who: str) -> None:
    """Members of another workspace, who can give themselves any address, and former members decide nothing."""
    before = len(clicks(audit))
    run, message = await at.ask()
    team = "T0OTHER" if who == "elsewhere" else None
    imposter = at.sim.add_user(ADA, "Ada", team=team, deleted=who == "deleted")
    _, body = at.sim.click(message, "Approve", by=ADA)

    await at.send(*signed(changed(body, user={"id": imposter.id}), at.sim.world.signing_secret))
    await at.sim.until(lambda: any(each.whispered_to == imposter.id for each in at.sim.state.messages))

    assert [] == await at.decisions(run)
    assert [f"Slack user {imposter.id}"] == [each.person for each in await refused(audit, 1, before)]


async def test_a_made_up_button_decides_nothing(at: Office) -> None:
    """A button whose seal was not made with a plan key, or that was made for a link, decides no gate."""
    run, message = await at.ask()
    button = read_button(message.buttons[0]["value"], KEYS, datetime.now(UTC))
    other = PlanKeys((type(KEYS.keys[0])("another key of somebody else, long enough"),))
    _, body = at.sim.click(message, "Approve", by=ADA)
    for value in (button.token(other), "rbutton_x", f"rlink_{message.buttons[0]['value'][8:]}"):
        heard = len(at.sim.whispers(ADA))
        await at.send(*signed(changed(body, value=value), at.sim.world.signing_secret))
        await at.sim.until(lambda heard=heard: len(at.sim.whispers(ADA)) > heard)
        assert "is not valid" in at.sim.whispers(ADA)[-1].text

    assert ([], False) == (await at.decisions(run), message.edited)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"payload=%7B", 400),
        (b"payload=[]", 400),
        (b"\xff\xfe", 400),
        (b"payload=" + b"%5B" * 20_000, 400),
        (b"&".join(b"a=1" for _ in range(30)), 400),
        (b"payload=%7B%22type%22%3A%22block_actions%22%7D", 200),
        (b"payload=%7B%22type%22%3A%22view_submission%22%7D", 200),
        (b"ssl_check=1&token=x", 200),
        (b"x" * (1024 * 1024 + 1), 413),
    ],
    ids=["cut", "list", "bytes", "deep", "fields", "empty", "other", "ssl", "large"],
)
async def test_what_is_no_click_is_answered(at: Office, body: bytes, status: int) -> None:
    """Whatever is signed and no click on a gate is answered without harm."""
    headers, _ = signed(body, at.sim.world.signing_secret)

    assert status == (await at.send(headers, body)).status_code


def test_a_button_is_for_its_gate_and_its_time() -> None:
    """A token holds for the names that it was made with, until its end, and not as a link."""
    until = datetime(2026, 3, 2, 13, 0, tzinfo=UTC)
    button = Button(flow="f", workflow_id="f/1", run="r", gate="approve", until=until)

    assert button == read_button(button.token(KEYS), KEYS, until - timedelta(seconds=1))
    for token, now in ((button.token(KEYS), until), (button.token(KEYS)[:-4], until - timedelta(seconds=1))):
        with pytest.raises(BadLinkError):
            read_button(token, KEYS, now)


class _At(Clock):
    def now(self) -> float:
        return NOW


@pytest.mark.parametrize("offset", [0, WINDOW, -WINDOW, WINDOW + 1, -WINDOW - 1])
@pytest.mark.parametrize("secret", [SECRET, "another"])
def test_signatures_are_judged_as_slacks_own_library_does(offset: int, secret: str) -> None:
    """What Slack's library accepts is accepted here, and nothing else."""
    body, stamp = b"payload=%7B%7D", str(int(NOW) + offset)
    headers = {"x-slack-signature": sign(body, stamp, secret), "x-slack-request-timestamp": stamp}
    theirs = SignatureVerifier(SECRET, _At()).is_valid_request(body, headers)

    assert theirs == (problem_of(headers, body, SECRET, NOW) == "")


async def test_strangers_cannot_push_the_log_out_of_itself() -> None:
    """Of what is refused so many a minute are written; of the others only how many there were."""
    now, written = [0.0], Kept()
    refusals = Refusals(lambda: now[0])
    at = datetime(2026, 1, 1, tzinfo=UTC)
    entry = AuditEntry(time=at, account="slack", operation="click", method="-", resource="/", outcome="refused")
    passed = [refusals.passes() for _ in range(PER_MINUTE + 30)]
    now[0] = 61
    assert refusals.passes()
    await refusals.write(written, entry)

    assert [True] * PER_MINUTE + [False] * 30 == passed
    assert ["30 more requests were refused", None] == [each.error for each in written.entries]


class Kept(NoAudit):
    """Keeps what is refused."""

    def __init__(self) -> None:
        self.entries: list[AuditEntry] = []

    async def refused(self, entry: AuditEntry) -> None:
        self.entries.append(entry)
