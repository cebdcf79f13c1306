"""The rooms of the house: whom each may know, and what may stand in it.

A room is a folder. Every folder of `resolute/` is one, read from the tree, and so is every other package of the house
as a whole; only who may know whom is written here. A room may know only rooms that stand above it in `KNOWS`, so
nothing can ever climb; modules of one room know each other freely, without cycles.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]

KNOWS: Final[Mapping[str, tuple[str, ...]]] = {
    "plan": (),
    "writing": ("plan",),
    "running": ("plan",),
    "providing": ("plan",),
    "door": ("plan", "writing"),
    "execution": ("plan", "writing", "running"),
    "memory": ("plan", "writing", "running", "execution"),
    "testing": ("plan", "writing", "running", "execution", "memory"),
    "temporal": ("plan", "writing", "running", "execution"),
    "providers": ("plan", "writing", "providing", "door", "testing"),
    "flows": ("door", "testing", "providers"),
    "worker": (
        "plan",
        "writing",
        "running",
        "door",
        "execution",
        "memory",
        "testing",
        "temporal",
        "providing",
        "providers",
    ),
}
"""Whom each room may import from."""

LAYERS: Final[Mapping[str, tuple[str, ...]]] = {
    "resolute.temporal": ("values", "trust", "wire", "workflows", "schedules", "history", "client", "activities"),
}
"""The folders within a room, each of which knows only those before it; modules beside them know them all."""


@dataclass(frozen=True, kw_only=True)
class Room:
    """Modules with one duty, and the rooms that they may import from.

    `modules` are dotted names; a package stands for everything in it, `x.__init__` for the door of a package alone.
    """

    name: str
    modules: tuple[str, ...]
    knows: tuple[str, ...] = ()


def rooms_of(tree: Path) -> tuple[Room, ...]:
    """The rooms of a checkout, in the order of `KNOWS`; a folder that is not in it comes last and knows nobody."""
    found = {
        **{folder: (f"resolute.{folder}",) for folder in _packages(tree / "resolute")},
        "door": ("resolute.__init__",),
        "providers": tuple(_packages(tree / "providers")),
        "flows": ("flows",),
        "worker": tuple(_packages(tree / "worker")),
    }
    names = [*(name for name in KNOWS if name in found), *(name for name in found if name not in KNOWS)]
    return tuple(Room(name=name, modules=found[name], knows=KNOWS.get(name, ())) for name in names)


def _packages(folder: Path) -> list[str]:
    return sorted(found.name for found in folder.iterdir() if any(found.glob("*.py")))


ROOMS: Final = rooms_of(ROOT)

# What the workflow is made of: all that the code reached from it may be. The world is on the other side of that line.
INSIDE_THE_WORKFLOW = ("plan", "running", "temporal")

# A library, or a name of one, and the only modules in which it may be used.
ONLY_IN = {
    "temporalio": ("resolute.temporal", "resolute_worker"),
    "httpx": (
        "resolute_*.http",
        "resolute_*.calls.events",
        "resolute_*.simulator",
        "resolute_worker.board.oidc",
        "resolute_worker.demo",
        "resolute_worker.embedded.guard",
        "resolute_worker.watch.telling",
        "flows",
    ),
    "starlette": ("resolute_*.simulator", "resolute_worker"),
    "uvicorn": ("resolute.testing.simulating", "resolute_worker"),
    "slack_sdk": ("resolute_slack.http",),
    "aiohttp": ("resolute_slack.http",),
    "opentelemetry": ("resolute_worker.tracing", "resolute_worker.spans"),
    "botocore": ("resolute.temporal.values.bucket", "resolute.temporal.values.bucket_errors"),
    "typer": ("resolute_worker",),
    "rich": ("resolute_worker",),
    "watchfiles": ("resolute_worker",),
    "mcp": ("resolute_worker",),
    "authlib": ("resolute_worker.board.oidc",),
    "joserfc": ("resolute_worker.board.oidc",),
    "jinja2": ("resolute_worker.board",),
    "markupsafe": ("resolute_worker.board",),
    "croniter": ("resolute.plan.cron",),
    "pytest": ("resolute.testing", "resolute_*.testing"),
    "os.environ": ("resolute.execution.secrets", "resolute_*.account.config", "resolute_worker"),
    "os.getenv": ("resolute.execution.secrets", "resolute_*.account.config", "resolute_worker"),
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
    "plan": (*CHANCE, "logging", "asyncio", "anyio"),
    "writing": (*CHANCE, "logging", "anyio"),
    "running": (*CHANCE, "logging", "anyio", "asyncio.wait", "asyncio.as_completed"),
    "door": (*CHANCE, "logging", "asyncio", "anyio"),
}

# Rooms whose own code never waits: what an author writes is collected and checked without an event loop. Excepted is
# what a worker takes from them: it enters a provider, and runs the node that decides.
NEVER_ASYNC = ("plan", "writing", "door")
TAKEN_BY_WORKERS = ("resolute.plan.provider", "resolute.writing.decision")

# Nobody asks for the kind of a step: its own files on each floor, and the registers, are all that know it by class. A
# call is everybody's: it is what all other kinds are for.
KINDS_OF_STEPS = ("resolute.plan.kinds", "resolute.writing.kinds", "resolute.running.kinds")
KNOWN_BY_ALL = ("resolute.plan.kinds.call",)
KNOWS_KINDS = {
    "resolute.plan.kinds": (*KINDS_OF_STEPS, "resolute.plan.plan"),
    "resolute.running.kinds": ("resolute.running.interpreter",),
    "resolute.writing.kinds": ("resolute.writing", "resolute"),
}
