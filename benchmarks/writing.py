"""What writing flows costs: importing Resolute, and building a large flow."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from benchmarks.figures import Figure, at_most
from benchmarks.subject import judge, measure
from resolute import FlowBuilder, flow, manual

STEPS = 100

_IMPORT = """
import sys, time
begun = time.perf_counter()
import resolute
print(time.perf_counter() - begun, "temporalio" in sys.modules)
"""


def import_time() -> list[Figure]:
    """Seconds of `import resolute` in a fresh process: the median, since files are cached after the first."""
    found = [
        subprocess.run([sys.executable, "-c", _IMPORT], check=True, capture_output=True, text=True).stdout.split()
        for _ in range(7)
    ]
    loads = any(words[1] == "True" for words in found)
    return [
        at_most("import resolute", statistics.median(float(words[0]) for words in found), 0.15, "s", 3),
        Figure("it loads temporalio", "yes" if loads else "no", "no", not loads),
    ]


def build_time() -> list[Figure]:
    """Milliseconds of building a flow of 100 steps, which read each other and stand in blocks."""
    times: list[float] = []
    for _ in range(9):
        begun = time.perf_counter()
        large_flow().build()
        times.append((time.perf_counter() - begun) * 1000)
    return [at_most(f"build() of {STEPS} steps", statistics.median(times), 50, "ms", 1)]


def large_flow() -> FlowBuilder:
    """A flow of 100 steps: pairs of which the second reads the first, half of them in a `when`."""
    builder = flow("large").triggered_by(manual("large"))
    for number in range(STEPS // 4):
        first = measure("checkout").as_(f"measure_{number}")
        again = measure("search").as_(f"again_{number}")
        builder = (
            builder.then(first)
            .then(judge(first.output["service"], first.output["load"]).as_(f"judge_{number}"))
            .when(first.output["load"] > 3)
            .then(again)
            .then(judge(again.output["service"], again.output["load"]).as_(f"judge_again_{number}"))
            .end_when()
        )
    return builder
