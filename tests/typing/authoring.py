"""What type checkers see of an author's flow. Read by pyright only."""

from datetime import datetime, timedelta
from typing import Any, assert_type

from pydantic import BaseModel

from resolute import (
    Flow,
    FlowBuilder,
    Node,
    branch,
    contains,
    env,
    every,
    flow,
    input_data,
    is_empty,
    node,
    not_,
    now,
    output,
    previous,
    secret,
    text,
)


class Health(BaseModel):
    status: str
    metrics: dict[str, float] = {}


class Notice(BaseModel):
    channel: str


@node
async def check(url: str, port: int = 80) -> Health:
    raise OSError(url, port)


@node(timeout=timedelta(seconds=5), lane="local")
def double(number: int) -> int:
    return 2 * number


health = check(env("URL"), env("PORT", int, default=80)).as_("health")

assert_type(health, Node[Health])
assert_type(health.output, Health)
assert_type(health.output.status, str)
assert_type(health.output.metrics["load"], float)
assert_type(double(1).output, int)
assert_type(health.retry(3).timeout(timedelta(seconds=1)).on_failure(double(1)).lane("local"), Node[Health])
assert_type(previous(health.output.status), str)
assert_type(env("URL"), str)
assert_type(env("PORT", int), int)
assert_type(secret("KEY"), str)
assert_type(now(), datetime)
assert_type(now() - timedelta(hours=1), datetime)
assert_type(text("{}", health.output.metrics), str)
assert_type(input_data(Notice).channel, str)
assert_type(input_data("channel"), Any)
assert_type(output("health.status"), Any)
assert_type(not_(contains(health.output.metrics, "load")), bool)
assert_type(is_empty(health.output.status), bool)
assert_type(branch().then(health), FlowBuilder)
assert_type(flow("f").triggered_by(every(timedelta(hours=1))).then(health).build(), Flow)

check(8080)  # pyright: ignore[reportArgumentType]  # refused, as it should be
check()  # pyright: ignore[reportCallIssue]  # refused, as it should be
check("x", prt=80)  # pyright: ignore[reportCallIssue]  # refused, as it should be
double(health.output.status)  # pyright: ignore[reportArgumentType]  # refused, as it should be
