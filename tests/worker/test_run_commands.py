"""Commands that find a run, cancel it, or try its failed step again."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client, WorkflowFailureError

from resolute_worker.embedded import EmbeddedServer
from tests.patience import PATIENCE
from tests.worker.listing import listed
from tests.worker.processes import at_work, resolute

FLOWS = """
from pathlib import Path
from resolute import NodeError, Retry, TerminalError, flow, manual, node

@node
def count(name: str) -> int:
    file = Path(name)
    number = int(file.read_text()) + 1 if file.exists() else 1
    file.write_text(str(number))
    return number

@node
def open_door(marker: str) -> str:
    if not Path(marker).exists():
        raise TerminalError("the door is shut")
    return "open"

@node(retry=Retry(attempts=0))
def never() -> str:
    raise NodeError("not yet")

start = manual("start")
for lane in ("activity", "local"):
    globals()[lane] = (
        flow(f"{lane}-door").triggered_by(start)
        .then(count(f"{lane}.count").as_("counted"))
        .then(open_door(f"{lane}.mended").lane(lane).as_("door"))
        .build()
    )
undone = (
    flow("undone-door").triggered_by(start)
    .then(count("undone.count").as_("counted").on_failure(count("undone.back").as_("back")))
    .then(open_door("never").as_("door"))
    .build()
)
waiting = flow("waiting").triggered_by(start).then(never().as_("patience")).build()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the worker and the commands run."""
    return tmp_path_factory.mktemp("doors")


@pytest.fixture(scope="module")
async def place(folder: Path, server: EmbeddedServer) -> AsyncIterator[dict[str, str]]:
    """The variables of a worker at work on the flows above, one for all tests."""
    async with at_work(FLOWS, folder, server.address) as place:
        yield place


@pytest.mark.parametrize("lane", ["activity", "local"])
async def test_a_failed_step_is_tried_again(folder: Path, place: dict[str, str], client: Client, lane: str) -> None:
    """After its cause is mended, a failed run goes on at the step that failed; what completed is not done again."""
    failed = await resolute("run", f"{lane}-door", "--json", folder=folder, **place)
    (folder / f"{lane}.mended").touch()
    run = json.loads(failed[1])["run"]
    retried = await resolute("retry", run, "--json", folder=folder, **place)
    result = await _ended(client, run, folder, place)

    assert (1, 0) == (failed[0], retried[0]), retried[2]
    assert "door" == json.loads(retried[1])["step"]
    assert ("completed", {"counted": 1, "door": "open"}) == result
    assert "1" == (folder / f"{lane}.count").read_text()


async def _ended(client: Client, run: str, folder: Path, place: dict[str, str]) -> tuple[str, object]:
    """How a run ended, as soon as it has, and its result."""
    with contextlib.suppress(WorkflowFailureError):
        await client.get_workflow_handle(run).result()
    _, printed, _ = await resolute("show", run, "--json", folder=folder, **place)
    shown = json.loads(printed)
    return shown["status"], shown["report"]["result"]


async def test_what_was_undone_is_not_tried_again(folder: Path, place: dict[str, str], client: Client) -> None:
    """A run whose undo steps have run cannot go on from its middle, and the reason is said."""
    failed = await resolute("run", "undone-door", "--json", folder=folder, **place)
    await listed(client, json.loads(failed[1])["run"])
    code, _, said = await resolute("retry", "undone-door", folder=folder, **place)

    assert (1, 2) == (failed[0], code)
    assert "has been undone (back)" in said


async def test_a_run_is_cancelled(folder: Path, place: dict[str, str], client: Client) -> None:
    """A run that would be tried for ever ends when it is cancelled; one that has ended is not cancelled again."""
    begun = await resolute("run", "waiting", "--no-wait", "--json", folder=folder, **place)
    run = json.loads(begun[1])["run"]
    cancelled = await resolute("cancel", run, folder=folder, **place)
    status, _ = await _ended(client, run, folder, place)
    again = await resolute("cancel", run, folder=folder, **place)
    retried = await resolute("retry", run, folder=folder, **place)

    assert (0, "cancelled") == (cancelled[0], status)
    assert (2, 2) == (again[0], retried[0])
    assert "has already ended" in again[2]
    assert "only a failed run can be retried" in retried[2]


async def test_a_run_is_found_by_what_a_person_knows(folder: Path, place: dict[str, str], client: Client) -> None:
    """A flow's name is its latest run, the beginning of an id is enough, and one that fits several names them."""
    first, second = [
        json.loads((await resolute("run", "undone-door", "--json", folder=folder, **place))[1])["run"] for _ in "12"
    ]
    await listed(client, first, second)
    latest = await resolute("show", "undone-door", "--json", folder=folder, **place)
    prefix = await resolute("show", first[:-3], "--json", folder=folder, **place)
    several = await resolute("show", "undone-door/", folder=folder, **place)
    nothing = await resolute("show", "nowhere", folder=folder, **place)

    assert [second, first] == [json.loads(shown[1])["workflow_id"] for shown in (latest, prefix)]
    assert (2, 2) == (several[0], nothing[0])
    assert first in several[2]
    assert "see `resolute runs`" in nothing[2]


async def test_a_run_is_taken_up_again(folder: Path, place: dict[str, str], client: Client) -> None:
    """Rerun starts a run that keeps completed steps, in bulk too, and says what it leaves out; try runs one step."""
    (folder / "activity.count").unlink(missing_ok=True)
    (folder / "activity.mended").unlink(missing_ok=True)
    code, out, _ = await resolute("run", "activity-door", "--json", folder=folder, **place)
    failed = json.loads(out)["run"]
    assert 1 == code
    await listed(client, failed, status="Failed")

    (folder / "activity.mended").touch()
    code, out, said = await resolute("rerun", failed, "--json", folder=folder, **place)
    assert (2, "set RESOLUTE_PLAN_KEYS" in said) == (code, True), said
    for given, wanted in (
        (("rerun", failed, "--from", "dor"), "has no step 'dor'"),
        (("rerun",), "name a run, or give --flow for many"),
        (("rerun", "nothing"), "Temporal knows no run 'nothing'"),
        (("rerun", "--flow", "activity-door", "--since", "soon"), "is no length of time: give one such as 30m"),
        (("rerun", "--flow", "activity-door", "--since", "1h"), "run(s)? There is no terminal"),
        (("try", "activity-door", "counted", "--from", failed, "--plan", "own"), "Step counted of activity-door runs"),
    ):
        code, _, said = await resolute(*given, folder=folder, **place)
        assert (2, True) == (code, wanted in said), said
    assert "1" == (folder / "activity.count").read_text()


async def test_a_dry_run_writes_nothing_and_says_what_it_would_have_done(folder: Path, place: dict[str, str]) -> None:
    """Every step is made but those that may write, and `show` says that the run was dry."""
    (folder / "undone.count").unlink(missing_ok=True)
    code, out, said = await resolute("run", "undone-door", "--dry-run", folder=folder, **place)
    shown = ""
    async with asyncio.timeout(PATIENCE):
        while "a dry run: nothing was written" not in shown:  # until this run is the latest that is listed
            _, shown, _ = await resolute("show", "undone-door", folder=folder, **place)

    assert (0, False) == (code, (folder / "undone.count").exists()), said
    assert "It would have done:" in out
    assert "counted  count(name='undone.count')  (it may change something)" in out
    assert "not done: it may change something; its output is made up" in shown
