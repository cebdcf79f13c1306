"""`env(...)` and `secret(...)` on the worker."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolute.execution.masking import MASK, SHORTEST
from resolute.execution.secrets import Environment
from resolute.plan.errors import MissingEnvironmentError

SECRETS = st.lists(st.text("abcdef", min_size=SHORTEST, max_size=12), min_size=1, max_size=4)


def typed(kind: str, default: object = None) -> Any:
    return {"name": "X", "type": kind, "default": default}


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("8080", "int", 8080), ("0.5", "number", 0.5), ("a", "text", "a"),
        ("true", "bool", True), ("On", "bool", True), ("0", "bool", False), ("no", "bool", False),
    ],
)  # fmt: skip
def test_a_variable_is_read_as_its_type(value: str, kind: str, expected: object) -> None:
    """As what the author asked for."""
    found = Environment({"X": value}).read("$env", typed(kind))

    assert (type(expected), expected) == (type(found), found)


@pytest.mark.parametrize("kind", ["int", "number", "bool"])
def test_a_variable_of_another_type_fails_the_step(kind: str) -> None:
    """It says which variable, and never tries again."""
    with pytest.raises(MissingEnvironmentError, match=f"environment variable X is not a {kind}: 'maybe'"):
        Environment({"X": "maybe"}).read("$env", typed(kind, default=1))


@pytest.mark.parametrize("variables", [{}, {"X": ""}])
def test_a_default_stands_in_for_an_unset_variable(variables: dict[str, str]) -> None:
    """An empty variable is as good as none; false is a default like any other."""
    assert Environment(variables).read("$env", typed("bool", default=False)) is False
    with pytest.raises(MissingEnvironmentError, match="environment variable X is not set on the worker"):
        Environment(variables).read("$env", typed("int"))
    with pytest.raises(MissingEnvironmentError, match="secret X is not set on the worker"):
        Environment(variables).read("$secret", "X")


def test_a_rotated_secret_is_picked_up() -> None:
    """Each call reads anew, and the value before stays masked."""
    variables = {"KEY": "first-value"}
    environment = Environment(variables)
    environment.read("$secret", "KEY")
    variables["KEY"] = "second-value"

    assert "second-value" == environment.read("$secret", "KEY")
    assert f"{MASK} {MASK}" == environment.mask("first-value second-value")


def test_what_was_never_read_as_a_secret_is_left_alone() -> None:
    """A plain variable is no secret, and a very short one would be found everywhere."""
    environment = Environment({"KEY": "abc", "PLAIN": "plain-value"})
    environment.read("$secret", "KEY")
    environment.read("$env", "PLAIN")

    assert "abc plain-value" == environment.mask("abc plain-value")


@given(SECRETS, st.data())
def test_nothing_of_a_secret_is_left(secrets: list[str], data: st.DataObject) -> None:
    """Also where one secret is a part of another: a text that is a secret is masked whole."""
    environment = Environment({})
    environment.remember(secrets)
    chosen = data.draw(st.sampled_from(secrets))

    assert {f"x {MASK}": [f"{MASK}!", 1, None]} == environment.mask_json({f"x {chosen}": [f"{chosen}!", 1, None]})
