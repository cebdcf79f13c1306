"""Steps one after the other, side by side, and left out."""

from pydantic import BaseModel

from resolute import branch, env, flow, input_data, manual, not_, one_of, output
from tests.contract.nodes import double, echo, greet, is_loaded, is_urgent, quick, read
from tests.contract.scenario import Expected, Scenario

START = manual("start")


class Order(BaseModel):
    """What a run is given."""

    host: str
    urgent: bool = False


reading = read("db-1", 2.5).as_("reading")
first = double(2).as_("first")
second = double(first.output).as_("second")
local = quick({"n": 1}).as_("local")

SCENARIOS = (
    Scenario(
        "Steps run one after the other; without names they give no result.",
        flow("sequence").triggered_by(START).then(greet("a")).then(greet("b")).then(double(3)).build(),
        (
            Expected(
                calls=["greet", "greet_2", "double"],
                steps={"greet": "completed", "greet_2": "completed", "double": "completed"},
                result={},
            ),
        ),
    ),
    Scenario(
        "Named outputs are the result, in the form of their models.",
        flow("named").triggered_by(START).then(reading).then(greet("unnamed")).then(first).then(second).build(),
        (
            Expected(
                calls=["reading", "greet", "first", "second"],
                steps={"reading": "completed", "greet": "completed", "first": "completed", "second": "completed"},
                result={
                    "reading": {"host": "db-1", "load": 2.5, "tags": {"rack": ["a", "b"]}},
                    "first": 4,
                    "second": 8,
                },
            ),
        ),
    ),
    Scenario(
        "returns(...) says what the result is.",
        flow("returns")
        .triggered_by(START)
        .then(first)
        .then(second)
        .returns({"both": [first.output, second.output], "at": input_data("at")})
        .build(),
        (
            Expected(
                calls=["first", "second"],
                steps={"first": "completed", "second": "completed"},
                result={"both": [4, 8], "at": "noon"},
            ),
        ),
        input={"at": "noon"},
    ),
    Scenario(
        "A when in a when: one block runs, what is in the other is skipped, also further down.",
        flow("nested")
        .triggered_by(START)
        .then(first)
        .when(first.output > 3)
        .when(first.output > 100)
        .then(echo("never").as_("huge"))
        .otherwise()
        .then(echo("large").as_("large"))
        .end_when()
        .otherwise()
        .when(first.output == 1)
        .then(echo("never").as_("one"))
        .end_when()
        .end_when()
        .then(echo("after").as_("after"))
        .build(),
        (
            Expected(
                calls=["first", "large", "after"],
                steps={
                    "first": "completed",
                    "when": "completed",
                    "when_2": "completed",
                    "huge": "skipped",
                    "large": "completed",
                    "when_3": "skipped",
                    "one": "skipped",
                    "after": "completed",
                },
                taken={"when": "then", "when_2": "otherwise"},
                result={"first": 4, "large": "large", "after": "after"},
            ),
        ),
    ),
    Scenario(
        "A condition that does not hold and has no otherwise leaves its block out, and the flow goes on.",
        flow("empty-otherwise")
        .triggered_by(START)
        .when(not_(one_of(input_data(Order).host, ["db-1", "db-2"])))
        .then(echo("never").as_("unknown"))
        .end_when()
        .then(greet(input_data(Order).host).as_("greeting"))
        .build(),
        (
            Expected(
                calls=["greeting"],
                steps={"when": "completed", "unknown": "skipped", "greeting": "completed"},
                taken={"when": "otherwise"},
                result={"greeting": "hello db-2"},
            ),
        ),
        input={"host": "db-2"},
    ),
    Scenario(
        "Branches run side by side, each in its own order; what follows reads all of them.",
        flow("parallel")
        .triggered_by(START)
        .then_parallel(
            double(1).as_("left"),
            [double(5).as_("middle"), double(output("middle")).as_("later")],
            branch().when(input_data("right")).then(echo("r").as_("right")).end_when(),
        )
        .then(echo([output("left"), output("later")]).as_("joined"))
        .build(),
        (
            Expected(
                calls=[frozenset({"left", "middle", "right", "later"}), "joined"],
                steps={
                    "parallel": "completed",
                    "left": "completed",
                    "middle": "completed",
                    "later": "completed",
                    "when": "completed",
                    "right": "completed",
                    "joined": "completed",
                },
                taken={"when": "then"},
                result={"left": 2, "middle": 10, "later": 20, "right": "r", "joined": [2, 20]},
            ),
        ),
        input={"right": True},
    ),
    Scenario(
        "A node of the local lane is a step like every other.",
        flow("local-lane").triggered_by(START).then(local).then(quick(local.output["n"]).as_("again")).build(),
        (
            Expected(
                calls=["local", "again"],
                steps={"local": "completed", "again": "completed"},
                result={"local": {"n": 1}, "again": 1},
            ),
        ),
    ),
    Scenario(
        "A node of the local lane runs beside others, too.",
        flow("local-beside")
        .triggered_by(START)
        .then_parallel([local, quick(2).as_("two")], [quick(3).as_("three"), double(4).as_("eight")])
        .then(quick([output("two"), output("eight")]).as_("end"))
        .build(),
        (
            Expected(
                calls=[frozenset({"local", "two", "three", "eight"}), "end"],
                steps={
                    "parallel": "completed",
                    "local": "completed",
                    "two": "completed",
                    "three": "completed",
                    "eight": "completed",
                    "end": "completed",
                },
                result={"local": {"n": 1}, "two": 2, "three": 3, "eight": 8, "end": [2, 8]},
            ),
        ),
    ),
    Scenario(
        "A named function decides on the outputs so far.",
        flow("decides")
        .triggered_by(START)
        .then(reading)
        .when(is_loaded)
        .then(echo("loaded").as_("said"))
        .end_when()
        .when(is_urgent)
        .then(echo("urgent").as_("cried"))
        .end_when()
        .build(),
        (
            Expected(
                calls=["reading", "when_decision", "said", "when_2_decision"],
                steps={
                    "reading": "completed",
                    "when_decision": "completed",
                    "when": "completed",
                    "said": "completed",
                    "when_2_decision": "completed",
                    "when_2": "completed",
                    "cried": "skipped",
                },
                taken={"when": "then", "when_2": "otherwise"},
                result={"reading": {"host": "db-1", "load": 2.5, "tags": {"rack": ["a", "b"]}}, "said": "loaded"},
            ),
        ),
        input={"urgent": False},
    ),
    Scenario(
        "A lambda decides, and does not see what has not run.",
        flow("decides-by-lambda")
        .triggered_by(START)
        .then(first)
        .when(lambda state: state["first"] == 4 and "second" not in state)
        .then(second)
        .end_when()
        .build(),
        (
            Expected(
                calls=["first", "second"],
                steps={"first": "completed", "when_decision": "completed", "when": "completed", "second": "completed"},
                taken={"when": "then"},
                result={"first": 4, "second": 8},
            ),
        ),
    ),
    Scenario(
        "A condition on the environment is read on the worker.",
        flow("environment")
        .triggered_by(START)
        .then(first)
        .when((env("STAGE") == "prod") & (first.output > env("LIMIT", int)))
        .then(greet(env("NAME", default="nobody"), times=env("LIMIT", int)).as_("greeting"))
        .end_when()
        .build(),
        (
            Expected(
                calls=["first", "greeting"],
                steps={
                    "first": "completed",
                    "when_decision": "completed",
                    "when": "completed",
                    "greeting": "completed",
                },
                taken={"when": "then"},
                result={"first": 4, "greeting": "hello nobody" * 3},
            ),
        ),
    ),
)
