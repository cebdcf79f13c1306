"""The rooms of the house: which module stands where, whom it may know, and what may stand in it.

This file is the one to edit when a module is added or a room learns to know another one. A room may know only rooms
that stand above it in `ROOMS`, so nothing can ever climb; modules of one room know each other freely, without cycles.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Room:
    """Modules with one duty, and the rooms that they may import from.

    A module is written as its dotted name; a package stands for everything in it; `x.__init__` is the door of a
    package alone; `*` stands for any name.
    """

    name: str
    modules: tuple[str, ...]
    knows: tuple[str, ...] = ()


ROOMS = (
    Room(
        name="words",
        modules=(
            "resolute.plan.errors",
            "resolute.plan.values",
            "resolute.plan.language",
            "resolute.plan.expressions",
            "resolute.plan.shapes",
            "resolute.plan.context",
            "resolute.plan.triggers",
            "resolute.plan.verification",
            "resolute.plan.cron",
            "resolute.plan.calendars",
            "resolute.plan.daylight",
            "resolute.plan.policies",
            "resolute.plan.plan",
            "resolute.plan.provider",
        ),
    ),
    Room(
        name="writing",
        modules=(
            "resolute.writing.node",
            "resolute.writing.decision",
            "resolute.references",
            "resolute.writing.flow",
            "resolute.writing.builder",
            "resolute.writing.draft",
            "resolute.writing.compiler",
            "resolute.writing.checks",
            "resolute.fits",
            "resolute.writing.diagram",
        ),
        knows=("words",),
    ),
    Room(
        name="running",
        modules=(
            "resolute.running.state",
            "resolute.running.evaluate",
            "resolute.running.saga",
            "resolute.running.interpreter",
            "resolute.running.runtime",
            "resolute.running.report",
            "resolute.running.result",
        ),
        knows=("words",),
    ),
    Room(name="door", modules=("resolute.__init__",), knows=("words", "writing")),
    Room(
        name="execution",
        modules=("resolute.execution.executor", "resolute.execution.secrets"),
        knows=("words", "writing", "running"),
    ),
    Room(
        name="memory",
        modules=("resolute.memory.runtime", "resolute.testing"),
        knows=("words", "writing", "running", "execution"),
    ),
    Room(name="temporal", modules=("resolute.temporal",), knows=("words", "writing", "running", "execution")),
    Room(name="pagerduty", modules=("resolute_pagerduty",), knows=("words", "writing", "door", "memory")),
    Room(name="flows", modules=("flows",), knows=("door", "pagerduty")),
    Room(
        name="worker",
        modules=("resolute_worker",),
        knows=("words", "writing", "running", "door", "execution", "memory", "temporal", "pagerduty"),
    ),
)

# What the workflow is made of: all that the code reached from it may be. The world is on the other side of that line.
INSIDE_THE_WORKFLOW = ("words", "running", "temporal")

# A library, or a name of one, and the only modules in which it may be used.
ONLY_IN = {
    "temporalio": ("resolute.temporal", "resolute_worker"),
    "httpx": ("resolute_*.client", "resolute_*.events", "resolute_*.simulator", "resolute_worker.demo", "flows"),
    "starlette": ("resolute_*.simulator", "resolute_worker"),
    "uvicorn": ("resolute_*.simulator", "resolute_worker"),
    "typer": ("resolute_worker",),
    "rich": ("resolute_worker",),
    "watchfiles": ("resolute_worker",),
    "mcp": ("resolute_worker",),
    "croniter": ("resolute.plan.cron",),
    "pytest": ("resolute.testing", "resolute_*.testing"),
    "os.environ": ("resolute.execution.secrets", "resolute_*.config", "resolute_worker"),
    "os.getenv": ("resolute.execution.secrets", "resolute_*.config", "resolute_worker"),
}

# What a room never holds: the wall clock and chance (they differ in a replay), logging (it returns facts instead), and
# the waits that end in finishing order, which is the one thing that two runs of the same plan never share.
CHANCE = (
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.datetime.today",
    "datetime.date.today",
    "time",
    "random",
    "secrets",
    "uuid.uuid1",
    "uuid.uuid4",
    "os.urandom",
)
NEVER_IN = {
    "words": (*CHANCE, "logging", "asyncio", "anyio"),
    "writing": (*CHANCE, "logging", "anyio"),
    "running": (*CHANCE, "logging", "anyio", "asyncio.wait", "asyncio.as_completed"),
    "door": (*CHANCE, "logging", "asyncio", "anyio"),
}

# Rooms whose own code never waits: what an author writes is collected and checked without an event loop. Excepted is
# what a worker takes from them: it enters a provider, and runs the node that decides.
NEVER_ASYNC = ("words", "writing", "door")
TAKEN_BY_WORKERS = ("resolute.plan.provider", "resolute.writing.decision")

# The only readers of the kinds of a step; each is closed by a last case that raises.
READERS_OF_STEPS = (
    "resolute.plan.plan",
    "resolute.writing.compiler",
    "resolute.writing.checks",
    "resolute.writing.diagram",
    "resolute.running.interpreter",
)
