"""Lists that are asked, and values that are computed."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

from resolute import all_of, any_of, count, env, first, flow, input_data, manual, output, scheduled_for, where
from resolute.plan.failing import Failure
from resolute.plan.values import Json
from tests.contract.nodes import echo, hours, span
from tests.contract.scenario import Expected, Scenario

START = manual("start")
FLEET: list[Json] = [
    {"name": "db-1", "load": 0.9, "stage": "test", "disks": [{"free": 3}, {"free": 80}]},
    {"name": "db-2", "load": 0.2, "stage": "prod", "disks": [{"free": 70}]},
    {"name": "db-3", "load": None, "stage": "test", "disks": []},
]

hosts: Any = input_data("hosts")
bound = echo(0.5).as_("bound")
window = span(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 1, 0, 10, tzinfo=UTC)).as_("window")
took = window.output.until - window.output.since

SCENARIOS = (
    Scenario(
        "A list is asked in conditions and in arguments, with lists inside of it.",
        flow("asked")
        .triggered_by(START)
        .when(any_of(hosts, lambda host: any_of(host.disks, lambda disk: (disk.free < 5) & (host.load > 0.5))))
        .then(
            echo(
                {
                    "busy": where(hosts, lambda host: host.load > 0.5),
                    "second": where(hosts, lambda host: host.name != "db-1")[0].name,
                    "first": cast("Any", first(hosts, lambda host: host.load < 0.5)).name,
                    "none": first(hosts, lambda host: host.load > 5),
                    "many": count(hosts),
                    "small": count(hosts, lambda host: host.load < 1),
                }
            ).as_("found")
        )
        .end_when()
        .when(all_of(hosts, lambda host: host.load > 0))
        .then(echo("all").as_("all"))
        .end_when()
        .build(),
        (
            Expected(
                calls=["found"],
                steps={"when": "completed", "found": "completed", "when_2": "completed", "all": "skipped"},
                taken={"when": "then", "when_2": "otherwise"},
                result={
                    "found": {
                        "busy": [FLEET[0]],
                        "second": "db-2",
                        "first": "db-2",
                        "none": None,
                        "many": 3,
                        "small": 2,
                    }
                },
            ),
        ),
        input={"hosts": FLEET},
    ),
    Scenario(
        "A question that reads the worker's environment is asked on the worker, with what the run knows filled in.",
        flow("asked-on-the-worker")
        .triggered_by(START)
        .then(bound)
        .then(
            echo(where(hosts, lambda host: (host.stage == env("STAGE")) & (host.load < output("bound")))).as_("found")
        )
        .when(any_of(hosts, lambda host: host.name == env("NAME", default="db-2")))
        .then(echo("known").as_("known"))
        .end_when()
        .build(),
        (
            Expected(
                calls=["bound", "found", "known"],
                steps={
                    "bound": "completed",
                    "found": "completed",
                    "when_decision": "completed",
                    "when": "completed",
                    "known": "completed",
                },
                taken={"when": "then"},
                result={"bound": 0.5, "found": [FLEET[1]], "known": "known"},
            ),
        ),
        input={"hosts": FLEET},
    ),
    Scenario(
        "Numbers, times and durations are computed as Python does it.",
        flow("computed")
        .triggered_by(START)
        .then(window)
        .when((took > timedelta(minutes=5)) & (took * 2 <= timedelta(minutes=20)) & (took / timedelta(minutes=1) == 10))
        .then(
            echo(
                [count(hosts) / 2, count(hosts) // 2 - 1, -count(hosts) % 2, took, window.output.until + took / 4]
            ).as_("sums")
        )
        .end_when()
        .then(hours(scheduled_for() - timedelta(hours=3), scheduled_for() + took * 6).as_("due"))
        .build(),
        (
            Expected(
                calls=["window", "sums", "due"],
                steps={"window": "completed", "when": "completed", "sums": "completed", "due": "completed"},
                taken={"when": "then"},
                result={
                    "window": {"since": "2026-03-01T00:00:00Z", "until": "2026-03-01T00:10:00Z"},
                    "sums": [1.5, 0, 1, "PT10M", "2026-03-01T00:12:30+00:00"],
                    "due": 4.0,
                },
            ),
        ),
        input={"hosts": FLEET},
    ),
    Scenario(
        "What has no value fails its step and undoes the run, and says which operand it was.",
        flow("uncomputed")
        .triggered_by(START)
        .then(echo(0).as_("total").on_failure(echo("undone").as_("undo")))
        .then(echo(input_data("errors") / output("total")).as_("share"))
        .build(),
        (
            Expected(
                calls=["total", "undo"],
                steps={"total": "completed", "undo": "completed", "share": "failed"},
                failure=Failure(
                    step="share",
                    node="echo",
                    error_type="EvaluationError",
                    message="input.errors / total has no value: total is zero",
                ),
            ),
        ),
        input={"errors": 3},
    ),
    Scenario(
        "A condition over lists in lists ends by an error before it holds the worker up.",
        flow("endless")
        .triggered_by(START)
        .when(any_of(hosts, lambda one: any_of(hosts, lambda other: one == other + 1)))
        .then(echo("never").as_("never"))
        .end_when()
        .build(),
        (
            Expected(
                calls=[],
                steps={"when": "failed", "never": "pending"},
                failure=Failure(
                    step="when",
                    node="",
                    error_type="EvaluationError",
                    message="the step looks at more than 150,000 values in the items of its lists: let a node go "
                    "through them, and read the node's output",
                ),
            ),
        ),
        input={"hosts": [0] * 10_000},
    ),
)
