"""The questions that people ask PagerDuty at a terminal, against a simulator; no Temporal is anywhere near."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from resolute.providing.audit import AuditEntry, read_audit
from resolute_pagerduty.simulator import Limits, Simulator
from resolute_pagerduty.simulator.world import WORLD
from tests.worker.processes import resolute as resolute_process
from tests.worker.terminal import Command, command, fresh, variables


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


def audited(folder: Path) -> list[AuditEntry]:
    return list(read_audit(folder / "audit.jsonl"))


def test_who_is_on_call_for_the_payments_team(resolute: Command) -> None:
    """The team is named as people name it, and everybody of its escalation policies is shown, level by level."""
    answer = resolute("oncall", "--team", "payments")

    lines = answer.printed.splitlines()
    assert 0 == answer.code
    assert ["Payments", "1", "Ada", "Moreno"] == lines[1].split()[:4]
    assert ["Payments", "2", "Chen", "Wei"] == lines[2].split()[:4]
    assert 3 == len(lines)


def test_all_open_incidents(resolute: Command, sim: Simulator) -> None:
    """Open incidents are asked for however old they are, the newest first; PagerDuty itself stops at a month."""
    sim.add_incident("Forgotten", WORLD.search_service, created_at=ago(hours=3))
    sim.add_incident("Done", WORLD.service, created_at=ago(hours=2), resolved_at=ago(hours=1))
    sim.add_incident("New", WORLD.service)

    answer = resolute("incidents", "--json")

    assert ["New", "Forgotten"] == [each["title"] for each in answer.json["incidents"]]
    assert ["all"] == sim.requests[-1].query["date_range"]


def test_this_weeks_incidents_of_the_checkout_service(resolute: Command, sim: Simulator) -> None:
    """With a time, what is resolved counts as well; other services and older incidents do not."""
    sim.add_incident("Slow", WORLD.checkout_service, created_at=ago(days=3), resolved_at=ago(days=2))
    sim.add_incident("Last month", WORLD.checkout_service, created_at=ago(days=20), resolved_at=ago(days=19))
    sim.add_incident("Elsewhere", WORLD.search_service, created_at=ago(days=1), resolved_at=ago(hours=20))

    answer = resolute("incidents", "--service", "checkout", "--since", "7d", "--json")

    assert [("Slow", "resolved")] == [(each["title"], each["status"]) for each in answer.json["incidents"]]


@pytest.mark.parametrize("named", ["1", "#1", "https://harbour.pagerduty.com/incidents/{id}", "{id}"])
def test_the_timeline_of_an_incident(resolute: Command, sim: Simulator, named: str) -> None:
    """An incident is named by number, #number, id or address; what happened is told from the beginning."""
    incident = sim.add_incident(
        "Slow", WORLD.service, created_at=ago(hours=1), acknowledged_at=ago(minutes=50), resolved_at=ago(minutes=40)
    )

    answer = resolute("timeline", named.format(id=incident.id), "--json")

    types = [each["type"].removesuffix("_log_entry") for each in answer.json["log_entries"]]
    assert 0 == answer.code
    assert ("trigger", "resolve") == (types[0], types[-1])
    assert types.index("acknowledge") < types.index("resolve")


def test_an_incident_is_shown_with_its_alerts_and_notes(resolute: Command, sim: Simulator) -> None:
    """One command shows what people look for first: the facts, what the monitors said, and what colleagues noted."""
    sim.trigger("Pool [exhausted]", routing_key=WORLD.routing_key, dedup_key="pool")
    resolute("note", "1", "Restarted it")

    answer = resolute("incident", "1")

    assert 0 == answer.code
    for text in ("#1 Pool [exhausted]", "triggered", "Payments API", "Ada Moreno", "Restarted it"):
        assert text in answer.printed


def test_a_pipe_gets_whole_lines(resolute: Command, sim: Simulator) -> None:
    """However long a title is, an incident is one line, without colours: what grep and awk need."""
    title = "Everything is slow " * 20
    sim.add_incident(title.strip(), WORLD.service)

    answer = resolute("incidents")

    assert 2 == len(answer.printed.splitlines())
    assert title.strip() in answer.printed
    assert "\x1b" not in answer.printed


def test_nothing_found_is_said(resolute: Command) -> None:
    """No incident is good news and no mistake."""
    assert (0, "no incident is open\n") == (
        resolute("incidents").code,
        resolute("incidents").printed,
    )
    assert {"incidents": [], "more": False} == resolute("incidents", "--json").json


def test_a_long_list_says_that_it_goes_on(resolute: Command, sim: Simulator) -> None:
    """Nothing is left out silently: there is a word for it, and how to see more."""
    for number in range(5):
        sim.add_incident(f"Slow {number}", WORLD.service, created_at=ago(minutes=10 - number))

    answer = resolute("incidents", "--limit", "2")

    assert "there are more: --limit 8" in answer.printed
    assert (["Slow 4", "Slow 3"], True) == (
        [each["title"] for each in resolute("incidents", "--limit", "2", "--json").json["incidents"]],
        resolute("incidents", "--limit", "2", "--json").json["more"],
    )


def test_a_time_of_any_length_is_listed(resolute: Command, sim: Simulator) -> None:
    """PagerDuty lists six months at most; a longer time is read in parts, and the order stays."""
    for days in (20, 250, 420):
        sim.add_incident(f"{days}", WORLD.service, created_at=ago(days=days), resolved_at=ago(days=days - 1))

    answer = resolute("incidents", "--since", "500d", "--json")

    assert ["20", "250", "420"] == [each["title"] for each in answer.json["incidents"]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["oncall", "--team", "paymnts"], "there is no team 'paymnts' (did you mean 'Payments'?)"),
        (["incidents", "--team", "P"], "'P' is 2 teams: Payments (PTEAMPAY), Platform (PTEAMPLA)"),
        (["incidents", "--since", "soon"], "'soon' is not a time: write it like 7d"),
        (["incidents", "--until", "7d"], "--until requires --since"),
        (["incidents", "--since", "1d", "--until", "2d"], "--since is not before --until"),
        (["incident", "no such"], "'no such' is not an incident"),
        (["incidents", "--account", "eu"], "no PagerDuty account 'eu'"),
        (["ack"], "name one or more incidents"),
        (["note", "1", " "], "the note is empty"),
        (["trigger", "Slow", "--details", "[]"], "--details is not a JSON object"),
        (["trigger", "x" * 2000], "PagerDuty accepts 1,024"),
        (["trigger", "Slow", "--routing-key-env", "NOT_SET"], "NOT_SET is not set"),
    ],
)
def test_a_wrong_call_is_one_line_and_code_2(resolute: Command, arguments: list[str], message: str) -> None:
    """Scripts can tell a wrong call from a failure, and a person is told what to do; nobody sees a traceback."""
    answer = resolute(*arguments)

    assert (2, "") == (answer.code, answer.printed)
    assert message in answer.said
    assert 1 == len(answer.said.splitlines())


def test_what_is_not_there_is_code_1(resolute: Command) -> None:
    """The call was right, and PagerDuty says no."""
    answer = resolute("incident", "4711")

    assert (1, "") == (answer.code, answer.printed)
    assert "404" in answer.said
    assert 1 == len(answer.said.splitlines())


def test_a_missing_key_names_the_setting(resolute: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who starts without settings is told which one is missing."""
    monkeypatch.delenv("PAGERDUTY_API_KEY")

    answer = resolute("incidents")

    assert 2 == answer.code
    assert "PAGERDUTY_API_KEY" in answer.said


def test_a_wrong_key_gives_a_hint_and_is_not_shown(resolute: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused key is code 2, the service region is named as a cause, and the key itself stays out of sight."""
    monkeypatch.setenv("PAGERDUTY_API_KEY", "a-wrong-key-that-is-secret")

    answer = resolute("incidents")

    assert 2 == answer.code
    assert "PAGERDUTY_REGION" in answer.said
    assert "a-wrong-key-that-is-secret" not in answer.said


def test_several_accounts_go_by_name(
    resolute: Command, sim: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`--account` chooses one of them; each has its own settings."""
    monkeypatch.setenv("PAGERDUTY_ACCOUNTS", "reader")
    monkeypatch.setenv("PAGERDUTY_READER_API_KEY", WORLD.read_only_key)
    monkeypatch.setenv("PAGERDUTY_READER_API_URL", sim.url)

    sim.add_incident("Slow", WORLD.service)

    answers = [resolute("ack", "1", "--account", "reader"), resolute("ack", "1")]

    assert [2, 0] == [each.code for each in answers]
    assert "PAGERDUTY_READER_FROM_EMAIL" in answers[0].said
    assert ["reader", "reader", "default", "default"] == [each.account for each in audited(tmp_path)]


def test_services_and_schedules_are_listed(resolute: Command) -> None:
    """A part of the name narrows the list; a schedule is shown with who is on call by it now."""
    services = resolute("services", "check", "--json").json["services"]
    schedules = resolute("schedules", "--team", "platform", "--json").json
    on_call = resolute("oncall", "--schedule", "Platform Primary", "--json").json["oncalls"]

    assert ["Checkout"] == [each["name"] for each in services]
    assert ["Platform Primary"] == [each["name"] for each in schedules["schedules"]]
    assert {WORLD.platform_schedule: [each["user"]["summary"] for each in on_call]} == schedules["on_call_now"]


def test_an_alert_is_triggered_and_resolved_by_its_key(resolute: Command, sim: Simulator) -> None:
    """What is triggered at the terminal can be resolved there with the key that was printed."""
    key = resolute("trigger", "Disk full", "--details", '{"disk": "97 %"}', "--json").json["dedup_key"]
    opened = [each.status for each in sim.incidents()]

    answer = resolute("resolve", "--dedup-key", key)

    assert (["triggered"], ["resolved"]) == (opened, [each.status for each in sim.incidents()])
    assert 0 == answer.code


def test_a_trigger_without_an_answer_is_one_alert(resolute: Command, sim: Simulator) -> None:
    """The first answer is lost after PagerDuty took the event: the command tries again, and there is one incident."""
    sim.faults.add(action="reset", method="POST", path="/v2/enqueue", after=True)

    answer = resolute("trigger", "Disk full")

    assert 0 == answer.code
    assert 1 == len(sim.incidents())
    assert "retrying" in answer.said


def test_incidents_are_acknowledged_and_resolved(resolute: Command, sim: Simulator) -> None:
    """Several go in one request; what is resolved is not opened again, and that is said."""
    for number in range(2):
        sim.add_incident(f"Slow {number}", WORLD.service)
    sim.add_incident("Done", WORLD.service, created_at=ago(hours=2), resolved_at=ago(hours=1))

    first = resolute("ack", "1", "2", "3", "--json").json
    resolute("resolve", "1", "--note", "Restarted")

    assert [True, True, False] == [each["changed"] for each in first]
    assert ["resolved", "acknowledged", "resolved"] == [each.status for each in sim.incidents()]


def test_a_note_with_a_key_is_added_once(resolute: Command, sim: Simulator) -> None:
    """A script may give the command again with the same key, as often as it likes."""
    incident = sim.add_incident("Slow", WORLD.service)

    ids = {resolute("note", incident.id, "Looked at it", "--key", "shift-7", "--json").json["note_id"] for _ in "123"}

    assert 1 == len(ids)
    assert 1 == len(resolute("incident", "1", "--json").json["notes"])


def test_metrics_are_shown_by_service(resolute: Command, sim: Simulator) -> None:
    """Counts, MTTA and MTTR, a line for each service that had incidents."""
    sim.add_incident(
        "Slow",
        WORLD.service,
        created_at=ago(hours=30),
        acknowledged_at=ago(hours=29, minutes=50),
        resolved_at=ago(hours=29),
        by=WORLD.ada,
    )

    line = resolute("metrics", "--since", "7d").printed.splitlines()[1]

    assert ["Payments", "API", "1", "0:10:00", "1:00:00"] == line.split()[:5]


def test_a_read_only_provider_refuses_and_says_so(
    resolute: Command, sim: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Grants hold at the terminal as they do on a worker: nothing is sent, and the audit log knows who tried."""
    monkeypatch.setenv("PAGERDUTY_READ_ONLY", "true")
    sim.add_incident("Slow", WORLD.service)

    answer = resolute("ack", "1")

    assert 2 == answer.code
    assert "incidents:write" in answer.said
    assert [] == list(sim.requests)
    assert [("refused", "terminal")] == [(each.outcome, each.flow) for each in audited(tmp_path)]


def test_every_command_is_audited(resolute: Command, sim: Simulator, tmp_path: Path) -> None:
    """The log says what was asked, by which command of which person, and what came of it."""
    sim.add_incident("Slow", WORLD.service)

    resolute("ack", "1")

    assert [("getIncident", "done"), ("updateIncident", "done")] == [
        (each.operation, each.outcome) for each in audited(tmp_path)
    ]
    assert {("terminal", "update_incident")} == {(each.flow, each.step) for each in audited(tmp_path)}


def test_credentials_are_tried_within_the_grants(resolute: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever grants little still learns whether the key works, and what could not be looked at."""
    monkeypatch.setenv("PAGERDUTY_GRANTS", "incidents:read")

    answer = resolute("test")

    assert 0 == answer.code
    assert "could not be looked at: GET /abilities needs the grant abilities:read" in answer.printed


def test_times_of_nothing_are_left_empty(resolute: Command, sim: Simulator) -> None:
    """An open incident has no MTTR: not 0:00:00 in the table, and null for programs."""
    sim.add_incident("Slow", WORLD.service, created_at=ago(hours=1))

    table, (row,) = resolute("metrics").printed, resolute("metrics", "--json").json["data"]

    assert "0:00:00" not in table
    assert (None, None) == (row["mean_seconds_to_first_ack"], row["mean_seconds_to_resolve"])


async def test_the_command_works_as_installed(served: Simulator, tmp_path: Path) -> None:
    """As people start it: a process of its own, with nothing but its environment."""
    served.reset()

    code, printed, _ = await resolute_process("pagerduty", "test", folder=tmp_path, **variables(served, tmp_path))

    assert 0 == code
    assert "key of the account" in printed
