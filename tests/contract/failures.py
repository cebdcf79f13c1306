"""What goes wrong, and what comes of it."""

from datetime import timedelta

from resolute import branch, env, failure, flow, input_data, manual, output, secret, text
from resolute.plan.failing import Failure
from tests.contract.nodes import (
    crash,
    double,
    echo,
    greet,
    hang,
    inflate,
    log_in_badly,
    misread,
    progress,
    quick,
    refuse,
    refuse_after,
    stumble,
    throttle,
)
from tests.contract.scenario import Expected, Scenario

START = manual("start")
SOON = timedelta(milliseconds=20)
SHORT = timedelta(seconds=1)  # and long enough for a busy machine to call the node within it
LATER, NEVER = timedelta(minutes=4), timedelta(minutes=5)  # longer than a test waits
MEGABYTE = 1_000_000

SCENARIOS = (
    Scenario(
        "A node that fails is tried again, and the run goes on with what it gives at last.",
        flow("tried-again")
        .triggered_by(START)
        .then(stumble(2).as_("third").retry(3, initial=SOON))
        .then(crash(1).as_("second").retry(2, initial=SOON).lane("local"))
        .build(),
        (
            Expected(
                calls=["third", "second"],
                attempts={"third": 3, "second": 2},
                steps={"third": "completed", "second": "completed"},
                result={"third": 3, "second": 2},
            ),
        ),
    ),
    Scenario(
        "A node that asks for a pause is tried again after it, not after the policy's.",
        flow("asks-for-a-pause")
        .triggered_by(START)
        .then(throttle(0.02).as_("queued").retry(2, initial=NEVER))
        .then(throttle(0.02).as_("local").retry(2, initial=NEVER).lane("local"))
        .build(),
        (
            Expected(
                calls=["queued", "local"],
                attempts={"queued": 2, "local": 2},
                steps={"queued": "completed", "local": "completed"},
                result={"queued": 2, "local": 2},
            ),
        ),
    ),
    Scenario(
        "A node that refuses for good is not tried again, and nothing after it runs.",
        flow("refused")
        .triggered_by(START)
        .then(double(1).as_("before"))
        .then(refuse("not today").retry(5, initial=SOON))
        .then(echo("never"))
        .build(),
        (
            Expected(
                calls=["before", "refuse"],
                steps={"before": "completed", "refuse": "failed", "echo": "pending"},
                failure=Failure(step="refuse", node="refuse", error_type="TerminalError", message="not today"),
            ),
        ),
    ),
    Scenario(
        "A node whose attempts are used up fails with its last error, in the local lane too.",
        flow("used-up").triggered_by(START).then(crash(9).retry(3, initial=SOON).lane("local")).build(),
        (
            Expected(
                calls=["crash"],
                attempts={"crash": 3},
                steps={"crash": "failed"},
                failure=Failure(step="crash", node="crash", error_type="LookupError", message="attempt 3"),
            ),
        ),
    ),
    Scenario(
        "Where the next attempt would come too late, the last error is why.",
        flow("no-time-left").triggered_by(START).then(stumble(9).retry(9, initial=NEVER).timeout(within=LATER)).build(),
        (
            Expected(
                calls=["stumble"],
                steps={"stumble": "failed"},
                failure=Failure(step="stumble", node="stumble", error_type="NodeError", message="attempt 1"),
            ),
        ),
    ),
    Scenario(
        "A node that does not answer is given up after its timeout, as often as it is tried.",
        flow("late")
        .triggered_by(START)
        .then(hang().timeout(SHORT).retry(2, initial=SOON))
        .on_failure(echo(failure().error_type).as_("told"))
        .build(),
        (
            Expected(
                calls=["hang", "told"],
                attempts={"hang": 2},
                steps={"hang": "failed", "told": "completed"},
                failure=Failure(step="hang", node="hang", error_type="TimeoutError", message="no answer within 1 s"),
            ),
        ),
    ),
    Scenario(
        "A node of the local lane that does not answer is given up in the same words.",
        flow("late-here").triggered_by(START).then(hang().timeout(SHORT).retry(2, initial=SOON).lane("local")).build(),
        (
            Expected(
                calls=["hang"],
                attempts={"hang": 2},
                steps={"hang": "failed"},
                failure=Failure(step="hang", node="hang", error_type="TimeoutError", message="no answer within 1 s"),
            ),
        ),
    ),
    Scenario(
        "All attempts together have a limit, which the first of them may reach.",
        flow("late-altogether")
        .triggered_by(START)
        .then(hang().timeout(LATER, within=SHORT).retry(2, initial=SOON))
        .build(),
        (
            Expected(
                calls=["hang"],
                steps={"hang": "failed"},
                failure=Failure(step="hang", node="hang", error_type="TimeoutError", message="not done within 1 s"),
            ),
        ),
    ),
    Scenario(
        "A node that promised to give signs of life, and gives none, is given up.",
        flow("silent").triggered_by(START).then(hang().timeout(LATER, heartbeat=SHORT).retry(1)).build(),
        (
            Expected(
                calls=["hang"],
                steps={"hang": "failed"},
                failure=Failure(step="hang", node="hang", error_type="TimeoutError", message="no heartbeat within 1 s"),
            ),
        ),
    ),
    Scenario(
        "A plain node says how far it is, and its next attempt knows.",
        flow("tells-its-progress").triggered_by(START).then(progress(9).as_("walk").retry(2, initial=SOON)).build(),
        (Expected(calls=["walk"], attempts={"walk": 2}, steps={"walk": "completed"}, result={"walk": ["page", 8]}),),
    ),
    Scenario(
        "A node that asks for no pause at all is tried again at once.",
        flow("asks-for-no-pause").triggered_by(START).then(throttle(0).as_("queued").retry(2, initial=NEVER)).build(),
        (Expected(calls=["queued"], attempts={"queued": 2}, steps={"queued": "completed"}, result={"queued": 2}),),
    ),
    Scenario(
        "A branch that fails lets the others end; the first failure in plan order is the run's, whichever came first.",
        flow("two-fail")
        .triggered_by(START)
        .then_parallel(
            refuse_after("second", "first in the plan").as_("first"),
            refuse("second in the plan").as_("second"),
            [double(1).as_("third"), double(output("third")).as_("fourth")],
        )
        .then(echo("never").as_("after"))
        .build(),
        (
            Expected(
                calls=[frozenset({"first", "second", "third", "fourth"})],
                steps={
                    "parallel": "failed",
                    "first": "failed",
                    "second": "failed",
                    "third": "completed",
                    "fourth": "completed",
                    "after": "pending",
                },
                failure=Failure(
                    step="first", node="refuse_after", error_type="TerminalError", message="first in the plan"
                ),
            ),
        ),
    ),
    Scenario(
        "What has completed is undone, last step first, each with what its step gave; then on_failure, with the why.",
        flow("undone")
        .triggered_by(START)
        .then(double(1).as_("one").on_failure(echo(output("one")).as_("undo_one"), greet("one").as_("undo_one_more")))
        .when(output("one") == 2)
        .then(double(2).as_("two").on_failure(quick(output("two")).as_("undo_two")))
        .end_when()
        .then(refuse("no").as_("three").on_failure(echo("never").as_("undo_three")))
        .on_failure(
            greet(text("{} ({}): {}: {}", failure().step, failure().node, failure().error_type, failure().message)).as_(
                "told"
            ),
            echo("bye").as_("bye"),
        )
        .build(),
        (
            Expected(
                calls=["one", "two", "three", "undo_two", "undo_one", "undo_one_more", "told", "bye"],
                steps={
                    "one": "completed",
                    "undo_one": "completed",
                    "undo_one_more": "completed",
                    "when": "completed",
                    "two": "completed",
                    "undo_two": "completed",
                    "three": "failed",
                    "undo_three": "pending",
                    "told": "completed",
                    "bye": "completed",
                },
                taken={"when": "then"},
                failure=Failure(step="three", node="refuse", error_type="TerminalError", message="no"),
            ),
        ),
    ),
    Scenario(
        "An undo that fails does not keep the rest from being undone, and the run fails by its first failure.",
        flow("undo-fails")
        .triggered_by(START)
        .then(double(1).as_("one").on_failure(echo("undone").as_("undo_one")))
        .then(double(2).as_("two").on_failure(refuse("cannot").as_("undo_two"), echo("more").as_("undo_two_more")))
        .then(refuse("no"))
        .on_failure(greet(env("UNSET")).as_("told"), echo(failure().message).as_("bye"))
        .build(),
        (
            Expected(
                calls=["one", "two", "refuse", "undo_two", "undo_two_more", "undo_one", "bye"],
                steps={
                    "one": "completed",
                    "undo_one": "completed",
                    "two": "completed",
                    "undo_two": "failed",
                    "undo_two_more": "completed",
                    "refuse": "failed",
                    "told": "failed",
                    "bye": "completed",
                },
                failure=Failure(step="refuse", node="refuse", error_type="TerminalError", message="no"),
                compensation_failures=(
                    Failure(step="undo_two", node="refuse", error_type="TerminalError", message="cannot"),
                    Failure(
                        step="told",
                        node="greet",
                        error_type="MissingEnvironmentError",
                        message="environment variable UNSET is not set on the worker: set it and restart the worker",
                    ),
                ),
            ),
        ),
    ),
    Scenario(
        "A failure in a block fails the blocks around it.",
        flow("fails-inside")
        .triggered_by(START)
        .when(input_data("go") == 1)
        .when(input_data("on") == 2)
        .then_parallel(refuse("no"), double(1).as_("beside"))
        .end_when()
        .end_when()
        .build(),
        (
            Expected(
                calls=[frozenset({"refuse", "beside"})],
                steps={
                    "when": "failed",
                    "when_2": "failed",
                    "parallel": "failed",
                    "refuse": "failed",
                    "beside": "completed",
                },
                taken={"when": "then", "when_2": "then"},
                failure=Failure(step="refuse", node="refuse", error_type="TerminalError", message="no"),
            ),
        ),
        input={"go": 1, "on": 2},
    ),
    Scenario(
        "A decision that fails for good fails the run, by its own step.",
        flow("cannot-decide").triggered_by(START).when(env("UNSET") == "prod").then(echo("never")).end_when().build(),
        (
            Expected(
                calls=[],
                steps={"when_decision": "failed", "when": "pending", "echo": "pending"},
                failure=Failure(
                    step="when_decision",
                    node="resolute.Evaluate",
                    error_type="MissingEnvironmentError",
                    message="environment variable UNSET is not set on the worker: set it and restart the worker",
                ),
            ),
        ),
    ),
    Scenario(
        "A secret that is not there is named, and nothing is called.",
        flow("missing-secret").triggered_by(START).then(log_in_badly(secret("UNSET_TOKEN"))).build(),
        (
            Expected(
                calls=[],
                steps={"log_in_badly": "failed"},
                failure=Failure(
                    step="log_in_badly",
                    node="log_in_badly",
                    error_type="MissingEnvironmentError",
                    message="secret UNSET_TOKEN is not set on the worker: set it and restart the worker",
                ),
            ),
        ),
    ),
    Scenario(
        "A secret in an error is masked.",
        flow("told-in-anger").triggered_by(START).then(log_in_badly(secret("TOKEN"))).build(),
        (
            Expected(
                calls=["log_in_badly"],
                steps={"log_in_badly": "failed"},
                failure=Failure(
                    step="log_in_badly", node="log_in_badly", error_type="TerminalError", message="*** is refused"
                ),
            ),
        ),
    ),
    Scenario(
        "An argument that does not fit is refused before the node is called, and named without its value.",
        flow("does-not-fit").triggered_by(START).then(double(input_data("number"))).build(),
        (
            Expected(
                calls=[],
                steps={"double": "failed"},
                failure=Failure(
                    step="double",
                    node="double",
                    error_type="InvalidArgumentsError",
                    message="node 'double' does not accept its input: number: Input should be a valid integer, "
                    "unable to parse string as an integer",
                ),
            ),
        ),
        input={"number": "many"},
    ),
    Scenario(
        "A result that its type refuses names the field.",
        flow("misread").triggered_by(START).then(misread().retry(5, initial=SOON)).build(),
        (
            Expected(
                calls=["misread"],
                steps={"misread": "failed"},
                failure=Failure(
                    step="misread",
                    node="misread",
                    error_type="InvalidResultError",
                    message="node 'misread' returned a value that does not fit its return type: "
                    "load: Input should be a valid number, "
                    "unable to parse string as a number",
                ),
            ),
        ),
    ),
    Scenario(
        "Input that is larger than Temporal takes fails its step, and the run goes on to what follows a failure.",
        flow("argument-too-large")
        .triggered_by(START)
        .then(inflate(MEGABYTE).as_("large"))
        .then(double(1).as_("one").on_failure(echo("undone").as_("undo_one")))
        .then(echo([output("large"), output("large"), output("large")]))
        .on_failure(echo(failure().error_type).as_("told"))
        .build(),
        (
            Expected(
                calls=["large", "one", "undo_one", "told"],
                steps={
                    "large": "completed",
                    "one": "completed",
                    "undo_one": "completed",
                    "echo": "failed",
                    "told": "completed",
                },
                failure=Failure(
                    step="echo",
                    node="echo",
                    error_type="PayloadTooLargeError",
                    message="the input of step 'echo' (echo) is 3,000,020 bytes, Temporal accepts 2,093,056: "
                    "pass a reference to the data (an id, a URL) instead of the data",
                ),
            ),
        ),
    ),
    Scenario(
        "A node's result that is larger than Temporal takes fails the node for good.",
        flow("result-too-large").triggered_by(START).then(inflate(3 * MEGABYTE).lane("local")).build(),
        (
            Expected(
                calls=["inflate"],
                steps={"inflate": "failed"},
                failure=Failure(
                    step="inflate",
                    node="inflate",
                    error_type="ResultTooLargeError",
                    message="node 'inflate' returned 3,000,002 bytes, Temporal accepts 2,093,056: "
                    "return a reference to the data (an id, a URL) instead",
                ),
            ),
        ),
    ),
    Scenario(
        "A run's result that is larger than Temporal takes fails the run.",
        flow("outcome-too-large")
        .triggered_by(START)
        .then(inflate(MEGABYTE).as_("large"))
        .on_failure(echo(failure().error_type).as_("told"))
        .returns([output("large"), output("large"), output("large")])
        .build(),
        (
            Expected(
                calls=["large", "told"],
                steps={"large": "completed", "told": "completed"},
                failure=Failure(
                    step="",
                    node="",
                    error_type="PayloadTooLargeError",
                    message="the result of flow 'outcome-too-large' is 3,000,010 bytes, Temporal accepts 2,093,056: "
                    "pass a reference to the data (an id, a URL) instead of the data",
                ),
            ),
        ),
    ),
    Scenario(
        "A text that cannot hold its values fails the step that wants it.",
        flow("text-does-not-fit")
        .triggered_by(START)
        .then(double(1).as_("one").on_failure(echo("undone").as_("undo_one")))
        .then(greet(text("{:d}", input_data("number"))))
        .on_failure(echo(failure().step).as_("told"))
        .build(),
        (
            Expected(
                calls=["one", "undo_one", "told"],
                steps={"one": "completed", "undo_one": "completed", "greet": "failed", "told": "completed"},
                failure=Failure(
                    step="greet",
                    node="greet",
                    error_type="TextError",
                    message="text('{:d}') cannot be filled with the given values: "
                    "Unknown format code 'd' for object of type 'str'",
                ),
            ),
        ),
        input={"number": "many"},
    ),
    Scenario(
        "A condition that cannot be evaluated fails its when, and the blocks around it.",
        flow("condition-does-not-fit")
        .triggered_by(START)
        .then_parallel(
            branch().when(text("{:d}", input_data("number")) == "1").then(echo("never")).end_when(),
            double(1).as_("beside"),
        )
        .on_failure(greet(failure().step).as_("told"))
        .build(),
        (
            Expected(
                calls=["beside", "told"],
                steps={
                    "parallel": "failed",
                    "when": "failed",
                    "echo": "pending",
                    "beside": "completed",
                    "told": "completed",
                },
                failure=Failure(
                    step="when",
                    node="",
                    error_type="TextError",
                    message="text('{:d}') cannot be filled with the given values: "
                    "Unknown format code 'd' for object of type 'str'",
                ),
            ),
        ),
        input={"number": "many"},
    ),
)
