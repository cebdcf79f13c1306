"""The examples in the docstrings of the provider run."""

import doctest
import importlib
import pkgutil

import pytest

import resolute_pagerduty

MODULES = sorted(
    found.name
    for found in pkgutil.walk_packages(resolute_pagerduty.__path__, "resolute_pagerduty.")
    if ".simulator" not in found.name
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_run(name: str):
    """What a docstring shows is what happens."""
    results = doctest.testmod(importlib.import_module(name))

    assert 0 == results.failed
