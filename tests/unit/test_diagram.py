"""Plans as pictures: golden texts, and that nothing in a plan can break out of a label."""

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from resolute import (
    Flow,
    Incident,
    State,
    alarm,
    branch,
    budget,
    child,
    cursor,
    during,
    each,
    env,
    every,
    failure,
    flow,
    gate,
    input_data,
    is_empty,
    manual,
    move,
    node,
    not_,
    repeat,
    schedule,
    signal,
    sleep,
    unverified,
    wait_for,
    webhook,
)
from resolute.plan.step import KINDS, walk
from resolute.writing.diagram import mermaid, outline


@node
async def check(url: str) -> dict[str, str]:
    return {"status": url}


@node
async def page(text: str) -> str:
    return text


def is_due(state: State) -> bool:
    return bool(state.outputs)


health = check(env("HEALTH_URL")).as_("health")

WATCH = (
    flow("watch")
    .triggered_by(schedule("*/5 * * * *"), webhook("/hooks/look", verify=unverified()))
    .then(health)
    .when((health.output["status"] == "down") & not_(is_empty(health.output["name"])))
    .then_parallel(
        page("a").as_("a").on_failure(page("undo a").as_("unpage")), [page("b").as_("b"), page("c").as_("c")]
    )
    .otherwise()
    .when(env("STAGE") == "prod")
    .then(page("d").as_("d"))
    .end_when()
    .end_when()
    .when(is_due)
    .then(page("e"))
    .end_when()
    .on_failure(page(failure().message).as_("cry"))
    .build()
)


class Rollout(BaseModel):
    """What is rolled out, and where."""

    version: str
    hosts: list[str]


hosts = input_data(Rollout).hosts
tested = wait_for(signal("tested", Rollout), timeout=timedelta(minutes=30)).as_("tested")
load = page("load").as_("load")
answers = page("is it well").as_("answers")
incident = Incident(page("bad"), page("well again"), "rollouts")
WATCHED = (
    flow("watched")
    .triggered_by(every(timedelta(minutes=1)))
    .then(answers)
    .then(
        alarm(
            "rollouts",
            bad=answers.output != "yes",
            raise_after=timedelta(minutes=5),
            clear_after=2,
            quiet=during("22:00-07:00", timezone="Europe/Paris"),
            incident=incident,
        )
    )
    .build()
)
EVERY = (
    flow("every")
    .triggered_by(manual("go", input=Rollout))
    .then_parallel(
        tested,
        branch()
        .then(sleep(timedelta(minutes=10)).as_("settle"))
        .then(gate("approve", timeout=timedelta(hours=2), notify=lambda _: page("a rollout waits"))),
    )
    .when(tested.output != None)  # noqa: E711  # a condition
    .then(each(hosts, lambda host: page(host).on_failure(page("undo").as_("unpage")).as_("put")).as_("all"))
    .then(repeat(load, until=load.output == "low", every=timedelta(seconds=90), at_most=3).as_("calm"))
    .end_when()
    .then(budget("rollouts", at_most=3, per=timedelta(hours=1)).as_("allowed"))
    .then(move(cursor("rollouts", int), to=7))
    .then(child(flow("smoke").triggered_by(manual("smoke")).then(page("x")).build()).as_("smoke"))
    .build()
)


def charted(label: str) -> Flow:
    begun = flow("labels").triggered_by(manual("go")).when(input_data("it") == label)
    return begun.then(page("x")).end_when().build()


def test_the_outline_of_a_plan() -> None:
    """Triggers, steps with their nodes, conditions in words, blocks further in, undo and on_failure."""
    assert """\
watch
  on */5 * * * * UTC
  on POST /hooks/look (unverified)
  health: check
  when health.status == 'down' and not health.name is empty
    in parallel
      branch 1
        a: page
          undo: unpage: page
      branch 2
        b: page
        c: page
  otherwise
    when_2_decision: env('STAGE') == 'prod'
    when when_2_decision
      d: page
  when_3_decision: function is_due
  when when_3_decision
    page
  on failure
    cry: page""" == outline(WATCH.plan)


def test_every_kind_is_drawn() -> None:
    """Each kind of step that a plan may hold has its own line and its figure, and what is inside it stands in it."""
    drawn = {step.kind for step in walk((*EVERY.plan.steps, *WATCHED.plan.steps))}

    assert {word for word, kind in KINDS.items() if kind.__module__.startswith("resolute.")} == drawn
    assert """\
every
  on manual go
  in parallel
    branch 1
      tested: wait for tested, up to 30m
    branch 2
      settle: sleep 10m
      approve: gate, 2h
        notify: approve_notify: page
  when tested != null
    all: each of input.hosts, 20 at once
      put: page
        undo: unpage: page
    calm: repeat until load == 'low', every 90s, at most 3 turns
      load: page
  when allowed: budget rollouts, at most 3 per 1h
  move_rollouts: move cursor rollouts to 7
  smoke: flow smoke""" == outline(EVERY.plan)
    assert """\
flowchart TD
    n0(["manual go"])
    n1{{"in parallel"}}
    n0 --> n1
    n2(["tested: wait for tested, up to 30m"])
    n1 --> n2
    n3(["settle: sleep 10m"])
    n1 --> n3
    n4(["approve: gate, 2h"])
    n3 --> n4
    n5["approve_notify: page"]
    n4 -. notify .-> n5
    n6{"tested != null"}
    n2 --> n6
    n4 --> n6
    n7{{"all: each of input.hosts, 20 at once"}}
    n6 -->|yes| n7
    n8["put: page"]
    n7 -->|each item| n8
    n9["unpage: page"]
    n8 -. undo .-> n9
    n8 --> n7
    n10{{"calm: repeat until load == 'low', every 90s, at most 3 turns"}}
    n7 --> n10
    n11["load: page"]
    n10 -->|turn| n11
    n11 --> n10
    n12{"allowed: budget rollouts, at most 3 per 1h"}
    n10 --> n12
    n6 -->|no| n12
    n13["move_rollouts: move cursor rollouts to 7"]
    n12 --> n13
    n14[["smoke: flow smoke"]]
    n13 --> n14
    n15(["end"])
    n14 --> n15""" == mermaid(EVERY.plan)


def test_an_alarm_is_drawn() -> None:
    """What raises it and clears it stands in it; its quiet hours and its incident stand beside it."""
    assert """\
watched
  on every minute
  answers: page
  rollouts: alarm when answers != 'yes' for 5m, clear when not so for 2 checks
    quiet: rollouts_quiet_decision: during('22:00-07:00', 'mon-sun', 'Europe/Paris')
    raise: rollouts_raise: page
    clear: rollouts_clear: page""" == outline(WATCHED.plan)
    assert """\
    n2["rollouts: alarm when answers != 'yes' for 5m, clear when not so for 2 checks"]
    n1 --> n2
    n3["rollouts_quiet_decision: during('22:00-07:00', 'mon-sun', 'Europe/Paris')"]
    n2 -. quiet .-> n3
    n4["rollouts_raise: page"]
    n2 -. raise .-> n4
    n5["rollouts_clear: page"]
    n2 -. clear .-> n5""" in mermaid(WATCHED.plan)


def test_the_outline_of_a_run() -> None:
    """Each step is marked with how it stands; one that nothing is known of has not run."""
    statuses = {"health": "completed", "when": "running", "parallel": "running", "a": "failed", "d": "skipped"}

    marked = [line.strip() for line in outline(WATCH.plan, statuses).splitlines()]

    assert {"✓ health: check", "✗ a: page", "- d: page", "… in parallel", "cry: page"} <= set(marked)


def test_the_chart_of_a_plan() -> None:
    """A flowchart from every trigger to the end, with both ways out of a condition, and what undoes a step."""
    assert """\
flowchart TD
    n0(["*/5 * * * * UTC"])
    n1(["POST /hooks/look (unverified)"])
    n2["health: check"]
    n0 --> n2
    n1 --> n2
    n3{"health.status == 'down' and not health.name is empty"}
    n2 --> n3
    n4{{"in parallel"}}
    n3 -->|yes| n4
    n5["a: page"]
    n4 --> n5
    n6["unpage: page"]
    n5 -. undo .-> n6
    n7["b: page"]
    n4 --> n7
    n8["c: page"]
    n7 --> n8
    n9["when_2_decision: env('STAGE') == 'prod'"]
    n3 -->|no| n9
    n10{"when_2_decision"}
    n9 --> n10
    n11["d: page"]
    n10 -->|yes| n11
    n12["when_3_decision: function is_due"]
    n5 --> n12
    n8 --> n12
    n11 --> n12
    n10 -->|no| n12
    n13{"when_3_decision"}
    n12 --> n13
    n14["page"]
    n13 -->|yes| n14
    n15(["end"])
    n14 --> n15
    n13 -->|no| n15
    n16(["on failure"])
    n17["cry: page"]
    n16 --> n17""" == mermaid(WATCH.plan)


def test_the_chart_of_a_run() -> None:
    """Steps are coloured by how they stand, the rest is left as it is."""
    plain, coloured = mermaid(WATCH.plan), mermaid(WATCH.plan, {"health": "completed", "a": "failed", "b": "pending"})

    assert [
        "    style n2 fill:#d5f5e3,stroke:#1e8449",
        "    style n5 fill:#fadbd8,stroke:#b03a2e",
    ] == coloured.removeprefix(plain).strip("\n").splitlines()


def test_a_block_that_is_left_out_goes_on() -> None:
    """Where a condition has one block, the other way leads to what follows."""
    assert "n1 -->|no| n3" in mermaid(charted("x").plan)


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ('say "no"', "'say &quot;no&quot;'"),
        ("<b>&</b>", "'&lt;b&gt;&amp;&lt;/b&gt;'"),
        ("#quot;", "'#35;quot;'"),
        ("a]b}c", "'a]b}c'"),
    ],
)
def test_labels_are_escaped(label: str, shown: str) -> None:
    """What an author compares with is shown as it is, and never read as Mermaid or HTML."""
    assert f'n1{{"input.it == {shown}"}}' in mermaid(charted(label).plan)


@given(st.text())
def test_nothing_breaks_out_of_a_label(label: str) -> None:
    """Every line of a chart stays one that Mermaid reads, whatever text is in the plan."""
    node_line = re.compile(r'n\d+(\(\[|\[|\{)"[^"<>\n]*"(\]\)|\]|\})')
    link = re.compile(r"n\d+ -->(\|(yes|no)\|)? n\d+")

    first, *lines = mermaid(charted(label).plan).split("\n")

    assert "flowchart TD" == first
    assert not [line for line in lines if not (node_line.fullmatch(line.strip()) or link.fullmatch(line.strip()))]
