"""Webhook subscriptions at a terminal: made with a secret that is shown once, tried, and mended."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from resolute_pagerduty.simulator import Limits, Simulator
from resolute_pagerduty.simulator.world import WORLD
from resolute_pagerduty.webhooks import EVENT_TYPES
from tests.patience import PATIENCE
from tests.providers.simulator.receiver import listening
from tests.worker.terminal import Command, command, fresh


@pytest.fixture(scope="module")
def served() -> Iterator[Simulator]:
    with Simulator.serve(limits=Limits.none()) as sim:
        yield sim


@pytest.fixture
def sim(served: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Simulator:
    return fresh(served, monkeypatch, tmp_path)


@pytest.fixture
def webhooks(sim: Simulator, capsys: pytest.CaptureFixture[str]) -> Command:
    """`resolute pagerduty webhooks ...`, with the simulator behind it."""
    assert sim.url
    return command(capsys, "pagerduty", "webhooks")


HOOK = "https://hooks.example/pagerduty"


def test_the_secret_is_shown_once_and_nowhere_else(webhooks: Command, sim: Simulator, tmp_path: Path) -> None:
    """The line on stdout can be put into the worker's environment; stderr, audit log and later answers know nothing."""
    made = webhooks("create", HOOK)
    secret = made.printed.strip().removeprefix("PAGERDUTY_WEBHOOK_SECRET=")
    listed = webhooks("list", "--json")

    assert 0 == made.code
    assert [[secret]] == [each.secrets for each in sim.account.state.subscriptions.values()]
    assert secret not in made.said
    assert secret not in (tmp_path / "audit.jsonl").read_text()
    assert secret not in listed.printed


def test_the_secret_can_go_to_a_file(webhooks: Command, sim: Simulator, tmp_path: Path) -> None:
    """A file for its owner alone, and the secret is not shown at all."""
    file = tmp_path / "secret"

    made = webhooks("create", HOOK, "--secret-file", str(file), "--json")

    [subscription] = sim.account.state.subscriptions.values()
    assert [file.read_text()] == subscription.secrets
    assert 0o600 == file.stat().st_mode & 0o777
    assert file.read_text() not in made.printed + made.said
    assert str(file) == made.json["secret_file"]


def test_a_subscription_is_for_what_was_asked(webhooks: Command, sim: Simulator) -> None:
    """Event types and the service are those that were named; the service by its name."""
    webhooks("create", HOOK, "--event", "incident.triggered", "--service", "checkout", "--description", "pager")
    webhooks("create", HOOK, "--all-events")

    one, every = sim.account.state.subscriptions.values()
    assert ["incident.triggered"] == one.events
    assert ("service_reference", WORLD.checkout_service) == (one.filter_type, one.filter_id)
    assert set(EVENT_TYPES) == set(every.events)
    lines = webhooks("list").printed.splitlines()
    assert "delivers" in lines[1]
    assert f"service {WORLD.checkout_service}" in lines[1]
    assert "pager" in lines[1]


def test_a_lost_answer_leaves_one_subscription(
    webhooks: Command, sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The secret of a lost answer is lost: what it was for is removed, and the one that stays has the secret shown."""
    monkeypatch.setenv("PAGERDUTY_SETTLE_SECONDS", "1")
    sim.faults.add(action="reset", method="POST", path="/webhook_subscriptions", after=True)

    made = webhooks("create", HOOK, "--json")

    [subscription] = sim.account.state.subscriptions.values()
    assert [made.json["secret"]] == subscription.secrets


def test_a_ping_arrives(webhooks: Command, sim: Simulator) -> None:
    """Whether PagerDuty reaches the worker can be tried without any incident."""
    with listening() as receiver:
        subscription = sim.add_webhook(receiver.url)

        assert 0 == webhooks("ping", subscription.id).code

        sim.wait_for(lambda: bool(receiver.received), PATIENCE)
    assert b"pagey.ping" in receiver.received[0].body


def test_what_pagerduty_disabled_is_shown_and_repaired(webhooks: Command, sim: Simulator) -> None:
    """Three refused deliveries, and PagerDuty delivers no more: the list says so, repair enables and pings."""
    with listening() as receiver:
        broken, fine = sim.add_webhook(receiver.url), sim.add_webhook(receiver.url)
        broken.disabled_until = sim.clock.now() + timedelta(hours=12)

        listed = webhooks("list")
        repaired = webhooks("repair", "--json")
        again = webhooks("repair")

        sim.wait_for(lambda: bool(receiver.received), PATIENCE)
    assert "disabled by PagerDuty" in next(line for line in listed.printed.splitlines() if broken.id in line)
    assert "delivers" in next(line for line in listed.printed.splitlines() if fine.id in line)
    assert "resolute pagerduty webhooks repair" in listed.said
    assert [(broken.id, True, "enabled and pinged")] == [
        (each["id"], each["delivers"], each["did"]) for each in repaired.json["repaired"]
    ]
    assert "nothing is disabled\n" == again.printed


def test_one_that_is_switched_off_is_said(webhooks: Command, sim: Simulator) -> None:
    """What a person switched off is not switched on behind their back; the code is 1."""
    subscription = sim.add_webhook(HOOK)
    subscription.active = False

    answer = webhooks("repair", subscription.id)

    assert 1 == answer.code
    assert "switched off" in answer.said


def test_enable_and_delete(webhooks: Command, sim: Simulator) -> None:
    """One can be enabled by its id; deleting asks first, and again is a success."""
    subscription = sim.add_webhook(HOOK)
    subscription.disabled_until = sim.clock.now() + timedelta(hours=12)

    enabled = webhooks("enable", subscription.id)
    unasked = webhooks("delete", subscription.id)
    still = len(sim.account.state.subscriptions)
    deleted = [webhooks("delete", subscription.id, "--yes").code for _ in range(2)]

    assert "delivers" in enabled.printed
    assert (2, 1) == (unasked.code, still)
    assert "--yes" in unasked.said
    assert ([0, 0], {}) == (deleted, sim.account.state.subscriptions)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["create", HOOK, "--event", "incidents.triggered"], "did you mean 'incident.triggered'?"),
        (["create", HOOK, "--service", "a", "--team", "b"], "exclude each other"),
        (["create", HOOK, "--team", "paymnts"], "did you mean 'Payments'?"),
        (["create", "hooks.example"], "url"),
        (["create", HOOK, "--secret-file", "/no/such/folder/secret"], "secret_file"),
        (["repair", "PNOTHERE"], "there is no subscription PNOTHERE"),
    ],
)
def test_a_wrong_call_is_one_line_and_code_2(
    webhooks: Command, sim: Simulator, arguments: list[str], message: str
) -> None:
    """What is wrong is named before anything is made."""
    answer = webhooks(*arguments)

    assert (2, "", 1) == (answer.code, answer.printed, len(answer.said.splitlines()))
    assert message in answer.said
    assert {} == sim.account.state.subscriptions


def test_an_empty_list_is_said(webhooks: Command) -> None:
    """No subscription is no mistake."""
    assert (0, "there is no subscription\n") == (webhooks("list").code, webhooks("list").printed)
