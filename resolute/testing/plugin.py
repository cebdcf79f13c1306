"""The pytest plugin of `resolute`: the fixture `flow_tester`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from resolute.testing import FlowTester


@pytest.fixture
def flow_tester() -> type[FlowTester]:
    """Returns `FlowTester`, to call with a flow."""
    # Imported here, so that pytest runs that test something else do not load the engine.
    from resolute.testing import FlowTester

    return FlowTester
