"""What `build()` refuses: each mistake with its place and a hint, and all of them at once."""

import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, Never, cast

import pytest
from pydantic import BaseModel, Field

from resolute import (
    FlowBuilder,
    FlowBuildError,
    MissedBeat,
    SecretText,
    State,
    branch,
    contains,
    env,
    every,
    failure,
    flow,
    heartbeat,
    hmac_sha256,
    input_data,
    is_empty,
    manual,
    matches,
    node,
    not_,
    now,
    one_of,
    output,
    path_token,
    previous,
    schedule,
    secret,
    text,
    unverified,
    webhook,
)


class Part(BaseModel):
    name: str
    size: int = 0


class Health(BaseModel):
    status: Literal["healthy", "critical"]
    message: str
    count: int = 0
    part: Part | None = None
    parts: list[Part] = []


class Order(BaseModel):
    service: str


class Aliased(BaseModel):
    service_name: str = Field(alias="serviceName")


class Opaque:
    pass


@dataclass(frozen=True)
class Limit:
    most: int

    def reached(self, state: State) -> bool:
        return len(state.outputs) > self.most


def beaten(path: str, **options: Any) -> Any:
    given: dict[str, Any] = {"every": timedelta(hours=1), "verify": unverified(), **options}
    return heartbeat(path, **given)


@node
async def check(url: str = "") -> Health:
    raise OSError(url)


@node
async def find(name: str = "") -> Health | None:
    return None


@node
async def untyped():  # pyright: ignore[reportUnknownParameterType]  # what is tried here
    return {"load": 1}


@node
async def unchecked() -> Any:
    return {"load": 1}


@node
async def tell(message: str) -> str:
    return message


@node
async def count(number: int) -> int:
    return number


@node
async def store(part: Part) -> None:
    raise OSError(part)


@node
async def store_all(parts: list[Part], pair: tuple[str, int] = ("", 0)) -> None:
    raise OSError(parts, pair)


@node
async def login(key: SecretText, keys: list[SecretText] | None = None) -> None:
    raise OSError(key, keys)


@node
async def opaque(value: Opaque) -> Opaque:
    return value


@node
async def anything(value: Any) -> Any:
    return value


@node
async def many(*numbers: int) -> int:
    return sum(numbers)


@node(name="resolute.Evaluate")
async def ours() -> int:
    return 1


@node(name="decision.watch.when_decision")
async def decides() -> bool:
    return True


@node
async def keyed(**values: str) -> None:
    raise OSError(values)


@node(name="check")
async def another_check() -> int:
    return 1


health = check().as_("health")
maybe = find().as_("maybe")
sure = cast("Health", maybe.output)  # what an author says to a type checker, and not to build()
PLACE_1 = "then[1] 'tell'"
DECIDED = (
    "`is`, `in`, `not`, isinstance(...) and bool(...) ask the reference and not its value: "
    "write x.output != None, is_empty(x.output), contains(...), not_(...), or a function of the state"
)
INDEX = "let a node pick it and read the node's output"


def ring() -> list[Any]:
    """A list that holds itself."""
    found: list[Any] = [1]
    found.append({"again": found})
    return found


def nested(levels: int) -> list[Any]:
    """A list in a list in a list."""
    found: list[Any] = []
    for _ in range(levels):
        found = [found]
    return found


def is_bad(state: State) -> bool:
    return bool(state["health"])


def is_there(state: State) -> bool:
    return state["maybe"] is not None


def here() -> str:
    """The file and the line that asks."""
    return f"{Path(__file__).parent.name}/{Path(__file__).name}:{sys._getframe(1).f_lineno}"  # pyright: ignore[reportPrivateUsage]  # Python's way


def given(value: object) -> FlowBuilder:
    """A flow whose first step is given a value."""
    return begun().then(anything(value))


def begun(*, name: str = "watch") -> FlowBuilder:
    return flow(name).triggered_by(manual("watch"))


def told(message: object) -> FlowBuilder:
    return begun().then(health).then(tell(cast("str", message)))


def problems(builder: FlowBuilder) -> list[tuple[str, str, str]]:
    with pytest.raises(FlowBuildError) as caught:
        builder.build()
    return [(problem.place, problem.message, problem.hint) for problem in caught.value.problems]


Mistake = tuple[FlowBuilder, tuple[str, str, str]]
MISTAKES: dict[str, Mistake] = {
    "unknown step": (
        told(output("heath.message")),
        (PLACE_1, "input 'message': reads heath.message: no step is called 'heath'", "did you mean 'health'?"),
    ),
    "unknown field": (
        told(output("health.mesage")),
        (PLACE_1, "input 'message': reads health.mesage: Health has no field 'mesage'", "did you mean 'message'?"),
    ),
    "unknown field in depth": (
        told(text("{}", output("health.parts[0].nam"))),
        (PLACE_1, "input 'message': reads health.parts[0].nam: Part has no field 'nam'", "did you mean 'name'?"),
    ),
    "field of a text": (
        told(output("health.message.length")),
        (PLACE_1, "input 'message': reads health.message.length: health.message is text and has no 'length'", ""),
    ),
    "later step": (
        begun().then(tell(health.output.message)).then(health),
        ("then[0] 'tell'", "input 'message': reads health.message: step 'health' comes later",
         "read it where its step has certainly run"),
    ),
    "own output": (
        begun().then(tell(output("me")).as_("me")),
        ("then[0] 'me'", "input 'message': reads me: step 'me' comes later",
         "read it where its step has certainly run"),
    ),
    "step that may not have run": (
        begun().when(input_data("x") == 1).then(health).end_when().then(tell(health.output.message)),
        (PLACE_1, "input 'message': reads health.message: step 'health' may not have run, it is inside when[0]",
         "read it where its step has certainly run"),
    ),
    "step of the other block": (
        begun().when(input_data("x") == 1).then(health).otherwise().then(tell(health.output.message)).end_when(),
        ("when[0].otherwise.then[0] 'tell'", "input 'message': reads health.message: step 'health' comes later",
         "read it where its step has certainly run"),
    ),
    "sibling branch": (
        begun().then_parallel(health, tell(health.output.message)),
        ("parallel[0].branch[1].then[0] 'tell'",
         "input 'message': reads health.message: step 'health' runs beside this one",
         "read it where its step has certainly run"),
    ),
    "on_failure reads a step": (
        begun().then(health).on_failure(tell(health.output.message)),
        ("on_failure.then[0] 'tell'", "input 'message': reads health.message: the run may have failed before it",
         "read it where its step has certainly run"),
    ),
    "failure() in a good step": (
        begun().then(tell(failure().message)),
        ("then[0] 'tell'", "input 'message': failure() is known in on_failure steps only",
         "move the step to .on_failure(...)"),
    ),
    "no field of a failure": (
        begun().then(health).on_failure(tell(cast("Any", failure()).reason)),
        ("on_failure.then[0] 'tell'", "input 'message': reads failure.reason: Failure has no field 'reason'",
         "known: error_type, message, node, step"),
    ),
    "type of a reference": (
        begun().then(health).then(count(cast("int", health.output.message))),
        ("then[1] 'count'", "input 'number': health.message is text, the node expects an int", ""),
    ),
    "type of a clock": (
        begun().then(count(cast("int", now()))),
        ("then[0] 'count'", "input 'number': now is text, the node expects an int", ""),
    ),
    "type of an untyped environment": (
        begun().then(count(cast("int", env("COUNT")))),
        ("then[0] 'count'", "input 'number': env('COUNT') is text, the node expects an int",
         "env('COUNT', int) reads it as one"),
    ),
    "type of a typed environment": (
        begun().then(tell(cast("str", env("COUNT", int)))),
        ("then[0] 'tell'", "input 'message': env('COUNT') is an int, the node expects text", ""),
    ),
    "type in depth": (
        begun().then(health).then(store_all(cast("Any", [{"name": health.output.count}]))),
        ("then[1] 'store_all'", "input 'parts': health.count is an int, the node expects text", ""),
    ),
    "type of a position": (
        begun().then(health).then(store_all([], cast("Any", (health.output.message, health.output.message)))),
        ("then[1] 'store_all'", "input 'pair': health.message is text, the node expects an int", ""),
    ),
    "unknown field of an argument": (
        begun().then(health).then(store(cast("Any", {"nam": health.output.message}))),
        ("then[1] 'store'", "input 'part': Part has no field 'nam'", "did you mean 'name'?"),
    ),
    "object for a list": (
        begun().then(health).then(store_all(cast("Any", {"name": health.output.message}))),
        ("then[1] 'store_all'", "input 'parts': is an object, the node expects a list", ""),
    ),
    "list for an object": (
        begun().then(health).then(store(cast("Any", [health.output.message]))),
        ("then[1] 'store'", "input 'part': is a list, the node expects an object", ""),
    ),
    "type of a literal": (
        begun().then(store(cast("Any", {"name": "a", "size": "big"}))),
        ("then[0] 'store'",
         "input 'part': size: Input should be a valid integer, unable to parse string as an integer", ""),
    ),
    "literal secret": (
        begun().then(login("hunter2")),
        ("then[0] 'login'", "input 'key': a literal would be stored in the plan", "use secret('NAME')"),
    ),
    "literal secret in depth": (
        begun().then(login(secret("KEY"), keys=[secret("KEY"), "hunter2"])),
        ("then[0] 'login'", "input 'keys': a literal would be stored in the plan", "use secret('NAME')"),
    ),
    "environment for a secret": (
        begun().then(login(env("KEY"))),
        ("then[0] 'login'",
         "input 'key': takes a secret by its name, and env('KEY') is known outside of the worker as well",
         "use secret('NAME')"),
    ),
    "reference for a secret": (
        begun().then(health).then(login(secret("KEY"), keys=[health.output.message])),
        ("then[1] 'login'",
         "input 'keys': takes a secret by its name, and health.message is known outside of the worker as well",
         "use secret('NAME')"),
    ),
    "text with a secret": (
        begun().then(login(text("Bearer {}", secret("KEY")))),
        ("then[0] 'login'",
         "input 'key': takes a secret by its name, and text('Bearer {}', secret('KEY')) is known outside of the "
         "worker as well", "use secret('NAME')"),
    ),
    "number that is none": (
        given({"load": [1.0, float("nan")]}),
        ("then[0] 'anything'", "input 'value': load[1]: nan is no JSON number",
         "give null where a number is not known"),
    ),
    "number without an end": (
        given(text("{}", float("inf"))),
        ("then[0] 'anything'", "input 'value': inf is no JSON number", "give null where a number is not known"),
    ),
    "key that is a number": (
        given({0.5: "half"}),
        ("then[0] 'anything'", "input 'value': 0.5 cannot be a key of a JSON object", "write the key as text"),
    ),
    "two keys of one text": (
        given([{1: "one", "1": "uno"}]),
        ("then[0] 'anything'", "input 'value': [0]: two keys are both written '1' in JSON", "rename one of them"),
    ),
    "half of a character": (
        given({"name": "\ud83d"}),
        ("then[0] 'anything'", "input 'value': name: the text holds half of a character (a lone surrogate)",
         "decode it with errors='replace'"),
    ),
    "list that holds itself": (
        given(ring()),
        ("then[0] 'anything'", "input 'value': [1].again: the value contains itself", "remove the circular reference"),
    ),
    "value that is too deep": (
        given(nested(5000)),
        ("then[0] 'anything'", f"input 'value': {'[0]' * 12}...: lists and objects are nested more than 100 deep",
         "give the parts as a flat list"),
    ),
    "slice": (
        begun().then(health).then(anything(health.output.parts[1:])),
        ("then[1] 'anything'",
         "input 'value': a reference is followed by names and by positions from 0 on, not by [1:]", INDEX),
    ),
    "position from the end": (
        begun().then(health).then(tell(health.output.parts[-1].name)),
        (PLACE_1, "input 'message': a reference is followed by names and by positions from 0 on, not by [-1]", INDEX),
    ),
    "position from the end by name": (
        told(output("health.parts[-1].name")),
        (PLACE_1, "input 'message': a reference is followed by names and by positions from 0 on, not by [-1]", INDEX),
    ),
    "fraction of a position": (
        begun().then(health).then(tell(output("health.parts")[0.5].name)),
        (PLACE_1, "input 'message': a reference is followed by names and by positions from 0 on, not by [0.5]", INDEX),
    ),
    "NaN in a condition": (
        begun().then(health).when(health.output.count > float("nan")).then(tell("x")).end_when(),
        ("when[1]", "nan is no JSON number", "give null where a number is not known"),
    ),
    "result that holds itself": (
        begun().then(health).returns(ring()),
        ("returns", "[1].again: the value contains itself", "remove the circular reference"),
    ),
    "secret in a condition": (
        begun().when(secret("KEY") == "x").then(health).end_when(),
        ("when[0]", "a condition cannot read a secret",
         "compare it inside a node and decide on what the node returns"),
    ),
    "condition that is a text": (
        begun().then(health).when(cast("bool", health.output.message)).then(tell("x")).end_when(),
        ("when[1]", "health.message is text, a condition is true or false", "compare it with a value"),
    ),
    "condition over unlike kinds": (
        begun().then(health).when(health.output.count == cast("int", "3")).then(tell("x")).end_when(),
        ("when[1]", "health.count == '3' compares an int with text", ""),
    ),
    "condition that never holds": (
        begun().then(health).when(health.output.status == cast("Any", "critcal")).then(tell("x")).end_when(),
        ("when[1]", "it is never 'critcal'", "did you mean 'critical'?"),
    ),
    "condition that Python decided": (
        begun().then(health).when(health.output.part is not None).then(tell("x")).end_when(),
        ("when[1]", "the condition is always true: Python decided it while the flow was written", DECIDED),
    ),
    "condition that Python denied": (
        begun().then(health).when(isinstance(cast("Any", health.output.status), str)).then(tell("x")).end_when(),
        ("when[1]", "the condition is always false: Python decided it while the flow was written", DECIDED),
    ),
    "truth of a list of references": (
        begun().then(health).when(bool([health.output.part])).then(tell("x")).end_when(),
        ("when[1]", "the condition is always true: Python decided it while the flow was written", DECIDED),
    ),
    "part of a condition that Python decided": (
        begun().then(health).when(contains(health.output.message, "x") & (health.output.part is not None))
        .then(tell("x")).end_when(),
        ("when[1]", "a part of health.message contains 'x' and true is always the same: "
         "Python decided it while the flow was written", DECIDED),
    ),
    "no condition at all": (
        begun().when(cast("bool", "yes")).then(health).end_when(),
        ("when[0]", "'yes' is no condition", "write an expression over outputs, or a function of the state"),
    ),
    "joined what is no condition": (
        begun().then(health).when(contains(health.output.message, "x") & cast("Any", health.output.count))
        .then(tell("x")).end_when(),
        ("when[1]", "health.count is an int, not a condition", "compare it with a value"),
    ),
    "bound method as a condition": (
        begun().then(health).when(Limit(3).reached).then(tell("x")).end_when(),
        ("when[1]", "the function cannot be a decision: Limit.reached is bound to an object, which a run in flight "
         "could not find again", "give a function at the top of the module, or a lambda that calls the method"),
    ),
    "node as a condition": (
        begun().when(cast("Any", check)).then(health).end_when(),
        ("when[0]", "the function cannot be a decision: a NodeFactory is not a plain function",
         "give a function or a lambda, or use a @node and its output"),
    ),
    "previous where runs overlap": (
        flow("watch").triggered_by(schedule("@hourly", overlap="allow_all"))
        .then(anything(previous(health.output.message))).then(health),
        ("then[0] 'anything'",
         "input 'value': reads previous(health.message), and runs of a schedule that overlap pass no values on",
         "let the runs of the schedule not overlap, or give the flow another trigger beside it"),
    ),
    "previous of nobody": (
        flow("watch").triggered_by(every(timedelta(hours=1))).then(health)
        .then(anything(previous(output("helth.message")))),
        ("then[1] 'anything'", "input 'value': reads previous(helth.message): no step is called 'helth'",
         "did you mean 'health'?"),
    ),
    "previous where null will not do": (
        flow("watch").triggered_by(every(timedelta(hours=1))).then(health)
        .then(count(cast("int", previous(health.output.count)))),
        ("then[1] 'count'",
         "input 'number': previous(health.count) is null until its step has completed once, the node expects an int",
         "give previous(..., default=...), or let the node take None"),
    ),
    "default of another type": (
        flow("watch").triggered_by(every(timedelta(hours=1))).then(health)
        .then(count(previous(health.output.count, default=cast("int", "none")))),
        ("then[1] 'count'",
         "input 'number': previous(health.count) is an int, its default 'none' is text", ""),
    ),
    "heartbeat in the local lane": (
        begun().then(tell("x").timeout(heartbeat=timedelta(seconds=5)).lane("local")),
        ("then[0] 'tell'", "a heartbeat in the local lane is heard by nobody",
         'take .timeout(heartbeat=...) out, or use .lane("activity")'),
    ),
    "name of one of our nodes": (
        begun().then(ours()),
        ("then[0] 'evaluate'", "node names that begin with 'resolute.' are Resolute's own",
         "give another one with @node(name=...)"),
    ),
    "name of a decision": (
        begun().then(decides()),
        ("then[0] 'when_decision'", "node names that begin with 'decision.' are those of decisions",
         "give another one with @node(name=...)"),
    ),
    "node without a name": (
        begun().then(node(lambda: 1)().as_("one")),
        ("then[0] 'one'", "'<lambda>' is not a valid node name",
         "give one with @node(name=...): letters, digits, '_', '-' and '.'"),
    ),
    "flow name of ours": (
        begun(name="resolute.entity").then(health),
        ("name", "flow names that begin with 'resolute.' are Resolute's own", "give the flow another name"),
    ),
    "long step name": (
        begun().then(tell("a").as_("x" * 201)),
        ("step 'xxxxxxxxxxxxxxxxxxxx'...", "the name has 201 characters", "200 at most"),
    ),
    "parameter that is an expression": (
        begun().then(keyed(**{"$secret": "KEY"})),
        ("then[0] 'keyed'", "input '$secret': names that begin with '$' are those of expressions",
         "give the parameter another name"),
    ),
    "two steps of one name": (
        begun().then(tell("a").as_("x")).then(tell("b").as_("x")),
        ("step 'x'", "two steps have this name", "rename one of them with .as_(...)"),
    ),
    "name of an undo step": (
        begun().then(tell("a").as_("x").on_failure(tell("b").as_("x"))),
        ("step 'x'", "two steps have this name", "rename one of them with .as_(...)"),
    ),
    "step name": (
        begun().then(tell("a").as_("to tell")),
        (
            "step 'to tell'",
            "'to tell' is not a valid step name",
            "letters, digits, '_' and '-', beginning with a letter",
        ),
    ),
    "flow name": (
        begun(name="my flow").then(health),
        ("name", "'my flow' is not a valid flow name", "letters, digits, '-', '_' and '.', beginning with a letter"),
    ),
    "ambiguous reference": (
        begun().then(anonymous := check()).then(anonymous).then(tell(anonymous.output.message)),
        ("step 'check'", "a reference can mean any of check, check_2", "name each use with .as_(...)"),
    ),
    "field of an optional output": (
        begun().then(maybe).then(tell(sure.message)),
        (PLACE_1, "input 'message': reads maybe.message: maybe may be null",
         "ask first, with .when(maybe != None), or give the node all of maybe"),
    ),
    "field of an optional field in a text": (
        begun().then(health).then(tell(text("{}", output("health.part.name")))),
        (PLACE_1, "input 'message': reads health.part.name: health.part may be null",
         "ask first, with .when(health.part != None), or give the node all of health.part"),
    ),
    "field of an optional output where it is null": (
        begun().then(maybe).when(is_empty(maybe.output)).then(tell(sure.message)).end_when(),
        ("when[1].then[0] 'tell'", "input 'message': reads maybe.message: maybe may be null",
         "ask first, with .when(maybe != None), or give the node all of maybe"),
    ),
    "field of an untyped output": (
        begun().then(untyped().as_("load")).then(tell(text("{}", output("load.load")))),
        (PLACE_1, "input 'message': reads load.load: node 'untyped' does not say what it returns",
         "annotate its function, as in -> Health with a model of the fields, or -> Any to leave it unchecked"),
    ),
    "untyped output for a typed input": (
        begun().then(untyped().as_("load")).then(count(output("load"))),
        ("then[1] 'count'", "input 'number': reads load: node 'untyped' does not say what it returns",
         "annotate its function, as in -> Health with a model of the fields, or -> Any to leave it unchecked"),
    ),
    "two nodes for one then": (
        begun().then(health).when(health.output.count == 1).then(tell("a"), cast("Never", tell("b"))).end_when(),
        ("when[1].then[0]", "then(...) takes one node and was given 2",
         "write .then(a).then(b) to run one after the other, .then_parallel(a, b) to run them at the same time"),
    ),
    "stray otherwise": (
        begun().then(health).otherwise(),
        ("otherwise()", "is outside a when block", "begin with .when(condition)"),
    ),
    "second otherwise": (
        begun().when(input_data("x") == 1).then(health).otherwise().then(tell("a")).otherwise().end_when(),
        ("otherwise()", "appears twice in one when block", "nest another .when(...) in it"),
    ),
    "stray end_when": (
        begun().then(health).end_when(),
        ("end_when()", "does not close a when block", "remove it, or begin with .when(condition)"),
    ),
    "empty when": (
        begun().then(health).when(health.output.count == 1).end_when(),
        ("when[1]", "the block is empty", "add .then(node) between .when(...) and .end_when()"),
    ),
    "empty branch": (
        begun().then_parallel(health, branch()),
        ("parallel[0]", "a branch is empty", "give then_parallel one or more nodes"),
    ),
    "no branch": (
        begun().then(health).then_parallel(),
        ("parallel[1]", "a branch is empty", "give then_parallel one or more nodes"),
    ),
    "branch that fails by itself": (
        begun().then_parallel(branch().then(health).on_failure(tell("x"))),
        ("branch()", "on_failure(...) is not for a branch", "say it of the flow"),
    ),
    "no trigger": (
        flow("watch").then(health),
        (
            "trigger",
            "nothing starts the flow",
            "add .triggered_by(schedule(...)), webhook(...), heartbeat(...) or manual(...)",
        ),
    ),
    "two schedules": (
        flow("watch").triggered_by(schedule("@daily"), every(timedelta(hours=1))).then(health),
        ("trigger", "the flow has 2 schedule triggers", "keep one"),
    ),
    "no trigger at all": (
        begun().triggered_by(cast("Any", schedule)).then(health),
        (
            "trigger",
            "a function is not a trigger",
            "give schedule(...), every(...), webhook(...), heartbeat(...), manual(...) or failed_runs(...)",
        ),
    ),
    "a beat more often than a second": (
        flow("watch").triggered_by(beaten("/beat", every=timedelta(milliseconds=1))).then(health),
        ("trigger[0]", "every 0.001 seconds", "give one second to a year"),
    ),
    "grace before the beat": (
        flow("watch").triggered_by(beaten("/beat", grace=timedelta(seconds=-1))).then(health),
        ("trigger[0]", "a grace of -1 seconds", "give how late a beat may be: up to a year"),
    ),
    "a signed beat": (
        flow("watch").triggered_by(beaten("/beat", verify=hmac_sha256(secret("KEY"), header="X-Sig"))).then(health),
        (
            "trigger[0]",
            "hmac_sha256 signs a body, and a beat has none",
            "use bearer_token(...), path_token(...) or unverified()",
        ),
    ),
    "a webhook with a token in its path": (
        flow("watch").triggered_by(webhook("/hook", verify=path_token(secret("KEY")))).then(health),
        (
            "trigger[0]",
            "path_token(...) is for heartbeats",
            "use hmac_sha256(...), bearer_token(...) or unverified()",
        ),
    ),
    "two heartbeats of one path": (
        flow("watch").triggered_by(beaten("/beat"), beaten("/beat")).then(health),
        ("trigger[1]", "/beat is the path of a heartbeat already", "give each heartbeat a path of its own"),
    ),
    "a heartbeat with a key": (
        flow("watch", one_per=input_data(MissedBeat).path).triggered_by(beaten("/beat")).then(health),
        (
            "trigger[0]",
            "a run that a heartbeat starts has the heartbeat's own input, and so no key",
            "it runs once at a time anyway; give the heartbeat a flow of its own",
        ),
    ),
    "bad interval": (
        flow("watch").triggered_by(every(timedelta(seconds=0.5))).then(health),
        ("trigger[0]", "an interval of 0.5 seconds", "give whole seconds, at least one"),
    ),
    "no step": (begun(), ("steps", "the flow has no step", "add one with .then(node)")),
    "uncalled node": (
        begun().then(cast("Any", check)),
        ("then[0]", "check(...) is not a step", "call it"),
    ),
    "no node": (
        begun().then(cast("Any", 3)),
        ("then[0]", "3 is not a step", "declare it with @node and call it"),
    ),
    "uncalled undo": (
        begun().then(health.on_failure(cast("Any", check))),
        ("then[0].on_failure[0]", "check(...) is not a step", "call it"),
    ),
    "undo of an undo": (
        begun().then(health.on_failure(tell("a").on_failure(tell("b")))),
        ("then[0].on_failure[0]", "an undo step is not undone itself",
         "give its step all of them, in order"),
    ),
    "wrong argument name": (
        begun().then(cast("Any", tell)(mesage="x")),
        ("then[0] 'tell'", "missing a required argument: 'message'", "tell takes (message: str)"),
    ),
    "positional parameters": (
        begun().then(many()),
        ("then[0] 'many'", "parameter 'numbers' takes no name", "a node is given its arguments by name"),
    ),
    "policy": (
        begun().then(health.timeout(timedelta(seconds=-1))),
        ("then[0] 'health'", "timeout: Input should be greater than or equal to 0.001 "
         "[type=greater_than_equal, input_value=-1.0, input_type=float]", ""),
    ),
    "argument without a JSON form": (
        begun().then(anything(Opaque())),
        ("then[0] 'anything'", "input 'value': Unable to serialize unknown type: <class "
         f"'{Opaque.__module__}.Opaque'>", "give plain data: text, numbers, lists, objects, models, times"),
    ),
    "parameter without a JSON form": (
        begun().then(opaque(Opaque())),
        ("then[0] 'opaque'", "input 'value': Opaque has no JSON form", "declare a model, a dataclass or plain data"),
    ),
    "result without a JSON form": (
        begun().then(opaque(Opaque())),
        ("then[0] 'opaque'", "the result: Opaque has no JSON form", "declare a model, a dataclass or plain data"),
    ),
    "two nodes of one name": (
        begun().then(check()).then(another_check()),
        ("then[1] 'check_2'", "two different nodes are called 'check'", "rename one of them with @node(name=...)"),
    ),
    "field of the input": (
        flow("watch").triggered_by(manual("m", input=Order)).then(tell(input_data("servce"))),
        ("then[0] 'tell'", "input 'message': reads input.servce: Order has no field 'servce'",
         "did you mean 'service'?"),
    ),
    "input that nothing reads by its aliases": (
        begun().then(tell(input_data(Aliased).service_name)),
        ("trigger[0]", "the flow reads the input as Aliased, which has aliases, and the trigger does not",
         "say input=Aliased"),
    ),
    "result that reads the environment": (
        begun().then(health).returns({"region": env("REGION")}),
        ("returns", "a result cannot read env(...) or secret(...)", "return a node's output"),
    ),
    "result of nobody": (
        begun().then(health).returns(output("helth")),
        ("returns", "reads helth: no step is called 'helth'", "did you mean 'health'?"),
    ),
    "two results": (
        begun().then(health).returns(1).returns(2),
        ("returns(...)", "is said twice", "keep one"),
    ),
}  # fmt: skip


TWICE = input_data("x") == 1
OPEN: list[tuple[FlowBuilder, str, str, str]] = [
    (begun().then(health).when(health.output.count == 1).then(tell("x")), here(), "when[1]", "health.count == 1"),
    (begun().when(is_bad).then(health).otherwise().then(tell("x")), here(), "when[0]", "is_bad"),
    (begun().when(TWICE).otherwise().when(TWICE).then(health).end_when(), here(), "when[0]", "input.x == 1"),
    (begun().then_parallel(health, branch().when(TWICE).then(tell("x"))), here(), "parallel[0].branch[1].when[0]",
     "input.x == 1"),
]  # fmt: skip


@pytest.mark.parametrize(("builder", "where", "place", "condition"), OPEN)
def test_an_open_when_is_reported_with_its_place(builder: FlowBuilder, where: str, place: str, condition: str) -> None:
    """Which of them it is: its place in the flow, its condition, and the line that opened it."""
    message = f".when({condition}) in {where} is not closed"

    assert [(place, message, "write .end_when() where its block ends")] == problems(builder)


def test_each_open_when_is_reported() -> None:
    """The outer ones as well as the inner ones."""
    builder = begun().when(TWICE).then(health).otherwise().then(tell("x")).when(TWICE).then(tell("y"))

    assert ["when[0]", "when[0].otherwise.when[1]"] == [place for place, _, _ in problems(builder)]


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_reported_with_its_place_and_a_hint(name: str) -> None:
    """Each mistake in its author's words: where, what, and what to do."""
    builder, expected = MISTAKES[name]

    assert expected in problems(builder)


ALONE = [name for name in MISTAKES if name not in {
    "parameter without a JSON form", "result without a JSON form", "argument without a JSON form"}]  # fmt: skip


@pytest.mark.parametrize("name", ALONE)
def test_a_mistake_is_reported_once(name: str) -> None:
    """One mistake is one problem, however many checks meet it."""
    builder, expected = MISTAKES[name]

    assert [expected] == problems(builder)


def test_a_bad_cron_text_is_reported_as_a_mistake_of_the_flow() -> None:
    """It says which trigger, and what is wrong with it."""
    ((place, message, hint),) = problems(flow("watch").triggered_by(schedule("61 * * * *")).then(health))

    assert "trigger[0]" == place
    assert "61" in message + hint


def test_every_mistake_is_in_one_error() -> None:
    """The author sees everything at once, in columns, in the order of the flow."""
    builder = (
        flow("smart-alerting")
        .triggered_by(manual("m"))
        .then(count(cast("int", env("NUMBER"))).as_("first"))
        .then(health)
        .when(health.output.status == "critical")
        .then(tell(output("health.mesage")))
        .end_when()
    )
    with pytest.raises(FlowBuildError) as caught:
        builder.build()

    assert str(caught.value) == (
        "2 problems in flow 'smart-alerting'\n"
        "  then[0] 'first'         input 'number': env('NUMBER') is text, the node expects an int"
        " (env('NUMBER', int) reads it as one)\n"
        "  when[2].then[0] 'tell'  input 'message': reads health.mesage: Health has no field 'mesage'"
        " (did you mean 'message'?)"
    )


def test_a_refused_secret_is_not_shown() -> None:
    """The error about a literal secret would otherwise be where it leaks."""
    with pytest.raises(FlowBuildError) as caught:
        begun().then(login("hunter2", keys=["hunter3"])).build()

    assert "hunter" not in str(caught.value)


def test_what_fits_is_let_through() -> None:
    """A reference that may be null, a number for a float, a wider union: only what can never fit is refused."""

    @node
    async def measured(load: float, name: str | int, part: Part) -> None: ...

    step = measured(health.output.count, health.output.message, cast("Part", health.output.part))

    assert begun().then(health).then(step).build()


def test_a_default_stands_in_for_what_was_not_there_before() -> None:
    """It is of the value's own type then, for the check and in an order."""
    watch = flow("watch").triggered_by(every(timedelta(hours=1))).then(health)
    more = previous(health.output.count, default=0)

    assert watch.when(more > 3).then(count(more)).end_when().build()


def test_a_parameter_may_have_any_name_of_python() -> None:
    """Also one that Python's own classes use."""

    @node
    async def odd(self: int, name: str, function: int) -> int:
        return self + function

    assert begun().then(odd(self=1, name="a", function=2)).build()


BOTH = [output("maybe.status") == "critical", output("maybe.count") > 3]
PRESENT: dict[str, Any] = {
    "is not null": maybe.output != None,  # noqa: E711  # a condition, as authors write it
    "is not empty": not_(is_empty(maybe.output)),
    "equals": sure.status == "critical",
    "is more than": sure.count > 3,
    "is one of": one_of(sure.status, ["critical"]),
    "matches": matches(sure.message, "^x"),
    "holds": contains(sure.message, "x"),
    "all of it": BOTH[0] & (output("health.count") == 1),
    "either way": BOTH[0] | BOTH[1],
    "not null in the environment": (maybe.output != None) & (env("MODE") == "loud"),  # noqa: E711  # see above
    "as a function found": is_there,
}


@pytest.mark.parametrize("name", PRESENT)
def test_what_a_condition_has_asked_for_is_there(name: str) -> None:
    """A field of what may be null is read in the block of a condition that rules null out."""
    builder = begun().then(health).then(maybe).when(PRESENT[name])

    assert builder.then(tell(sure.message)).end_when().build()


ABSENT = {
    "null": maybe.output == None,  # noqa: E711  # a condition, as authors write it
    "something else": output("health.count") == 1,
    "one of two": BOTH[0] | (output("health.count") == 1),
    "not equal": sure.status != "critical",
}


@pytest.mark.parametrize("name", ABSENT)
def test_a_condition_that_says_nothing_of_it_does_not_do(name: str) -> None:
    """Where null is still possible, a field behind it is still a mistake."""
    builder = begun().then(health).then(maybe).when(cast("Any", ABSENT[name]))
    ((place, message, _),) = problems(builder.then(tell(sure.message)).end_when())

    assert ("when[2].then[0] 'tell'", "input 'message': reads maybe.message: maybe may be null") == (place, message)


def test_what_says_that_it_is_unchecked_is_not_checked() -> None:
    """`-> Any` is an author's word: fields of such an output are read as they come; so are optional ones by Any."""
    load = unchecked().as_("load")

    assert begun().then(load).then(tell(load.output.name)).then(maybe).then(anything(sure.message)).build()
