"""The tests themselves: each says what it promises."""

from tests.house import rules
from tests.house.reading import ROOT, module


def test_every_test_says_what_it_promises() -> None:
    """A test without a docstring tells nobody what broke."""
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    untold = [
        finding
        for path in files
        for finding in rules.untold_tests(module(path.stem, path.read_text(), str(path.relative_to(ROOT))))
    ]

    assert not untold, "\n".join(untold)


def test_a_silent_test_is_seen() -> None:
    """Functions and methods, plain and async, are looked at; helpers are not."""
    silent = module(
        "test_it", "class TestIt:\n    async def test_a(self): ...\ndef test_b(): 'Says it.'\ndef helper(): ..."
    )

    assert ["test_it.py:2 test_a does not say what it promises"] == rules.untold_tests(silent)
