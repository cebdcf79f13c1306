"""How a plan is drawn."""

from resolute import flow, input_data, manual, node, secret, text
from resolute.diagram import mermaid, outline


@node
async def check(url: str) -> str:
    return url


@node(name="chat.Tell")
async def tell(message: str, key: str = "") -> None:
    raise OSError(message, key)


health = check("x").as_("health")
PLAN = (
    flow("watch")
    .triggered_by(manual("now"))
    .then(health.on_failure(tell("undo").as_("undo")))
    .when(health.output == 'a "quoted" <b> & c')
    .then_parallel(tell(text("{}", health.output), secret("API_KEY")), check("y"))
    .otherwise()
    .when(input_data("x") == 1)
    .then(check("z").as_("z"))
    .end_when()
    .end_when()
    .on_failure(tell("failed").as_("failed"))
    .build()
    .plan
)
STATUSES = {
    "health": "completed", "when": "completed", "parallel": "failed", "tell": "failed", "check": "running",
    "when_2": "skipped", "z": "skipped",
}  # fmt: skip


def test_an_outline_shows_every_step() -> None:
    """Blocks indented, conditions in words, undo steps under their step."""
    assert """\
watch
  on manual now
  health: check
    undo: undo: chat.Tell
  when health == 'a "quoted" <b> & c'
    in parallel
      branch 1
        tell: chat.Tell
      branch 2
        check
  otherwise
    when input.x == 1
      z: check
  on failure
    failed: chat.Tell""" == outline(PLAN)


def test_an_outline_shows_how_each_step_stands() -> None:
    """A mark before each step."""
    lines = outline(PLAN, STATUSES).splitlines()

    assert [
        "  ✓ health: check",
        "    undo:   undo: chat.Tell",
        "  ✓ when health == 'a \"quoted\" <b> & c'",
        "    ✗ in parallel",
    ] == lines[2:6]
    assert "        … check" in lines
    assert "      - z: check" in lines


def test_a_flowchart_shows_every_way() -> None:
    """Both answers of a condition, every branch, and what stands apart: undo and failure steps."""
    assert """\
flowchart TD
    n0(["manual now"])
    n1["health: check"]
    n0 --> n1
    n2["undo: chat.Tell"]
    n1 -. undo .-> n2
    n3{"health == 'a &quot;quoted&quot; &lt;b&gt; &amp; c'"}
    n1 --> n3
    n4{{"in parallel"}}
    n3 -->|yes| n4
    n5["tell: chat.Tell"]
    n4 --> n5
    n6["check"]
    n4 --> n6
    n7{"input.x == 1"}
    n3 -->|no| n7
    n8["z: check"]
    n7 -->|yes| n8
    n9(["end"])
    n5 --> n9
    n6 --> n9
    n8 --> n9
    n7 -->|no| n9
    n10(["on failure"])
    n11["failed: chat.Tell"]
    n10 --> n11""" == mermaid(PLAN)


def test_a_flowchart_is_coloured_by_how_each_step_stands() -> None:
    """One style for each step whose status has a colour."""
    styles = [line.split()[1] for line in mermaid(PLAN, STATUSES).splitlines() if line.startswith("    style")]

    assert ["n1", "n3", "n4", "n5", "n6", "n7", "n8"] == styles
