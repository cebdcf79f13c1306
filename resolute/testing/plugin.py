"""What `resolute` brings to every pytest that can import it: the fixture `flow_tester`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from resolute.testing import FlowTester


@pytest.fixture
def flow_tester() -> type[FlowTester]:
    """Gives `FlowTester`, to be called with a flow."""
    # Here, so that a pytest that tests something else does not load the engine.
    from resolute.testing import FlowTester

    return FlowTester
