"""What is measured, and what is shipped to look at it: the page, the dashboard and the alert rules name what exists."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from resolute.temporal.workflows.meters import METRICS

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "observability"


def exposed() -> set[str]:
    """The names under which Prometheus stores the metrics."""
    ends = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
    return {metric.name + end for metric in METRICS for end in ends[metric.type]}


def named_in(text: str) -> set[str]:
    """The metrics of ours that a text names."""
    return set(re.findall(r"\bresolute_\w+", text))


def test_the_page_lists_every_metric() -> None:
    """With its type and labels, and nothing else."""
    rows = re.findall(r"^\| `(resolute_\w+)` \| (\w+) \| ([^|]+) \|", (ROOT / "docs/metrics.md").read_text(), re.M)
    total = {"counter": "_total"}

    assert {(m.name + total.get(m.type, ""), m.type, m.labels) for m in METRICS} == {
        (name, kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows
    }


def test_the_dashboard_shows_what_exists() -> None:
    """Each query names metrics that a worker has, and every metric is shown."""
    board: Any = json.loads((SHIPPED / "dashboard.json").read_text())
    queries = [target["expr"] for panel in board["panels"] for target in panel["targets"]]

    assert set() == named_in(" ".join(queries)) - exposed()
    assert [] == [metric.name for metric in METRICS if not any(metric.name in query for query in queries)]


def test_the_alert_rules_name_what_exists() -> None:
    """Each rule looks at metrics that a worker has."""
    rules = re.findall(r"^ +expr: (.+)$", (SHIPPED / "alerts.yml").read_text(), re.M)

    assert len(rules) >= 5
    assert set() == named_in(" ".join(rules)) - exposed()


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian's package prometheus) is not installed")
def test_the_alert_rules() -> None:
    """Prometheus reads the rules, and each raises its alert when it should and not before."""
    for words in (("check", "rules", "alerts.yml"), ("test", "rules", "alerts.test.yml")):
        done = subprocess.run(["promtool", *words], cwd=SHIPPED, capture_output=True, text=True, check=False)
        assert 0 == done.returncode, done.stdout + done.stderr
