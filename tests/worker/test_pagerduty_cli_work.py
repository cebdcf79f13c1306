"""Maintenance, change events and new incidents at a terminal, against a simulator."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from resolute_pagerduty.simulator import Limits, Simulator
from resolute_pagerduty.simulator.world import WORLD
from tests.worker.terminal import Command, command, fresh


@pytest.fixture(scope="module")
def served() -> Iterator[Simulator]:
    with Simulator.serve(limits=Limits.none()) as sim:
        yield sim


@pytest.fixture
def sim(served: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Simulator:
    return fresh(served, monkeypatch, tmp_path)


@pytest.fixture
def resolute(sim: Simulator, capsys: pytest.CaptureFixture[str]) -> Command:
    """`resolute pagerduty ...`, with the simulator behind it."""
    assert sim.url
    return command(capsys, "pagerduty")


def ago(**length: float) -> datetime:
    return datetime.now(UTC) - timedelta(**length)


def test_an_incident_is_opened_by_names(resolute: Command, sim: Simulator) -> None:
    """Service, priority and assignee are named as people name them."""
    answer = resolute(
        "create", "Checkout is down", "--service", "checkout", "--priority", "p1", "--assignee", "bo@harbour.example",
        "--urgency", "high", "--description", "Customers cannot pay",
    )  # fmt: skip
    (incident,) = sim.incidents()

    assert 0 == answer.code
    assert answer.printed.startswith("opened: #1 Checkout is down  triggered")
    assert (WORLD.checkout_service, WORLD.p1, [WORLD.bo]) == (
        incident.service_id, incident.priority_id, [each.id for each in incident.assignments],
    )  # fmt: skip
    assert {"type": "incident_body", "details": "Customers cannot pay"} == incident.body


def test_an_incident_with_a_key_is_opened_once(resolute: Command, sim: Simulator) -> None:
    """A script may give the command again with the same key; where the first answer was lost, it says which key."""
    given = ["create", "Slow", "--service", "checkout", "--key", "shift-7", "--json"]

    made = [resolute(*given).json["created"] for _ in "123"]

    assert ([True, False, False], 1) == (made, len(sim.incidents()))


def test_a_creation_without_an_answer_is_one_incident(resolute: Command, sim: Simulator) -> None:
    """The answer is lost after PagerDuty opened it: the command tries again, and finds it."""
    sim.faults.add(action="reset", method="POST", path="/incidents", after=True)

    answer = resolute("create", "Slow", "--service", "checkout")

    assert (0, 1) == (answer.code, len(sim.incidents()))


def test_a_refused_creation_names_its_key(resolute: Command, sim: Simulator) -> None:
    """Whoever gives the command again does not open a second incident."""
    sim.faults.add(action="status", status=403, method="POST", path="/incidents")

    answer = resolute("create", "Slow", "--service", "checkout", "--key", "shift-7")

    assert 1 == answer.code
    assert "to try again without a second incident: --key shift-7" in answer.said


def test_changes_are_told_and_listed(resolute: Command, sim: Simulator) -> None:
    """What is told at the terminal is listed there, for all, a service, a team and several services."""
    told = resolute(
        "change", "Deployed checkout 1.4.2", "--details", '{"commit": "abc"}', "--link", "https://ci.example/7"
    )
    sim.add_change("Elsewhere", routing_key=WORLD.search_routing_key, at=ago(hours=1))
    sim.add_change("Long ago", routing_key=WORLD.routing_key, at=ago(days=30))

    def listed(*arguments: str) -> list[str]:
        return [each["summary"] for each in resolute("changes", *arguments, "--json").json["change_events"]]

    assert (0, "sent: Deployed checkout 1.4.2\n") == (told.code, told.printed)
    assert ["Deployed checkout 1.4.2", "Elsewhere"] == listed()
    assert ["Deployed checkout 1.4.2"] == listed("--service", "payments api") == listed("--team", "payments")
    assert ["Deployed checkout 1.4.2", "Elsewhere"] == listed("--service", "search", "--service", "payments api")
    assert ["Deployed checkout 1.4.2", "Elsewhere", "Long ago"] == listed("--since", "60d")
    assert WORLD.routing_key not in resolute("changes", "--json").printed


def test_a_long_list_of_changes_says_that_it_goes_on(resolute: Command, sim: Simulator) -> None:
    """Nothing is left out silently."""
    for number in range(3):
        sim.add_change(f"Deploy {number}", routing_key=WORLD.routing_key, at=ago(minutes=10 - number))

    for arguments in (["--limit", "2"], ["--limit", "2", "--service", "payments api"]):
        answer = resolute("changes", *arguments)

        assert "there are more: --limit 8" in answer.printed
        assert ("Deploy 2" in answer.printed, "Deploy 0" in answer.printed) == (True, False)


def test_the_changes_that_may_have_caused_an_incident(resolute: Command, sim: Simulator) -> None:
    """With the reason that PagerDuty gives."""
    sim.add_change("Deployed", routing_key=WORLD.routing_key, at=ago(hours=1))
    sim.add_incident("Slow", WORLD.service)

    answer = resolute("changes", "--incident", "#1")

    assert ["Deployed", "most_recent"] == answer.printed.splitlines()[1].split()[-2:]
    assert "no changes in that period\n" == resolute("changes", "--service", "search").printed


def test_maintenance_is_started_listed_and_ended(resolute: Command, sim: Simulator) -> None:
    """A service is quiet from now on; the list shows it as going on, and it can be ended before its time."""
    nothing = resolute("maintenance", "list").printed
    made = resolute(
        "maintenance", "start", "--service", "checkout", "--service", "search", "--until", "+2h",
        "--description", "Upgrade", "--json",
    ).json  # fmt: skip
    window = made["maintenance_window"]["id"]
    line = resolute("maintenance", "list", "--service", "checkout").printed.splitlines()[1]
    ended = resolute("maintenance", "end", window)

    assert "no maintenance is ongoing or planned\n" == nothing
    assert {WORLD.checkout_service, WORLD.search_service} == {
        each["id"] for each in made["maintenance_window"]["services"]
    }
    assert [window, "ongoing"] == line.split()[:2]
    assert "Upgrade" in line
    assert (0, "maintenance of Checkout, Search has ended") == (ended.code, ended.said.strip())
    assert "no maintenance is ongoing or planned\n" == resolute("maintenance", "list").printed
    assert "ended" in resolute("maintenance", "list", "--all").printed.splitlines()[1]
    assert "had already ended" in resolute("maintenance", "end", window).said


def test_maintenance_to_come_is_called_off(resolute: Command, sim: Simulator) -> None:
    """It is planned with two times, listed as to come, and gone when it is ended."""
    started = resolute("maintenance", "start", "--service", "checkout", "--from", "+1h", "--until", "+3h")
    (window,) = sim.account.state.windows
    line = resolute("maintenance", "list").printed.splitlines()[1]

    assert f"resolute pagerduty maintenance end {window}" in started.printed
    assert [window, "planned"] == line.split()[:2]
    assert 0 == resolute("maintenance", "end", window).code
    assert {} == sim.account.state.windows


def test_maintenance_that_is_refused_for_now_is_tried_again(resolute: Command, sim: Simulator) -> None:
    """A rate limit passes: there is one window, and nobody has to give the command again."""
    sim.faults.add(action="rate_limit", method="POST", path="/maintenance_windows", reset_seconds=0)

    answer = resolute("maintenance", "start", "--service", "checkout", "--until", "+2h")

    assert (0, 1) == (answer.code, len(sim.account.state.windows))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["create", " ", "--service", "checkout"], "the title is empty"),
        (["create", "Slow", "--service", "chekout"], "there is no service 'chekout' (did you mean 'Checkout'?)"),
        (["create", "Slow", "--service", "checkout", "--priority", "P9"], "there is no priority 'P9'"),
        (["create", "Slow", "--service", "checkout", "--policy", "Payments", "--assignee", "Bo"], "exclude each other"),
        (["changes", "--service", "checkout", "--team", "payments"], "exclude each other"),
        (["changes", "--since", "soon"], "'soon' is not a time"),
        (["change", "Deployed", "--details", "[]"], "--details is not a JSON object"),
        (["change", "x" * 2000], "PagerDuty accepts 1,024"),
        (["maintenance", "start", "--service", "checkout", "--until", "2h"], "with a plus sign, such as +2h"),
        (["maintenance", "start", "--service", "checkout", "--from", "+3h", "--until", "+2h"], "is not after --from"),
    ],
)
def test_a_wrong_call_is_one_line_and_code_2(resolute: Command, arguments: list[str], message: str) -> None:
    """A person is told what to do, and nothing was changed."""
    answer = resolute(*arguments)

    assert (2, "") == (answer.code, answer.printed)
    assert message in answer.said
    assert 1 == len(answer.said.splitlines())


def test_a_mistyped_window_is_not_over(resolute: Command) -> None:
    """Whoever mistypes an id is told that there is no such window, instead of that it has ended."""
    answer = resolute("maintenance", "end", "PNOTHING")

    assert 1 == answer.code
    assert "404" in answer.said
