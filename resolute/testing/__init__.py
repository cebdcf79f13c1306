"""Tests for flows: no server, no network, no waiting."""

from resolute.memory.ended import RecordedCall
from resolute.testing.bench import Bench
from resolute.testing.fakes import FakeError, NoAnswerError, UnknownFakeError, WrongAnswerError
from resolute.testing.tester import FlowTester, TestedRun

__all__ = [
    "Bench",
    "FakeError",
    "FlowTester",
    "NoAnswerError",
    "RecordedCall",
    "TestedRun",
    "UnknownFakeError",
    "WrongAnswerError",
]
