"""A plan is data: frozen, complete, and the same in every process."""

import subprocess
import sys
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from resolute import Flow, Plan, State, branch, env, flow, manual, node, one_of, previous, schedule, secret, text
from resolute.plan.kinds.call import Call, calls_in
from resolute.plan.step import walk


class Health(BaseModel):
    status: str
    tags: list[str] = []


@node
async def check(url: str, options: dict[str, Any] | None = None) -> Health:
    raise OSError(url, options)


@node
async def tell(message: str, key: str = "") -> None:
    raise OSError(message, key)


def worth_telling(state: State) -> bool:
    return "health" in state


WORDS = frozenset({"alpha", "beta", "gamma", "delta", "epsilon"})


class Asked(BaseModel):
    tags: set[str] = set(WORDS)


class Tagged(Asked):
    more: dict[str, frozenset[str]] = {"all": WORDS}


def rich() -> Flow:
    options = {"$odd": [1, {"a": None}], "$$": 0.5, "set": WORDS, "model": Tagged(), "models": [Tagged()]}
    health = check(env("URL"), options=options).as_("health").retry(3)
    return (
        flow("watch", description="Watches.")
        .triggered_by(schedule("*/5 * * * *"), manual("now"))
        .then(health.on_failure(tell("undo")))
        .when(one_of(health.output.status, WORDS) & (previous(health.output.status) == "well"))
        .then_parallel(tell(text("{}", health.output.status), secret("API_KEY")), branch().then(tell("b")))
        .otherwise()
        .when(worth_telling)
        .then(tell("c"))
        .end_when()
        .when(lambda state: state["health"]["status"] in {"a", "b", "c", "d"})
        .then(tell("d"))
        .end_when()
        .end_when()
        .on_failure(tell("failed"))
        .returns({"status": health.output.status})
        .build()
    )


def asked() -> Flow:
    return flow("asked").triggered_by(manual("ask", input=Asked)).then(tell("x")).build()


def test_a_plan_is_the_same_after_its_journey_as_json() -> None:
    """Nothing is lost on the way into a history and back."""
    plan = rich().plan
    again = Plan.model_validate_json(plan.model_dump_json())

    assert plan == again
    assert plan.fingerprint == again.fingerprint
    assert [type(step) for step in walk(plan.steps)] == [type(step) for step in walk(again.steps)]


@pytest.mark.parametrize("seed", ["1", "2", "77"])
def test_a_plan_is_the_same_in_every_process(seed: str) -> None:
    """Neither the order of sets nor the identity of objects gets into a plan, decisions included."""
    program = (
        "import importlib.util, sys; spec = importlib.util.spec_from_file_location(sys.argv[2], sys.argv[1]); "
        "module = importlib.util.module_from_spec(spec); sys.modules[sys.argv[2]] = module; "
        "spec.loader.exec_module(module); print(module.rich().plan.fingerprint, "
        "module.asked().plan.fingerprint)"
    )
    there = subprocess.run(
        [sys.executable, "-c", program, __file__, __name__],
        env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()

    assert f"{rich().plan.fingerprint} {asked().plan.fingerprint}" == there


def test_another_flow_has_another_fingerprint() -> None:
    """Any difference of the data is a difference of the name."""
    plan = rich().plan

    assert plan.fingerprint != plan.model_copy(update={"description": "Watches!"}).fingerprint


@pytest.mark.parametrize("field", ["name", "steps", "triggers"])
def test_a_plan_cannot_be_changed(field: str) -> None:
    """A run in flight and a deployed schedule may hold the same plan."""
    with pytest.raises(ValidationError, match="frozen"):
        setattr(rich().plan, field, ())


def test_a_plan_holds_neither_callables_nor_secrets() -> None:
    """Only names: of nodes, of secrets, of decisions."""

    def leaves(value: Any) -> list[Any]:
        if isinstance(value, dict):
            return [leaf for item in value.values() for leaf in leaves(item)]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # any JSON
        if isinstance(value, list):
            return [leaf for item in value for leaf in leaves(item)]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # any JSON
        return [value]

    assert {type(leaf) for leaf in leaves(rich().plan.model_dump(mode="json"))} <= {str, int, float, bool, type(None)}
    assert {"$secret": "API_KEY"} in [call.arguments.get("key") for call in calls_in(rich().plan.steps)]


def test_every_node_of_a_plan_has_its_function_in_the_flow() -> None:
    """Decisions and undo steps among them."""
    built = rich()

    assert {call.node for call in calls_in((*built.plan.steps, *built.plan.on_failure))} == set(built.nodes)


def test_an_unknown_field_is_not_passed_over() -> None:
    """A plan of a newer version is refused instead of being run without what it says."""
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Call.model_validate({"id": "a", "node": "b", "colour": "red"})


def test_a_flow_remembers_only_where_it_reads_earlier_runs() -> None:
    """The plan says which values, and of which type."""
    first = check("x").as_("check")
    watch = flow("watch").triggered_by(schedule("@hourly")).then(first)
    reading = watch.when(previous(first.output.status) == "ill").then(tell("x")).end_when().build().plan

    assert (False, ()) == (watch.build().plan.remembers, watch.build().plan.memory)
    assert (True, [("check", ("status",))]) == (reading.remembers, [(read.step, read.path) for read in reading.memory])


@node(effect="read", lane="local")
def look(url: str) -> str:
    return url


def test_a_plan_says_what_each_call_does_to_the_world() -> None:
    """As its node says; a node that says nothing writes, a function that decides is pure."""
    seen = look("x").as_("seen")
    built = flow("f").triggered_by(manual("m")).then(seen.on_failure(tell("undo"))).when(worth_telling).then(tell("x"))
    plan = built.end_when().when(seen.output == env("Y")).then(tell("y")).end_when().build().plan

    assert {"seen": "read", "seen_undo": "write", "tell": "write", "tell_2": "write"} == {
        call.id: call.effect for call in calls_in(plan.steps) if not call.id.endswith("decision")
    }
    assert {"pure"} == {call.effect for call in calls_in(plan.steps) if call.id.endswith("decision")}


def test_a_call_of_an_older_plan_writes_and_its_plan_stays_the_same() -> None:
    """A call without an effect writes; saying so changes neither the plan nor its fingerprint."""
    old: dict[str, Any] = {"name": "old", "steps": [{"kind": "call", "id": "a", "node": "check"}]}
    plan = Plan.model_validate(old)

    assert ["write"] == [call.effect for call in calls_in(plan.steps)]
    assert "effect" not in plan.model_dump_json()
    assert (
        Plan.model_validate({**old, "steps": [{**old["steps"][0], "effect": "write"}]}).fingerprint == plan.fingerprint
    )
