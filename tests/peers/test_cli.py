"""The `pd` command of npm's pagerduty-cli at work on the simulator.

It knows PagerDuty's address and no other, so node is told to take its connections to this machine instead.

Source: https://github.com/martindstone/pagerduty-cli
"""

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from resolute_pagerduty.simulator import Simulator
from tests.peers.certificates import Certificates

ROOT: Final = Path(__file__).parents[2]
PROGRAM: Final = ROOT / ".peers/node_modules/.bin/pd"
REDIRECT: Final = Path(__file__).with_name("redirect.cjs")

pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(not PROGRAM.exists(), reason="pagerduty-cli is not there: `make peers` with npm"),
]

Pd = Callable[..., str]


@pytest.fixture
def pd(sim: Simulator, certificates: Certificates, tmp_path: Path) -> Pd:
    """Runs a command with Ada's key and gives what it printed; it has to succeed."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "NODE_OPTIONS": f"--require={REDIRECT}",
        "NODE_EXTRA_CA_CERTS": str(certificates.authority),
        "SIMULATOR_PORT": sim.url.rpartition(":")[2],
    }

    def run(*words: str) -> str:
        known = () if words[0] in ("event", "auth") else ("--token", sim.world.user_key)
        done = subprocess.run(
            [str(PROGRAM), *words, *known], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        assert 0 == done.returncode, f"pd {' '.join(words)}: {done.stderr}"
        assert not re.search(r"[1-9]\d*/\S+ 👎", done.stderr), done.stderr  # a request failed, and only this says so
        return done.stdout.strip()

    return run


def listed(output: str) -> list[Any]:
    """What a command printed as JSON."""
    return json.loads(output)


def test_it_logs_in(sim: Simulator, pd: Pd) -> None:
    """The key is tried on /users/me, and names the account and the user."""
    assert f"logged in to harbour as {sim.world.from_email}" in pd("auth", "add", "--token", sim.world.user_key)


def test_an_incident_from_its_creation_to_its_end(sim: Simulator, pd: Pd) -> None:
    """Created, acknowledged, noted, renamed, prioritised, assigned and resolved; each is in the simulator."""
    made = pd("incident", "create", "-t", "Card payments fail", "-S", "Payments API", "-k", "cards", "-d", "9:00", "-p")
    pd("incident", "ack", "-i", made)
    pd("incident", "notes", "-i", made, "-n", "the cache was full")
    notes = pd("incident", "notes", "-i", made)
    pd("incident", "rename", "-i", made, "-t", "Payments fail")
    pd("incident", "priority", "-i", made, "-n", "P1")
    pd("incident", "set", "-i", made, "-k", "urgency", "-v", "low")
    pd("incident", "assign", "-i", made, "-U", "bo@harbour.example")
    [simulated] = sim.incidents()
    assigned = [each.id for each in simulated.assignments]
    pd("incident", "resolve", "-i", made)

    assert (made, "cards") == (simulated.id, simulated.key)
    assert ("Payments fail", "resolved", "low") == (simulated.title, simulated.status, simulated.urgency)
    assert (sim.world.p1, [sim.world.bo]) == (simulated.priority_id, assigned)
    assert "Ada Moreno the cache was full" in notes


def test_incidents_and_timelines_are_listed(sim: Simulator, pd: Pd) -> None:
    """Lists of more than a page come whole, by service and by status; the timeline of one and of all is there."""
    for number in range(30):
        sim.add_incident(f"Alarm {number}", sim.world.service)
    other = sim.add_incident("Disk full", sim.world.search_service)
    everything = listed(pd("incident", "list", "--json"))
    of_search = listed(pd("incident", "list", "-S", "Search", "-s", "triggered", "--json"))
    timeline = listed(pd("incident", "log", "-i", other.id, "--json"))
    account = listed(pd("log", "--json"))

    assert {each.id for each in sim.incidents()} == {each["id"] for each in everything}
    assert [other.id] == [each["id"] for each in of_search]
    assert {entry.id for entry in other.entries} == {each["id"] for each in timeline}
    assert {entry.id for each in sim.incidents() for entry in each.entries} == {each["id"] for each in account}


def test_alerts_are_sent_and_seen(sim: Simulator, pd: Pd) -> None:
    """An event triggers, acknowledges and resolves; two incidents are merged; a change is told."""
    about = ("-r", sim.world.routing_key, "--summary", "Disk full", "--source", "db-1")
    for action in ("trigger", "acknowledge"):
        pd("event", "alert", *about, "-a", action, "-d", "disk-1", "-k", "used", "-v", "97", "--severity", "error")
    [first] = sim.incidents()
    acknowledged = first.status
    alerts = listed(pd("incident", "alerts", "-i", first.id, "--json"))
    pd("event", "alert", *about, "-d", "disk-2")
    second = sim.incidents()[1]
    pd("incident", "merge", "-I", first.id, "-i", second.id)
    for key in ("disk-1", "disk-2"):
        pd("event", "alert", *about, "-a", "resolve", "-d", key)
    pd("event", "change", "-r", sim.world.routing_key, "--summary", "Deploy 41", "-k", "build", "-v", "41")
    changes = listed(pd("rest", "fetch", "-e", "/change_events"))

    assert [("disk-1", "error", {"used": 97})] == [
        (each["alert_key"], each["severity"], each["body"]["details"]) for each in alerts
    ]
    assert ("acknowledged", "resolved", first.id) == (acknowledged, first.status, second.merged_into)
    assert [("Deploy 41", {"build": 41})] == [(each["summary"], each["custom_details"]) for each in changes]


def test_who_is_on_call(sim: Simulator, pd: Pd) -> None:
    """By schedule, policy and person; and an override takes over."""
    world = sim.world
    by_policy = listed(pd("ep", "oncall", "-i", world.payments_policy, "--json"))
    by_user = listed(pd("user", "oncall", "-i", world.chen, "--always", "--json"))
    pd("schedule", "override", "add", "-i", world.payments_schedule, "-u", world.chen)
    overrides = listed(pd("schedule", "override", "list", "-i", world.payments_schedule, "--json"))
    by_schedule = listed(pd("schedule", "oncall", "-i", world.payments_schedule, "--json"))
    shown = pd("schedule", "show", "-i", world.payments_schedule)

    assert {1: "PSCHPAY", 2: None} == {
        each["escalation_level"]: each["schedule"] and each["schedule"]["id"] for each in by_policy
    }
    assert {world.chen} == {each["user"]["id"] for each in by_user}
    assert [world.chen] == [each["user"]["id"] for each in overrides]
    assert world.chen in {each["user"]["id"] for each in by_schedule}
    assert "Payments Primary" in shown


def test_services_people_and_teams(sim: Simulator, pd: Pd) -> None:
    """They are listed, made and changed; a policy is made with its targets."""
    world, state = sim.world, sim.account.state
    pd("service", "create", "-n", "Ledger", "-e", world.payments_policy)
    pd("service", "set", "-i", world.service, "-k", "description", "-v", "Who owes whom")
    pd("service", "disable", "-i", world.search_service)
    pd("user", "create", "-e", "eve@harbour.example", "-n", "Eve Stone")
    team = pd("team", "create", "-n", "Ledger", "-p")
    pd("team", "user", "add", "-i", team, "-u", world.dara, "-r", "responder")
    policy = pd("ep", "create", "-n", "Ledger", "-u", world.dara, "-p")
    names = {
        kind: {each["name"] for each in listed(pd(kind, "list", "--json"))}
        for kind in ("service", "user", "team", "ep", "schedule")
    }

    assert ("Who owes whom", True) == (
        state.services[world.service].description,
        state.services[world.search_service].disabled,
    )
    assert {"Checkout", "Ledger", "Payments API", "Search"} == names["service"]
    assert {"Ada Moreno", "Bo Lindqvist", "Chen Wei", "Dara Okafor", "Eve Stone"} == names["user"]
    assert {"Ledger", "Payments", "Platform"} == names["team"] == names["ep"]
    assert {"Payments Primary", "Platform Primary"} == names["schedule"]
    assert {world.dara: "responder"} == state.teams[team].members
    assert [(world.dara,)] == [tuple(target.id for target in rule.targets) for rule in state.policies[policy].rules]


def test_figures_and_plain_requests(sim: Simulator, pd: Pd) -> None:
    """The figures of an incident, and any request that has no command of its own."""
    incident = sim.add_incident("Disk full", sim.world.service)
    [figures] = listed(pd("incident", "analytics", "-i", incident.id, "--json"))
    team = '{"team": {"type": "team", "name": "Ledger"}}'
    pd("rest", "post", "-e", "/teams", "-d", team)
    abilities = json.loads(pd("rest", "get", "-e", "/abilities"))["abilities"]
    priorities = listed(pd("rest", "fetch", "-e", "/priorities"))
    renamed = '{"incident": {"type": "incident_reference", "title": "Disk is full"}}'
    pd("rest", "put", "-e", f"/incidents/{incident.id}", "-d", renamed)

    assert incident.id == figures["id"]
    assert "Ledger" in {each.name for each in sim.account.state.teams.values()}
    assert ("Disk is full", ["P1", "P2", "P3"]) == (incident.title, [each["name"] for each in priorities])
    assert "teams" in abilities
