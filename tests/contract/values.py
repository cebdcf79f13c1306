"""What steps are given: references, times, texts, data as it is."""

from datetime import UTC, datetime, timedelta

from pydantic import BaseModel

from resolute import contains, flow, input_data, is_empty, manual, matches, now, output, secret, text
from resolute.plan.failing import Failure
from tests.contract.nodes import echo, greet, hours, log_in, rate, read, span
from tests.contract.scenario import Expected, Scenario

START = manual("start")
LITERAL = {"$output": ["nobody"], "$$": 1, "$env": "STAGE", "list": [{"$secret": "TOKEN"}], "$": None}


class Contact(BaseModel):
    """Somebody."""

    name: str
    phones: list[str] = []


class Order(BaseModel):
    """What a run is given."""

    contact: Contact
    at: datetime
    extra: dict[str, int] = {}


reading = read("db-1", 0.5).as_("reading")
window = span(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)).as_("window")
literal = echo(LITERAL).as_("literal")
order = input_data(Order)
rated = rate(secret("PASSWORD"), "critical").as_("rated")

on_the_clock = (
    flow("on-the-clock").triggered_by(START).then(span(now() - timedelta(days=1), now()).as_("window")).build()
)

SCENARIOS = (
    Scenario(
        "References reach into lists and objects, and stand at any depth of an argument.",
        flow("deep")
        .triggered_by(START)
        .then(reading)
        .then(
            echo(
                {
                    "list": [reading.output.tags["rack"][1], {"host": reading.output.host}],
                    "missing": reading.output.tags["none"],
                    "all": reading.output,
                    "beyond": output("reading.tags.rack[9]"),
                }
            ).as_("deep")
        )
        .returns(output("deep"))
        .build(),
        (
            Expected(
                calls=["reading", "deep"],
                steps={"reading": "completed", "deep": "completed"},
                result={
                    "list": ["b", {"host": "db-1"}],
                    "missing": None,
                    "all": {"host": "db-1", "load": 0.5, "tags": {"rack": ["a", "b"]}},
                    "beyond": None,
                },
            ),
        ),
    ),
    Scenario(
        "The run's input is read by its model.",
        flow("typed-input")
        .triggered_by(manual("start", input=Order))
        .when((order.at < datetime(2026, 5, 1, 12, tzinfo=UTC)) & contains(order.extra, "floor"))
        .then(greet(order.contact.name).as_("greeting"))
        .end_when()
        .when(is_empty(order.contact.phones) | (order.contact.phones[0] == "110"))
        .then(echo(order.contact).as_("called"))
        .end_when()
        .build(),
        (
            Expected(
                calls=["greeting", "called"],
                steps={"when": "completed", "greeting": "completed", "when_2": "completed", "called": "completed"},
                taken={"when": "then", "when_2": "then"},
                result={"greeting": "hello Ada", "called": {"name": "Ada", "phones": ["110"]}},
            ),
        ),
        # 13:30 in Paris is 11:30 in UTC: text would compare the other way.
        input={
            "contact": {"name": "Ada", "phones": ["110"]},
            "at": "2026-05-01T13:30:00+02:00",
            "extra": {"floor": 2},
        },
    ),
    Scenario(
        "Times are compared as times, in whatever zone they are written.",
        flow("times")
        .triggered_by(START)
        .then(window)
        .when(window.output.since == datetime.fromisoformat("2026-03-01T01:00+01:00"))
        .then(echo("equal").as_("equal"))
        .end_when()
        .when(
            (window.output.until > window.output.since)
            & (window.output.until > datetime.fromisoformat("2026-03-02T23:00-02:00"))
        )
        .then(echo("later").as_("later"))
        .end_when()
        .build(),
        (
            Expected(
                calls=["window", "equal"],
                steps={
                    "window": "completed",
                    "when": "completed",
                    "equal": "completed",
                    "when_2": "completed",
                    "later": "skipped",
                },
                taken={"when": "then", "when_2": "otherwise"},
                result={
                    "window": {"since": "2026-03-01T00:00:00Z", "until": "2026-03-02T00:00:00Z"},
                    "equal": "equal",
                },
            ),
        ),
    ),
    Scenario(
        "now() is the run's clock: the same for all of a step, and moved as it says.",
        flow("clock")
        .triggered_by(START)
        .then(hours(now() - timedelta(hours=24), now()).as_("day"))
        .then(hours(now(), now() + timedelta(minutes=30)).as_("half"))
        .when(now() - timedelta(seconds=1) < now())
        .then(echo("onwards").as_("direction"))
        .end_when()
        .build(),
        (
            Expected(
                calls=["day", "half", "direction"],
                steps={"day": "completed", "half": "completed", "when": "completed", "direction": "completed"},
                taken={"when": "then"},
                result={"day": 24.0, "half": 0.5, "direction": "onwards"},
            ),
        ),
    ),
    Scenario(
        "Text is filled with values of the run: text as it is, numbers as Python formats them, the rest as JSON.",
        flow("texts")
        .triggered_by(START)
        .then(reading)
        .then(
            greet(
                text(
                    "{1} {0:.2f} {2} {3} {{}}",
                    reading.output.load,
                    reading.output.host,
                    reading.output.tags,
                    input_data("nothing"),
                )
            ).as_("greeting")
        )
        .when(matches(output("greeting"), "db-[0-9] 0.50"))
        .then(greet(text("again: {}", output("greeting"))).as_("again"))
        .end_when()
        .returns(output("greeting"))
        .build(),
        (
            Expected(
                calls=["reading", "greeting", "again"],
                steps={"reading": "completed", "greeting": "completed", "when": "completed", "again": "completed"},
                taken={"when": "then"},
                result='hello db-1 0.50 {"rack": ["a", "b"]} null {}',
            ),
        ),
    ),
    Scenario(
        "Data whose keys begin with a dollar sign is data, written by hand or given by a node.",
        flow("dollars")
        .triggered_by(START)
        .then(literal)
        .then(echo([literal.output, input_data()]).as_("passed"))
        .when(output("passed") == [LITERAL, {"$now": 0}])
        .then(greet(text("{}", input_data("$now")), times=1).as_("greeting"))
        .end_when()
        .build(),
        (
            Expected(
                calls=["literal", "passed", "greeting"],
                steps={"literal": "completed", "passed": "completed", "when": "completed", "greeting": "completed"},
                taken={"when": "then"},
                result={"literal": LITERAL, "passed": [LITERAL, {"$now": 0}], "greeting": "hello 0"},
            ),
        ),
        input={"$now": 0},
    ),
    Scenario(
        "A node that returns a secret fails and says where, so that no history holds it.",
        flow("told").triggered_by(START).then(log_in(secret("TOKEN"), "ada").as_("session")).build(),
        (
            Expected(
                calls=["session"],
                steps={"session": "failed"},
                failure=Failure(
                    step="session",
                    node="log_in",
                    error_type="SecretInResultError",
                    message="node 'log_in' returned a secret at a key of the value, which would stay in the history of "
                    "the run: return what later steps need of it (an id, a yes or no), and let them read "
                    "secret('NAME') themselves",
                ),
            ),
        ),
    ),
    Scenario(
        "A value that only looks like a secret is data, and decides as data.",
        flow("alike")
        .triggered_by(START)
        .then(rated)
        .when(rated.output == "critical")
        .then(greet(text("a {} day", rated.output)).as_("greeting"))
        .end_when()
        .build(),
        (
            Expected(
                calls=["rated", "greeting"],
                steps={"rated": "completed", "when": "completed", "greeting": "completed"},
                taken={"when": "then"},
                result={"rated": "critical", "greeting": "hello a critical day"},
            ),
        ),
    ),
)
