"""What is kept of an error's traceback: the author's lines."""

import json

from resolute.execution.trace import trace_of


def _raised(call: object, *arguments: object) -> BaseException:
    try:
        call(*arguments)  # type: ignore[operator]  # any callable
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def _helper(values: dict[str, int]) -> int:
    return values["nope"]


def test_the_authors_lines_are_kept() -> None:
    """File, line, function and code of each of the author's frames, the innermost last."""
    lines = trace_of(_raised(_helper, {})).splitlines()

    assert 'tests/unit/test_trace.py"' in lines[-2]
    assert lines[-2].endswith("in _helper")
    assert '    return values["nope"]' == lines[-1]


def test_libraries_are_left_out() -> None:
    """Where a library raises, the author's call of it is shown, and nothing of the library."""
    trace = trace_of(_raised(json.loads, "{"))

    assert "json/decoder.py" not in trace
    assert "in _raised" in trace


def test_causes_and_groups_are_followed() -> None:
    """What an error came from has its lines too: causes, and the members of a group."""

    def caused() -> None:
        try:
            _helper({})
        except KeyError as error:
            raise ValueError("no such metric") from error

    def grouped() -> None:
        raise BaseExceptionGroup("two", [_raised(caused), _raised(_helper, {})])

    trace = trace_of(_raised(grouped))

    assert "one of the group: ValueError: no such metric" in trace
    assert "caused by KeyError: 'nope'" in trace
    assert 3 <= trace.count("test_trace.py")


def test_a_deep_trace_is_bounded() -> None:
    """A recursion without an end leaves its last calls, and how many there were."""

    def deeper(depth: int) -> int:
        return deeper(depth + 1)

    lines = trace_of(_raised(deeper, 0)).splitlines()

    assert len(lines) < 40
    assert "more calls" in lines[0]
