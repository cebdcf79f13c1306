"""Flows in a test: no server, no network, no waiting."""

from resolute.memory import RecordedCall
from resolute.testing.fakes import NoAnswerError, UnknownFakeError
from resolute.testing.tester import FlowTester, TestedRun

__all__ = ["FlowTester", "NoAnswerError", "RecordedCall", "TestedRun", "UnknownFakeError"]
