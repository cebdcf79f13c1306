"""Every error of the product is one tree, so that a caller can catch all of it, or any branch, by its type."""

import importlib
import inspect
from collections.abc import Iterator

from resolute.plan.errors import ResoluteError
from tests.house.reading import house


def _errors() -> Iterator[type[BaseException]]:
    for name in house():
        if name.startswith("flows.") or name.endswith("__main__"):
            continue
        module = importlib.import_module(name.removesuffix(".__init__"))
        for value in vars(module).values():
            # A BaseException that is no Exception is a signal that nobody may catch, not an error.
            if inspect.isclass(value) and issubclass(value, Exception) and value.__module__ == module.__name__:
                yield value


def test_every_error_is_a_resolute_error() -> None:
    """`except ResoluteError` catches whatever the product raises of its own."""
    strangers = [
        f"{error.__module__}.{error.__qualname__}" for error in _errors() if not issubclass(error, ResoluteError)
    ]

    assert not strangers, "\n".join(strangers)


def test_every_error_says_what_happened() -> None:
    """The docstring of an error is a sentence a person can read; its name ends in Error."""
    mute = [
        error.__qualname__ for error in _errors() if not inspect.getdoc(error) or not error.__name__.endswith("Error")
    ]

    assert not mute, "\n".join(mute)
